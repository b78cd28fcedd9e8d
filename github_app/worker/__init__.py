"""From a pending branch to promoted Git folders.

`engine` polls and claims, and starts each claim as a durable workflow; `runs` carries one out and
records how it ended; `promoter` promotes in every workspace and reports by `progress`. Before
that, `branch_head` asks GitHub where the branch is, and `former_names` which names are its.

A worker holds a lease (`lease`, `postgres_lease`); `takeover` takes back what a dead worker ran.
The one Git credential of a principal is guarded by `credential_locks`: files on one machine,
`postgres_credential_lock` among several.
"""
