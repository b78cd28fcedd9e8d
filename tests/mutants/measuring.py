"""Find out which tests run which line: one run of the fast tests, in two halves side by side."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from coverage import CoverageData
from mutants.copies import ROOT, Copy
from mutants.mutations import Mutation

PRODUCT = ("promotion", "hooks", "github_app")
# They run no line of the product, or only through a whole other checkout.
NOT_RUN = ("tests/sandbox", "tests/benchmarks", "tests/documents", "tests/mutants", "tests/octokit")
SETTINGS = """\
[run]
branch = true
concurrency = thread
data_file = {data}/.coverage
parallel = true
patch = fork, _exit, execv
source = {source}
disable_warnings = no-data-collected, module-not-measured, couldnt-parse

[paths]
checkout =
    {root}
    */tree
"""


@dataclass(frozen=True)
class Measured:
    """Which tests ran which lines, how long each took, and which failed."""

    directory: Path

    @property
    def data_file(self) -> Path:
        return self.directory / ".coverage"

    @cached_property
    def seconds(self) -> dict[str, float]:
        return {name: each["seconds"] for name, each in self._ended.items()}

    @cached_property
    def failed(self) -> list[str]:
        return [name for name, each in self._ended.items() if each["failed"]]

    @cached_property
    def _ended(self) -> dict[str, dict]:
        return json.loads((self.directory / "tests.json").read_text())

    @cached_property
    def _data(self) -> CoverageData:
        data = CoverageData(str(self.data_file))
        data.read()
        return data

    @cached_property
    def _by_line(self) -> dict[str, dict[int, list[str]]]:
        return {}

    def _lines(self, path: str) -> dict[int, list[str]]:
        if path not in self._by_line:
            self._by_line[path] = self._data.contexts_by_lineno(str(ROOT / path))
        return self._by_line[path]

    def tests_of(self, mutation: Mutation) -> set[str]:
        """Return the tests that run the mutation's line.

        What an import runs, no test runs: there it is the tests of all lines that have its name.
        """
        own = range(mutation.first_line, mutation.last_line + 1)
        found = {test for line in own for test in self._lines(mutation.path).get(line, ())}
        if mutation.names:
            found |= set(self._tests_of_names(mutation))
            lines = self._lines(mutation.path).values()
            found = found & self.seconds.keys() or {test for tests in lines for test in tests}
        return found & self.seconds.keys()

    def _tests_of_names(self, mutation: Mutation) -> Iterator[str]:
        names = re.compile(rf"\b(?:{'|'.join(map(re.escape, mutation.names))})\b")
        for path in product():
            text = (ROOT / path).read_text(encoding="utf-8")
            if not names.search(text):
                continue
            lines = self._lines(path)
            for number, line in enumerate(text.splitlines(), 1):
                if names.search(line):
                    yield from lines.get(number, ())


def product() -> list[str]:
    """Return the product's modules; what runs on Windows only and past migrations left out."""
    paths = [path for name in PRODUCT for path in sorted((ROOT / name).rglob("*.py"))]
    names = [path.relative_to(ROOT).as_posix() for path in paths]
    return [
        name
        for name in names
        if "/migrations/" not in name and name != "hooks/foreground/windows_process.py"
    ]


def measure(copies: list[Copy], kept: Path) -> Measured:
    """Run the tests in *copies*, and keep in *kept* what they tell."""
    tests = sorted(path.relative_to(ROOT).as_posix() for path in ROOT.glob("tests/**/test_*.py"))
    tests = [name for name in tests if not name.startswith(NOT_RUN)]
    running = [_start(copy, tests[n :: len(copies)]) for n, copy in enumerate(copies)]
    for process in running:
        process.wait()
    ended: dict[str, dict] = {}
    for copy in copies:
        ended |= json.loads((copy.directory / "ended.json").read_text())
    partial = kept.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    (partial / "tests.json").write_text(json.dumps(ended, indent=0))
    _combine(copies, partial / ".coverage")
    for copy in copies:
        (copy.site_packages / "measured.pth").unlink()
        copy.clear()
    partial.rename(kept)
    return Measured(kept)


def _start(copy: Copy, tests: list[str]) -> subprocess.Popen:
    data, current = copy.directory / "data", copy.directory / "current"
    data.mkdir()
    current.touch()
    settings = copy.directory / "coverage.ini"
    source = ",".join(str(copy.tree / name) for name in PRODUCT)
    settings.write_text(SETTINGS.format(data=data, source=source, root=ROOT))
    (copy.site_packages / "measured.pth").write_text(
        f"import measured; measured.start({str(settings)!r}, {str(current)!r})\n"
    )
    log = (copy.directory / "measuring.log").open("wb")
    return subprocess.Popen(
        (
            *(copy.python, "-m", "pytest", "-q", "-p", "reporting", "-p", "no:cacheprovider"),
            *("--timeout", "300", "--basetemp", copy.temporary / "base", *tests),
        ),
        cwd=copy.tree,
        env=copy.environment(MUTANTS_DIRECTORY=str(copy.directory)),
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
    )


def _combine(copies: list[Copy], target: Path) -> None:
    command = (sys.executable, "-m", "coverage", "combine", "-q", "--data-file", target)
    settings = copies[0].directory / "coverage.ini"
    directories = [copy.directory / "data" for copy in copies]
    subprocess.run(
        (*command, "--rcfile", settings, *directories), check=True, cwd=copies[0].directory
    )
