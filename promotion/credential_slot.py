"""A principal's one Git credential for a provider: shared by one holder, exclusive between holders.

A service principal has one Git credential for each provider in a workspace, and a pull uses the
one that is stored at that moment. So whoever promotes holds the slot until its pulls are done:
many promotions of one holder (a GitHub App's installation) at once, another holder after them.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

from promotion.git_credential import GitCredentials, GitToken, store_git_credential
from promotion.slot_keeper import FOREVER, OneProcess, Patience, SlotKeeper, Stored

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


class CredentialSlot:
    """The slot of one principal for one provider in one workspace."""

    def __init__(self, now: Callable[[], float], keeper: SlotKeeper | None = None) -> None:
        """*keeper* is what other processes share with this one; without it there are none."""
        self._now = now  # wall clock, seconds: tokens expire by it
        self._keeper = keeper or OneProcess()

    def held_by(self, holder: str, patience: Patience = FOREVER) -> AbstractContextManager[None]:
        """Hold the slot, with the same holder's other promotions; first come, first served.

        Raises SlotError where another holder has it for longer than the *patience* lasts.
        """
        return self._keeper.held_by(holder, patience)

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
        if stored := self._sufficient(source.holder, repository):
            return stored.number
        with self._keeper.storing():
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

        Called by who holds the slot, to prove that it can be done.
        """
        with self._keeper.storing():
            wanted = self._covered(source.holder) | repositories
            token, _ = self._store(credentials, source, provider, wanted)
            return token

    def forget(self, number: int) -> None:
        """Have a new token stored at the next chance, unless *number* was replaced already."""
        with self._keeper.storing():
            stored = self._keeper.stored()
            if stored is not None and stored.number == number:
                self._keeper.unknown()

    def _store(
        self,
        credentials: GitCredentials,
        source: TokenSource,
        provider: str,
        repositories: frozenset[str],
    ) -> tuple[GitToken, Stored]:
        token = source.mint(repositories)
        self._keeper.unknown()  # until Databricks has said yes
        store_git_credential(credentials, provider=provider, token=token)
        return token, self._keeper.store(source.holder, repositories, token.expires_at)

    def _covered(self, holder: str) -> frozenset[str]:
        stored = self._keeper.stored()
        if stored is None or stored.holder != holder:
            return frozenset()
        return stored.repositories

    def _sufficient(self, holder: str, repository: str) -> Stored | None:
        """Return what is stored where it opens *repository* long enough for one pull."""
        stored = self._keeper.stored()
        if stored is None or stored.holder != holder or repository not in stored.repositories:
            return None
        return stored if stored.expires_at - self._now() > LEAST_SECONDS else None
