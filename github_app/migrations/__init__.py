"""Alembic migrations of the service's own tables; `github_app.database.migrate` runs them."""
