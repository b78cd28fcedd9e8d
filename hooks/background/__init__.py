"""The detached process after a push: `worker` starts it, `job` is its work.

`push_end` waits for the process of the push, `verify` finds out whether the push arrived, and
`single_flight` lets only one promotion run for a branch.
"""
