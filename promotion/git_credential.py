"""Store a token as the caller's Git credential for a provider."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Protocol

from promotion.databricks import GitCredential
from promotion.errors import ApiError


@dataclass(frozen=True)
class GitToken:
    """What Databricks authenticates to GitHub with: a user name and a short-lived token."""

    username: str  # "x-access-token" for an installation token
    token: str = field(repr=False)
    expires_at: float = math.inf  # wall clock, seconds


class GitCredentials(Protocol):
    """The calls that storing a credential needs from Databricks."""

    def list_git_credentials(self) -> list[GitCredential]: ...
    def create_git_credential(self, *, provider: str, username: str, token: str) -> None: ...
    def update_git_credential(
        self, credential_id: int, *, provider: str, username: str, token: str
    ) -> None: ...


def store_git_credential(credentials: GitCredentials, *, provider: str, token: GitToken) -> None:
    """Make *token* the caller's Git credential for *provider*, whatever was there before.

    A service principal has one credential for each provider, and Databricks refuses a second one
    (409 in newer backends, 400 in older ones). So: update the existing credential, else create
    one, and update again where somebody else created one in between.
    """
    if _update(credentials, provider, token):
        return
    try:
        credentials.create_git_credential(
            provider=provider, username=token.username, token=token.token
        )
    except ApiError as exc:
        if exc.status not in (400, 409) or not _update(credentials, provider, token):
            raise


def find_git_credential(credentials: GitCredentials, provider: str) -> GitCredential | None:
    """Return the caller's Git credential for *provider*: the default one of a user's several."""
    wanted = provider.casefold()
    found = [c for c in credentials.list_git_credentials() if c.provider.casefold() == wanted]
    return next((c for c in found if c.default), found[0] if found else None)


def _update(credentials: GitCredentials, provider: str, token: GitToken) -> bool:
    chosen = find_git_credential(credentials, provider)
    if chosen is None:
        return False
    credentials.update_git_credential(
        chosen.id, provider=provider, username=token.username, token=token.token
    )
    return True
