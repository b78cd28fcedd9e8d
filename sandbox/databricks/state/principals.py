"""The principals of a workspace, and their permissions on paths."""

from __future__ import annotations

import itertools
import secrets
import threading
from dataclasses import dataclass, field

from sandbox.databricks.state import paths

LEVELS = ("CAN_READ", "CAN_RUN", "CAN_EDIT", "CAN_MANAGE")


@dataclass(frozen=True)
class Principal:
    """A user or service principal that the workspace knows."""

    name: str  # a user's name, or a service principal's client id
    id: int
    admin: bool
    is_user: bool


@dataclass(frozen=True)
class Grant:
    """A permission level on a path and all beneath it."""

    principal: str
    path: str
    level: str


@dataclass
class Principals:
    """The principals of a workspace, their personal access tokens and their permissions."""

    _by_name: dict[str, Principal] = field(default_factory=dict)
    _by_token: dict[str, str] = field(default_factory=dict, repr=False)
    _grants: list[Grant] = field(default_factory=list)
    _ids: itertools.count[int] = field(
        default_factory=lambda: itertools.count(3_000_000_000_000_019, 104_729)
    )
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, name: str, *, admin: bool, is_user: bool) -> Principal:
        with self._lock:
            principal = Principal(name, next(self._ids), admin, is_user)
            self._by_name[name] = principal
        return principal

    def add_token(self, name: str) -> str:
        """Return a new personal access token of the user *name*."""
        token = f"dapi{secrets.token_hex(16)}"
        with self._lock:
            self._by_token[token] = name
        return token

    def by_name(self, name: str) -> Principal | None:
        return self._by_name.get(name)

    def by_token(self, token: str) -> Principal | None:
        return self._by_name.get(self._by_token.get(token, ""))

    def by_id(self, principal_id: int) -> Principal | None:
        with self._lock:
            everybody = list(self._by_name.values())
        return next((each for each in everybody if each.id == principal_id), None)

    def first_service_principal(self) -> Principal | None:
        with self._lock:
            everybody = list(self._by_name.values())
        return next((each for each in everybody if not each.is_user), None)

    def grant(self, name: str, path: str, level: str) -> None:
        """Give a level on *path* and all beneath it."""
        if level not in LEVELS:
            raise ValueError(f"level must be one of {', '.join(LEVELS)}, not {level!r}")
        with self._lock:
            self._grants = [*self._grants, Grant(name, paths.normalise(path), level)]

    def grants_on(self, path: str) -> list[Grant]:
        """Return the grants that reach *path*."""
        return [grant for grant in self._grants if paths.is_within(path, grant.path)]

    def may(self, principal: Principal, level: str, path: str) -> bool:
        """Return whether *principal* has at least *level* on *path*."""
        if principal.admin:
            return True
        wanted = LEVELS.index(level)
        return any(
            grant.principal == principal.name and LEVELS.index(grant.level) >= wanted
            for grant in self.grants_on(path)
        )

    def may_list(self, principal: Principal, path: str) -> bool:
        """Return whether *principal* may list a directory, perhaps only to pass through it."""
        return (
            path in paths.ROOTS
            or self.may(principal, "CAN_READ", path)
            or any(
                grant.principal == principal.name and paths.is_within(grant.path, path)
                for grant in self._grants
            )
        )
