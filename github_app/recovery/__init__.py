"""What no webhook brought.

`scheduler` starts the periodic jobs: `missed_deliveries` reads GitHub's delivery log, `reconcile`
compares Git folders with their branches, with `folder_backoff` for those that keep failing.
"""
