"""Translate between a remote's refs and what is known of them here. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping


def remote_refs(refspecs: Iterable[str], known: Mapping[str, str]) -> dict[str, str]:
    """Return *known*, local tracking refs, under the names that the remote gives them."""
    pairs = [refspec.removeprefix("+").partition(":") for refspec in refspecs]
    found = {}
    for tracking, sha in known.items():
        for source, _, target in pairs:
            name = _translate(tracking, target, source)
            if name is not None:
                found[name] = sha
    return found


def tracking_ref(refspecs: Iterable[str], ref: str) -> str | None:
    """Return the local ref that follows the remote's *ref*, or None where none does."""
    for refspec in refspecs:
        source, _, target = refspec.removeprefix("+").partition(":")
        name = _translate(ref, source, target)
        if name is not None:
            return name
    return None


def _translate(name: str, pattern: str, replacement: str) -> str | None:
    """Return *replacement* with what the star of *pattern* stands for in *name*."""
    if not pattern or not replacement:
        return None
    before, star, after = pattern.partition("*")
    if not star:
        return replacement if name == pattern else None
    long_enough = len(name) >= len(before) + len(after)
    if not (long_enough and name.startswith(before) and name.endswith(after)):
        return None
    return replacement.replace("*", name[len(before) : len(name) - len(after)])
