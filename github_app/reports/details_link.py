"""The link to the page of a promotion's details: whoever has it may read that page. Pure.

Only the check run holds it, so exactly those who may read the check run have it.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Sequence
from dataclasses import astuple, dataclass

PREFIX = "/promotions"
# A webhook's body is signed with the same secrets, and never begins like this.
_PURPOSE = b"brickpush: the page of a promotion's details, 2"


@dataclass(frozen=True)
class Page:
    """What a page shows; a key opens exactly that."""

    public_id: str  # of the report: random, so that no other database counts alike
    repository_id: int
    commit: str
    ref: str
    workspace: str


@dataclass(frozen=True)
class Link:
    """The link to a page, and what is kept to know its key again."""

    url: str
    digest: str


class Links:
    """Makes links under the address where people reach the service."""

    def __init__(self, public_url: str, secrets: Sequence[str]) -> None:
        """The first of *secrets* signs; they are read anew each time."""
        self._public_url = public_url
        self._secrets = secrets

    def to(self, page: Page) -> Link:
        """Return the link to a page."""
        key = _key(self._secrets[0], page)
        return Link(f"{self._public_url}{PREFIX}/{page.public_id}/{key}", _digest(key))


def opens(key: str, digest: str | None) -> bool:
    """Say whether *key* is the one of the link that *digest* was kept of.

    The digest stays with the report, so a link opens for as long as the report is kept, whichever
    secret signs by then.
    """
    return digest is not None and hmac.compare_digest(_digest(key), digest)


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode(errors="replace")).hexdigest()


def _key(secret: str, page: Page) -> str:
    if not secret:
        raise ValueError("refusing to sign with an empty secret")
    own = hmac.digest(secret.encode(), _PURPOSE, hashlib.sha256)
    message = json.dumps(astuple(page)).encode(errors="replace")
    return hmac.new(own, message, hashlib.sha256).hexdigest()
