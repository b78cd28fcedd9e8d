"""A principal's one Git credential for a provider: shared by one holder, exclusive between holders.

A service principal has one Git credential for each provider in a workspace, and a pull uses the
one that is stored at that moment. So a promotion holds the slot until its pulls are done. Many
promotions of one holder (a GitHub App's installation) run at once; another holder waits for them.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

from promotion.credential_lock import FOREVER, CredentialLock, OneProcess, Patience, Stored
from promotion.git_credential import GitCredentials, GitToken, store_git_credential

# Databricks allows one git operation ten minutes, and a token must outlive the next one.
LEAST_SECONDS = 12 * 60.0


class TokenSource(Protocol):
    """The source of short-lived Git tokens."""

    @property
    def holder(self) -> str:
        """The owner of the tokens: promotions of one holder share a slot."""
        ...

    def mint(self, repositories: frozenset[str]) -> GitToken:
        """Return a new token for as many of these repositories as the holder may read."""
        ...


class CredentialSlot:
    """The Git credential of one principal for one provider in one workspace."""

    def __init__(self, now: Callable[[], float], lock: CredentialLock | None = None) -> None:
        """*lock* is shared with other processes; without it, only this process uses the slot."""
        self._now = now  # wall clock, seconds: tokens expire by that
        self._credential_lock = lock or OneProcess()

    def held_by(self, holder: str, patience: Patience = FOREVER) -> AbstractContextManager[None]:
        """Hold the slot together with the same holder's other promotions; first in, first out.

        Raises SlotError where another holder has it for longer than *patience* allows.
        """
        return self._credential_lock.held_by(holder, patience)

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

        The caller must hold the slot. A new token covers *others* too, so that promotions which
        share the slot do not replace each other's token. Returns the stored credential's number.
        """
        if stored := self._sufficient(source.holder, repository):
            return stored.number
        with self._credential_lock.storing():
            if stored := self._sufficient(source.holder, repository):
                return stored.number
            wanted = self._covered(source.holder) | others | {repository}
            _, stored = self._store(credentials, source, provider, wanted)
            return stored.number

    def replace(
        self,
        credentials: GitCredentials,
        source: TokenSource,
        *,
        provider: str,
        repositories: frozenset[str],
    ) -> GitToken:
        """Store a new token for *repositories* whatever is stored, and return it.

        The caller must hold the slot. The doctor uses this to check that a token can be stored.
        """
        with self._credential_lock.storing():
            wanted = self._covered(source.holder) | repositories
            token, _ = self._store(credentials, source, provider, wanted)
            return token

    def forget(self, number: int) -> None:
        """Store a new token at the next `ensure`, unless *number* was replaced already."""
        with self._credential_lock.storing():
            stored = self._credential_lock.stored()
            if stored is not None and stored.number == number:
                self._credential_lock.unknown()

    def _store(
        self,
        credentials: GitCredentials,
        source: TokenSource,
        provider: str,
        repositories: frozenset[str],
    ) -> tuple[GitToken, Stored]:
        token = source.mint(repositories)
        self._credential_lock.unknown()  # until Databricks has accepted it
        store_git_credential(credentials, provider=provider, token=token)
        return token, self._credential_lock.store(source.holder, repositories, token.expires_at)

    def _covered(self, holder: str) -> frozenset[str]:
        stored = self._credential_lock.stored()
        if stored is None or stored.holder != holder:
            return frozenset()
        return stored.repositories

    def _sufficient(self, holder: str, repository: str) -> Stored | None:
        """Return the stored credential if it opens *repository* long enough for one pull."""
        stored = self._credential_lock.stored()
        if stored is None or stored.holder != holder or repository not in stored.repositories:
            return None
        return stored if stored.expires_at - self._now() > LEAST_SECONDS else None
