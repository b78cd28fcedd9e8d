"""What people read on the commit.

`render` makes the texts, `publish` writes a check run or else a commit status, `deployments` the
deployments. What GitHub does not take at once, and what may wait, goes to `outbox` and is sent by
`outbox_writer`. `check_run_records` remembers what was written, `outcomes` what the details page
shows, which `details_link` signs.
"""
