"""The link to the page of a promotion's details: whoever has it may read that page. Pure.

Only the check run tells it, so exactly those who may read the check run have it.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from urllib.parse import quote

PREFIX = "/promotions"
# A webhook's body is signed with the same secrets, and never begins like this.
_PURPOSE = b"brickpush: the page of a promotion's details, 1"


class Links:
    """Makes and checks links under the address where people reach the service."""

    def __init__(self, public_url: str, secrets: Sequence[str]) -> None:
        """The first of *secrets* signs, all verify; they are read anew each time."""
        self._public_url = public_url
        self._secrets = secrets

    def url(self, run: int, workspace: str) -> str:
        """Return the link to what a run did in a workspace; *run* is the seq of its delivery."""
        key = _key(self._secrets[0], run, workspace)
        return f"{self._public_url}{PREFIX}/{run}/{quote(workspace, safe='')}/{key}"

    def opens(self, run: int, workspace: str, key: str) -> bool:
        """Say whether *key* is one that `url` would have made, now or before a rotation."""
        given = key.encode(errors="replace")
        matches = [
            hmac.compare_digest(_key(secret, run, workspace).encode(), given)
            for secret in self._secrets
        ]
        return any(matches)


def _key(secret: str, run: int, workspace: str) -> str:
    if not secret:
        raise ValueError("refusing to sign with an empty secret")
    own = hmac.digest(secret.encode(), _PURPOSE, hashlib.sha256)
    message = f"{run}/{workspace}".encode(errors="replace")
    return hmac.new(own, message, hashlib.sha256).hexdigest()
