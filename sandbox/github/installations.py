"""Accounts, and the App's installations on them."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field

from sandbox.github.repositories import Repository


@dataclass(frozen=True)
class Account:
    """A user or an organization."""

    id: int
    login: str
    type: str  # "User" or "Organization"


@dataclass
class Installation:
    """The App on one account: on all its repositories but those taken away."""

    id: int
    account: Account
    created_at: float
    suspended_at: float | None = None
    removed_repository_ids: set[int] = field(default_factory=set)

    @property
    def repository_selection(self) -> str:
        return "selected" if self.removed_repository_ids else "all"

    def reaches(self, repository: Repository) -> bool:
        """Say whether *repository* belongs to this installation."""
        return (
            repository.owner.lower() == self.account.login.lower()
            and repository.id not in self.removed_repository_ids
        )


class Accounts:
    """Every account, found by its login in any case."""

    def __init__(self) -> None:
        self._ids = itertools.count(1001)
        self._by_login: dict[str, Account] = {}

    def add(self, login: str, *, type: str) -> Account:  # noqa: A002 - GitHub's word
        """Return the account, new if it must be."""
        account = Account(next(self._ids), login, type)
        return self._by_login.setdefault(login.lower(), account)

    def find(self, login: str) -> Account | None:
        return self._by_login.get(login.lower())


class Installations:
    """Every installation of the App."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._ids = itertools.count(50_001)
        self._by_id: dict[int, Installation] = {}

    def add(self, account: Account) -> Installation:
        installation = Installation(next(self._ids), account, created_at=self._clock())
        self._by_id[installation.id] = installation
        return installation

    def all(self) -> list[Installation]:
        return list(self._by_id.copy().values())

    def find(self, installation_id: int) -> Installation | None:
        return self._by_id.get(installation_id)

    def on_account(self, login: str) -> Installation | None:
        wanted = login.lower()
        return next((one for one in self.all() if one.account.login.lower() == wanted), None)

    def on_repository(self, repository: Repository) -> Installation | None:
        return next((one for one in self.all() if one.reaches(repository)), None)
