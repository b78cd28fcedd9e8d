"""The defences of SECURITY.md, each taken away once: the tests that its line names must notice."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

from mutants.copies import ROOT, Copy
from mutants.trial import EACH_SECONDS, START_SECONDS, changed, run

DEFENCES = ROOT / "tests" / "security" / "defences.toml"


@dataclass(frozen=True)
class Defence:
    """One change that takes a defence away, and the tests that have to fail with it."""

    threat: str  # how its line in SECURITY.md begins
    without: str
    file: str
    before: str
    after: str
    noticed_by: tuple[str, ...]

    def taken_away(self, root: Path) -> str:
        """Return the file's text without the defence."""
        text = (root / self.file).read_text(encoding="utf-8")
        if text.count(self.before) != 1:
            raise ValueError(f"{self.file} holds {text.count(self.before)} times {self.before!r}")
        return text.replace(self.before, self.after)

    def blind(self, copy: Copy) -> list[str]:
        """Return those of its tests that pass without the defence."""
        limit = START_SECONDS + EACH_SECONDS * len(self.noticed_by)
        with changed(copy, self.file, self.taken_away(ROOT)):
            ran = run(copy, list(self.noticed_by), limit=limit)
        if ran.code is None:  # all hangs
            return []
        failed = {name.partition("[")[0] for name in ran.failed}
        return [test for test in self.noticed_by if test not in failed]


def defences() -> list[Defence]:
    listed = tomllib.loads(DEFENCES.read_text(encoding="utf-8"))["defence"]
    return [Defence(**{**each, "noticed_by": tuple(each["noticed_by"])}) for each in listed]
