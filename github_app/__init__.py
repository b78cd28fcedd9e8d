"""The GitHub App: a service that brings Git folders to the commit that was pushed.

The way of a push, and the order in which to read:

1. `webhooks` checks a request and stores it as a delivery; the branch is pending from then on.
2. `storage` holds the tables. Here the push goes through the database: nothing calls the worker.
3. `worker` polls for pending branches, claims one, and promotes it with the package `promotion`.
4. `reports` writes check runs and deployments, at once or later by way of the outbox.
5. `recovery` finds what no webhook brought: missed deliveries, and Git folders behind their branch.

Beside it: `github` talks to GitHub's API, `server` answers HTTP, `config` reads the settings,
`runtime` has logs, metrics and the shutdown. The operator's commands are `cli`, `doctor` and
`setup`. `wiring` builds the objects from the settings, `service` runs them, `__main__` lists the
commands.
"""
