"""A new webhook secret."""

from __future__ import annotations

import secrets


def new_webhook_secret() -> str:
    """Return 256 random bits, in characters that every shell and header takes."""
    return secrets.token_hex(32)
