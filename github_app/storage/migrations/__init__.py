"""Alembic migrations of the service's own tables, run by `storage.database.migrate`."""
