"""A stand-in GitHub with real git: smart HTTP, REST, an App, webhooks and check runs."""
