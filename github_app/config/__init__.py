"""The settings: `settings` reads them, `secrets` the files they name, `secret_reloader` again.

`identity` turns a workspace's settings into an Entra identity. Imports nothing of the service.
"""
