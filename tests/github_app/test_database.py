from __future__ import annotations

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from github_app.storage import database
from github_app.storage.database import SchemaError
from github_app.storage.tables import metadata
from github_app.wiring import migrate
from github_app.worker.engine import EngineError


@pytest.mark.parametrize("backend", ["sqlite", "postgresql"], indirect=True)
def test_the_migrations_make_the_tables_that_the_code_declares(tables):
    ours = {*metadata.tables}

    def is_ours(thing, name, kind, _reflected, _compared):
        return name in ours if kind == "table" else True

    with tables.connect() as connection:
        context = MigrationContext.configure(connection, opts={"include_object": is_ours})
        differences = compare_metadata(context, metadata)

    assert differences == []


def test_migrating_twice_changes_nothing(database_url):
    migrate(database_url)


def test_tables_of_a_newer_release_are_left_alone(database_url, tables):
    with tables.begin() as tx:
        tx.execute(sa.text("update alembic_version set version_num = '9999'"))

    with pytest.raises(SchemaError, match="has revision 9999, and this release knows"):
        migrate(database_url)


@pytest.mark.parametrize("backend", ["sqlite", "postgresql"], indirect=True)
def test_the_durable_engines_tables_of_a_newer_release_are_left_alone(
    database_url, tables, backend
):
    name = "dbos_migrations" if backend == "sqlite" else "dbos.dbos_migrations"
    with tables.begin() as tx:
        tx.execute(sa.text(f"update {name} set version = 9999"))

    with pytest.raises(EngineError, match="have version 9999, and this release knows up to"):
        migrate(database_url)


def test_what_is_committed_survives_a_power_cut(tables):
    with tables.connect() as connection:
        settings = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "busy_timeout", "journal_size_limit")
        }

    assert settings == {
        "journal_mode": "wal",
        "synchronous": 2,  # FULL
        "busy_timeout": 30_000,
        "journal_size_limit": 67_108_864,
    }


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:"])
def test_a_database_in_memory_is_refused(url):
    with pytest.raises(ValueError, match="keeps nothing"):
        database.open_engine(url)


def test_postgresql_is_opened_with_its_own_settings():
    engine = database.open_engine("postgresql://someone@127.0.0.1/brickpush", lock_wait_seconds=1)

    assert engine.url.drivername == "postgresql+psycopg"
    assert not engine.pool.checkedout()
