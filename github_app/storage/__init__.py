"""The tables, and the statements that keep their invariants.

`tables` defines them, `database` opens and migrates them. A branch's row is the queue:
`push_order` decides which push is its newest, `claims` who promotes it and how that ends,
`pending` marks a branch that no push made pending, `branches` reads. The others own one table
each, or one job on several: `retention`, `clock_repair`.
"""
