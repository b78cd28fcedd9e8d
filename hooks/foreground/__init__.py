"""What `git push` waits for: imports `os`, `sys` and little else, and nothing of ours outside.

`pushed_refs` reads what git says is pushed, `tracking_refs` where the refs were before,
`parent_process` finds the process of the push, `spawn` starts the background process.
"""
