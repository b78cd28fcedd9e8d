"""A principal's one Git credential for a provider: shared by one holder, exclusive between holders.

A service principal has one Git credential for each provider in a workspace, and a pull uses the
one that is stored at that moment. So whoever promotes holds the slot until its pulls are done:
many promotions of one holder (a GitHub App's installation) at once, another holder after them.
"""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from promotion.git_credential import GitCredentials, GitToken, store_git_credential

# Databricks gives one git operation ten minutes: a token must outlive the next one.
LEAST_SECONDS = 12 * 60.0


class TokenSource(Protocol):
    """Where short-lived tokens come from."""

    @property
    def holder(self) -> str:
        """Whose tokens they are: promotions of one holder share a slot."""
        ...

    def mint(self, repositories: frozenset[str]) -> GitToken:
        """Return a new token that GitHub accepts for these repositories, as far as it may."""
        ...


@dataclass(frozen=True)
class _Stored:
    holder: str
    repositories: frozenset[str]
    token: GitToken = field(repr=False)


class CredentialSlot:
    """The slot of one principal for one provider in one workspace, within this process."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now  # wall clock, seconds: tokens expire by it
        self._changed = threading.Condition()
        self._waiting: deque[object] = deque()
        self._holder: str | None = None
        self._count = 0
        self._stored: _Stored | None = None
        self._storing = threading.Lock()
        self._number = 0  # of the stored credential

    @contextlib.contextmanager
    def held_by(self, holder: str) -> Iterator[None]:
        """Hold the slot, with the same holder's other promotions; first come, first served."""
        ticket = object()
        with self._changed:
            self._waiting.append(ticket)
            while self._waiting[0] is not ticket or self._holder not in (None, holder):
                self._changed.wait()
            self._waiting.popleft()
            self._holder, self._count = holder, self._count + 1
            self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._count -= 1
                if self._count == 0:
                    self._holder = None
                self._changed.notify_all()

    def ensure(
        self,
        credentials: GitCredentials,
        source: TokenSource,
        *,
        provider: str,
        repository: str,
        others: frozenset[str],
    ) -> int:
        """Make sure that the stored credential opens *repository* long enough for one pull.

        Called by who holds the slot. A new token covers *others* too, so that promotions that
        share the slot need not replace each other's. Returns the number of the stored credential.
        """
        with self._storing:
            if self._suffices(source.holder, repository):
                return self._number
            wanted = self._covered(source.holder) | others | {repository}
            token = source.mint(wanted)
            self._stored = None  # unknown, until Databricks has said yes
            store_git_credential(credentials, provider=provider, token=token)
            self._stored = _Stored(source.holder, wanted, token)
            self._number += 1
            return self._number

    def forget(self, number: int) -> None:
        """Have a new token stored at the next chance, unless *number* was replaced already."""
        with self._storing:
            if number == self._number:
                self._stored = None

    def _covered(self, holder: str) -> frozenset[str]:
        if self._stored is None or self._stored.holder != holder:
            return frozenset()
        return self._stored.repositories

    def _suffices(self, holder: str, repository: str) -> bool:
        stored = self._stored
        return (
            stored is not None
            and stored.holder == holder
            and repository in stored.repositories
            and stored.token.expires_at - self._now() > LEAST_SECONDS
        )
