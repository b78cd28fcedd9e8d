"""Read a bare repository's refs from its files: no process is started."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path

ZERO_SHA = "0" * 40
HEADS = "refs/heads/"
TAGS = "refs/tags/"


@dataclass(frozen=True)
class RefChange:
    """One ref that a push moved; zeros stand for "does not exist"."""

    ref: str
    before: str
    after: str

    @property
    def created(self) -> bool:
        return self.before == ZERO_SHA

    @property
    def deleted(self) -> bool:
        return self.after == ZERO_SHA

    @property
    def short_name(self) -> str:
        return self.ref.removeprefix(HEADS).removeprefix(TAGS)


def read_refs(repository: Path) -> dict[str, str]:
    """Return every ref and the object it points at, sorted by name."""
    refs: dict[str, str] = {}
    with contextlib.suppress(FileNotFoundError):
        for line in (repository / "packed-refs").read_text().splitlines():
            if not line.startswith(("#", "^")):
                sha, _, ref = line.partition(" ")
                refs[ref] = sha
    for path in (repository / "refs").rglob("*"):
        if path.suffix != ".lock":
            with contextlib.suppress(FileNotFoundError, IsADirectoryError):
                refs[path.relative_to(repository).as_posix()] = path.read_text().strip()
    return dict(sorted(refs.items()))


def compare_refs(before: dict[str, str], after: dict[str, str]) -> list[RefChange]:
    """Return what changed between two readings, sorted by name."""
    return [
        RefChange(ref, before.get(ref, ZERO_SHA), after.get(ref, ZERO_SHA))
        for ref in sorted(before.keys() | after.keys())
        if before.get(ref) != after.get(ref)
    ]
