"""Run migrations on the connection that `github_app.storage.database.migrate` hands over."""

from __future__ import annotations

from alembic import context

from github_app.storage.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
