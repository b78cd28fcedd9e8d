"""Whose token each pull of the stand-in workspaces was made with."""

from __future__ import annotations

import hashlib


def strangers_pulls(sandbox, workspace, other, mark="lake"):
    """Return the pulls that were not made with their own installation's token.

    Those whose path holds *mark* are the installation *other*'s.
    """
    owner_of = {
        hashlib.sha256(token.token.encode()).hexdigest()[:12]: token.installation_id
        for token in sandbox.github.issued_tokens
    }
    return [
        pull.path
        for pull in workspace.pulls
        if (owner_of.get(pull.token_hash) == other) is not (mark in pull.path)
    ]
