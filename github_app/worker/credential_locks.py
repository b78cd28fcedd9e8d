"""Who keeps the Git credential slots: one keeper for a host, a principal and a provider.

Two names in the settings may mean one workspace, and the service and a command are two processes
with one credential. So a slot belongs to what Databricks knows, whatever the settings call it, and
its keeper agrees with other processes: by the database, or by files beside that of SQLite.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import sqlalchemy as sa

from github_app.config.settings import Settings, WorkspaceSettings
from github_app.storage.database import open_engine
from github_app.worker.credential_lock_files import SlotFiles
from github_app.worker.lease import Lease
from github_app.worker.postgres_credential_lock import SlotLease
from github_app.worker.postgres_lease import RowLease
from github_app.worker.takeover import end_leases
from promotion.credential_lock import CredentialLock, CredentialLocks, OneProcess, SlotError
from promotion.errors import ConfigError

DEFAULT_PORTS = {"https": 443, "http": 80}
MISSING = "does not exist"  # what PostgreSQL says of a database
CONNECT_SECONDS = 5.0  # for a command to reach the service's database


class Slots:
    """The keepers of one process; each slot has one, however many workspaces share it."""

    def __init__(self, make: Callable[[str], CredentialLock]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._kept: dict[str, CredentialLock] = {}

    def of(self, settings: WorkspaceSettings) -> CredentialLocks:
        """Return who keeps the slots of a workspace's principal."""
        principal = principal_of(settings)
        return lambda provider: self._credential_lock(f"{principal} {provider.casefold()}")

    def _credential_lock(self, slot: str) -> CredentialLock:
        with self._lock:
            if slot not in self._kept:
                self._kept[slot] = self._make(slot)
            return self._kept[slot]


def principal_of(settings: WorkspaceSettings) -> str:
    """Return a workspace and its principal, the same for every spelling of both. Pure."""
    # A machine's own identity has no client_id.
    principal = settings.entra.client_id or settings.entra.credential
    return f"{_origin(settings.host)} {principal.strip().casefold()}"


def _origin(url: str) -> str:
    split = urlsplit(url)
    host = (split.hostname or "").rstrip(".")
    host = f"[{host}]" if ":" in host else host
    own_port = split.port and split.port != DEFAULT_PORTS.get(split.scheme)
    return f"{split.scheme}://{host}:{split.port}" if own_port else f"{split.scheme}://{host}"


def refuse_two_minds(workspaces: Mapping[str, WorkspaceSettings]) -> None:
    """Raise ConfigError where one Git credential is to be set, and to be left alone."""
    known: dict[str, str] = {}
    for name, settings in workspaces.items():
        other = known.setdefault(principal_of(settings), name)
        if workspaces[other].git_credential != settings.git_credential:
            raise ConfigError(
                f"workspaces {other} and {name} are one host and principal, which have one Git "
                "credential: give both the same git_credential"
            )


def service_slots(tables: sa.Engine, lease: Lease) -> Slots:
    """Return the keepers of a worker of the service."""
    if tables.dialect.name == "sqlite":
        return Slots(_beside(str(tables.url.database)))
    return Slots(lambda slot: SlotLease(tables, slot, lease.executor_id))


@contextlib.contextmanager
def command_slots(settings: Settings) -> Iterator[Slots]:
    """Yield the keepers of a command, which may run beside the service.

    Nothing is opened before a slot is asked for. Where the service has never run there is nobody
    to agree with; where that can't be found out, to ask for a slot raises SlotError.
    """
    url = sa.make_url(settings.database_url)
    if url.get_backend_name() == "sqlite":
        yield Slots(lambda slot: _of_a_file(Path(str(url.database)), slot))
        return
    borrowed = _Borrowed(settings)
    try:
        yield Slots(borrowed.lock)
    finally:
        borrowed.give_back()


def _beside(database: str) -> Callable[[str], CredentialLock]:
    return lambda slot: SlotFiles(Path(f"{database}.slots"), slot)


def _of_a_file(database: Path, slot: str) -> CredentialLock:
    """Return a command's keeper: without the file no service has ever run here."""
    try:
        owner = database.stat().st_uid
    except FileNotFoundError:
        return OneProcess()
    except OSError as exc:
        raise _unknown(f"{database} can't be read ({exc.strerror})") from exc
    # What a command makes there the service must be able to open.
    if hasattr(os, "geteuid") and owner != os.geteuid():
        raise _unknown(f"{database} belongs to another user")
    return _beside(str(database))(slot)


class _Borrowed:
    """A command's own lease on PostgreSQL: its tickets end with it, as a worker's do."""

    def __init__(self, settings: Settings) -> None:
        self._url = settings.database_url
        self._ttl = settings.lease_seconds
        self._lease: RowLease | None = None
        self._tables: sa.Engine | None = None

    def lock(self, slot: str) -> CredentialLock:
        if self._tables is None:
            self._open()
        if self._lease is None or self._tables is None:
            return OneProcess()
        # Where no worker runs, nobody else ends the leases of those that were killed.
        looking = partial(end_leases, self._tables, ttl=self._ttl)
        return SlotLease(self._tables, slot, self._lease.executor_id, looking)

    def _open(self) -> None:
        self._tables = open_engine(self._url, lock_wait_seconds=CONNECT_SECONDS)
        # A command that has lost its lease ends with an error, and need not end at once.
        lease = RowLease(self._url, ttl=self._ttl, on_lost=lambda: None)
        try:
            lease.start()
        except sa.exc.SQLAlchemyError as exc:
            words = str(getattr(exc, "orig", exc)).strip().partition("\n")[0]
            if isinstance(exc, sa.exc.ProgrammingError) or MISSING in words:
                return  # no tables, or no database: the service has never run here
            self._tables = None
            raise _unknown(f"the service's database can't be used: {words}") from exc
        self._lease = lease

    def give_back(self) -> None:
        if self._lease is not None:
            self._lease.stop()
        if self._tables is not None:
            self._tables.dispose()


def _unknown(why: str) -> SlotError:
    return SlotError(
        f"nobody can say whether the service uses the principal's Git credential: {why}",
        next_step="run this where the service runs, as the user that it runs as",
    )
