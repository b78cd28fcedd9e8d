"""Accounts, and the installations of Apps on them."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from sandbox.github.state.repositories import Repository


@dataclass(frozen=True)
class Account:
    """A user or an organization."""

    id: int
    login: str
    type: str  # "User", "Organization" or "Bot"


@dataclass
class Installation:
    """An App on one account: on all its repositories, or on those that were selected."""

    id: int
    app_id: int
    account: Account
    created_at: float
    permissions: Mapping[str, str]  # accepted by the account's owner; shared with the App's own
    repository_ids: set[int] | None = None  # None: all, including future ones
    suspended_at: float | None = None

    @property
    def repository_selection(self) -> str:
        return "all" if self.repository_ids is None else "selected"

    def reaches(self, repository: Repository) -> bool:
        """Say whether *repository* belongs to this installation."""
        if repository.owner.lower() != self.account.login.lower():
            return False
        return self.repository_ids is None or repository.id in self.repository_ids


class Accounts:
    """Every account, found by its login in any case."""

    def __init__(self) -> None:
        self._ids = itertools.count(1001)
        self._lock = threading.Lock()
        self._by_login: dict[str, Account] = {}

    def add(self, login: str, *, type: str) -> Account:  # noqa: A002 - GitHub's word
        """Return the account, new if it must be."""
        with self._lock:
            known = self._by_login.get(login.lower())
            if known is None:
                known = self._by_login[login.lower()] = Account(next(self._ids), login, type)
            return known

    def all(self) -> list[Account]:
        """Return every account that an App can be installed on, oldest first."""
        with self._lock:
            return [one for one in self._by_login.values() if one.type != "Bot"]

    def find(self, login: str) -> Account | None:
        return self._by_login.get(login.lower())


class Installations:
    """Every installation of every App."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._ids = itertools.count(50_001)
        self._by_id: dict[int, Installation] = {}

    def add(
        self,
        account: Account,
        *,
        app_id: int,
        permissions: Mapping[str, str],
        repository_ids: Iterable[int] | None = None,
    ) -> Installation:
        installation = Installation(
            id=next(self._ids),
            app_id=app_id,
            account=account,
            created_at=self._clock(),
            permissions=permissions,
            repository_ids=None if repository_ids is None else set(repository_ids),
        )
        self._by_id[installation.id] = installation
        return installation

    def remove(self, installation_id: int) -> None:
        del self._by_id[installation_id]

    def all(self) -> list[Installation]:
        return list(self._by_id.copy().values())

    def of(self, app_id: int) -> list[Installation]:
        """Return the installations of one App, oldest first."""
        return [one for one in self.all() if one.app_id == app_id]

    def find(self, installation_id: int) -> Installation | None:
        return self._by_id.get(installation_id)

    def on_account(self, app_id: int, login: str) -> Installation | None:
        wanted = login.lower()
        return next((one for one in self.of(app_id) if one.account.login.lower() == wanted), None)

    def on_repository(self, app_id: int, repository: Repository) -> Installation | None:
        return next((one for one in self.of(app_id) if one.reaches(repository)), None)

    def covering(self, repository: Repository) -> list[Installation]:
        """Return the installations, of any App, that have the repository and are not suspended."""
        return [one for one in self.all() if one.reaches(repository) and one.suspended_at is None]
