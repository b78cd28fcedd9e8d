"""Translate between a remote's refs and what is known of them here. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from hooks.snapshot import TRACKING


def remote_refs(refspecs: Iterable[str], known: Mapping[str, str]) -> dict[str, str]:
    """Return *known*, local tracking refs, under the names that the remote gives them.

    What two of the remote's refs would be tracked by is left out: it tells of neither.
    """
    pairs, excluded = _read(refspecs)
    found = {}
    for tracking, sha in known.items():
        names = {_translate(tracking, target, source) for source, target in pairs} - {None}
        if len(names) == 1:
            (name,) = names
            assert name is not None
            if not _matches_any(name, excluded):
                found[name] = sha
    return found


def tracking_ref(refspecs: Iterable[str], ref: str) -> str | None:
    """Return the local ref that follows the remote's *ref*, or None where none does.

    In a clone made with --mirror, git would follow it by the local branch itself, which is where
    it is whatever the remote says: only what is under refs/remotes/ tells of a remote.
    """
    refspecs = list(refspecs)
    pairs, excluded = _read(refspecs)
    if _matches_any(ref, excluded):
        return None
    # git itself moves but the first that matches.
    names = (_translate(ref, source, target) for source, target in pairs)
    name = next((each for each in names if each is not None), None)
    if name is None or not name.startswith(TRACKING):
        return None
    return name if remote_refs(refspecs, {name: ""}) == {ref: ""} else None


def _read(refspecs: Iterable[str]) -> tuple[list[tuple[str, str]], list[str]]:
    """Return source and target of each refspec, and the sources that are excluded by "^"."""
    given = list(refspecs)
    pairs = [each.removeprefix("+").partition(":") for each in given if not each.startswith("^")]
    excluded = [each.removeprefix("^") for each in given if each.startswith("^")]
    return [(source, target) for source, _, target in pairs], excluded


def _matches_any(name: str, patterns: Iterable[str]) -> bool:
    return any(_translate(name, pattern, pattern) == name for pattern in patterns)


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
