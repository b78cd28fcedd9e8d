"""Choose which changes are tried: the same ones wherever the same code is. Pure but for files."""

from __future__ import annotations

import hashlib
import tomllib
from dataclasses import dataclass
from pathlib import Path

from mutants.mutations import Mutation, mutations

EQUIVALENT = Path(__file__).with_name("equivalent.toml")


@dataclass(frozen=True)
class Equivalent:
    """A change that a person found to change nothing that anybody could notice, and why."""

    file: str
    function: str
    change: str
    why: str

    @property
    def key(self) -> tuple[str, str, str]:
        return self.file, self.function, self.change


def equivalents(path: Path = EQUIVALENT) -> list[Equivalent]:
    return [Equivalent(**each) for each in tomllib.loads(path.read_text())["equivalent"]]


def all_mutations(root: Path, paths: list[str]) -> list[Mutation]:
    return [
        mutation
        for path in paths
        for mutation in mutations(path, (root / path).read_text(encoding="utf-8"))
    ]


def sample(
    found: list[Mutation], left_out: set[tuple[str, str, str]], *, seed: int, count: int
) -> list[Mutation]:
    """Return *count* changes, each of another function, as *seed* draws them.

    The draw goes by what a change says, so that lines that move elsewhere do not change it.
    """

    def drawn(mutation: Mutation) -> str:
        return hashlib.sha256(repr((seed, *mutation.key)).encode()).hexdigest()

    chosen: dict[tuple[str, str], Mutation] = {}
    for mutation in sorted(found, key=drawn):
        place = (mutation.path, mutation.function)
        if mutation.key not in left_out and place not in chosen:
            chosen[place] = mutation
            if len(chosen) == count:
                break
    return list(chosen.values())
