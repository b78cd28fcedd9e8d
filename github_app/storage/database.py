"""Open the database, and migrate its tables to the schema of this release."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from promotion.errors import ConfigError, PromotionError

LOCK_WAIT_SECONDS = 30.0
_WAL_BYTES = 64 * 1024 * 1024  # the size that the write-ahead log is truncated to
_MIGRATION_LOCK = 79  # PostgreSQL advisory lock: one migration at a time
_IDLE_MILLISECONDS = 5000  # a frozen process must not lock others out
# Detects a server that vanished within seconds; by itself, TCP takes a quarter of an hour.
_SILENT_SERVER = {
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
_SCRIPTS = Path(__file__).parent / "migrations"


class SchemaError(ConfigError):
    """This release can't work with the database's tables."""


class DatabaseAwayError(PromotionError):
    """The database is unavailable now; it may be available later."""


def open_engine(url: str, *, lock_wait_seconds: float = LOCK_WAIT_SECONDS) -> sa.Engine:
    """Return an engine for *url* with the settings that make acknowledged writes durable.

    Does not connect yet. *lock_wait_seconds* limits the wait for another writer.
    """
    parsed = sa.make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return _open_sqlite(parsed, lock_wait_seconds)
    return sa.create_engine(
        parsed.set(drivername="postgresql+psycopg"),
        hide_parameters=True,
        pool_pre_ping=True,
        pool_timeout=lock_wait_seconds,
        connect_args={
            "connect_timeout": max(2, int(lock_wait_seconds)),
            "options": f"-c lock_timeout={int(lock_wait_seconds * 1000)}"
            f" -c idle_in_transaction_session_timeout={_IDLE_MILLISECONDS}",
            **_SILENT_SERVER,
        },
    )


def migrate(url: str, then: Callable[[str, sa.Engine], None]) -> None:
    """Create or upgrade our tables, then call *then* for the tables of the durable engine.

    Safe to run from several processes at once. Raises SchemaError where a newer release has
    upgraded the database, DatabaseAwayError where it can't be reached or written.
    """
    engine = open_engine(url)
    _for_the_owner_only(engine.url)
    try:
        with engine.begin() as connection:
            _upgrade(connection)
        then(url, engine)
    except sa.exc.OperationalError as exc:
        raise DatabaseAwayError(f"the database can't be used: {str(exc.orig).strip()}") from exc
    finally:
        engine.dispose()


def _for_the_owner_only(url: sa.URL) -> None:
    """Create SQLite's file for its owner only: it names private repositories.

    SQLite itself would create it readable for everybody.
    """
    if url.get_backend_name() == "sqlite" and url.database:
        with contextlib.suppress(OSError):  # SQLite reports what is wrong
            os.close(os.open(url.database, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))


def _open_sqlite(url: sa.URL, lock_wait_seconds: float) -> sa.Engine:
    if not url.database or url.database == ":memory:":
        raise ValueError(f"{url} keeps nothing: name a file, such as sqlite:////data/brickpush.db")
    # One connection: a queue in Python is fair, SQLite's busy handler is not.
    engine = sa.create_engine(
        url,
        hide_parameters=True,  # an error's text is logged, and must not hold payloads
        poolclass=sa.QueuePool,
        pool_size=1,
        max_overflow=0,
        pool_timeout=lock_wait_seconds,
    )

    @sa.event.listens_for(engine, "connect")
    def configure(connection: sa.engine.interfaces.DBAPIConnection, _record: object) -> None:
        connection.isolation_level = "IMMEDIATE"
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout={int(lock_wait_seconds * 1000)}")
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute(f"PRAGMA journal_size_limit={_WAL_BYTES}")
        cursor.close()

    return engine


def _upgrade(connection: sa.Connection) -> None:
    if connection.dialect.name == "sqlite":
        # sqlite3 begins a transaction by itself before a change of rows, not before CREATE TABLE.
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    else:
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_MIGRATION_LOCK)))
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    scripts = ScriptDirectory.from_config(config)
    known = {script.revision for script in scripts.walk_revisions()}
    current = MigrationContext.configure(connection).get_current_revision()
    if current is not None and current not in known:
        raise SchemaError(
            f"the database has revision {current}, and this release knows up to"
            f" {scripts.get_current_head()}: it was upgraded by a newer release; start that one,"
            " or restore the backup made before the upgrade"
        )
    command.upgrade(config, "head")
