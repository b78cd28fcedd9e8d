"""A repository may have packages called as ours are: a push of it runs none of them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pushing.machine import a_machine

from hooks.command.install import GitSettings, install

ROOT = Path(__file__).parents[2]


@pytest.fixture
def machine(tmp_path):
    """A clone with the hook as `git promote install` leaves it."""
    with a_machine(tmp_path) as machine:
        install(GitSettings(machine.clone, machine.environ))
        yield machine


def test_a_push_runs_no_package_of_the_repository(machine):
    seen = machine.root / "seen"
    for name in ("brickpush", "hooks", "promotion"):
        package = machine.clone / name / "__init__.py"
        package.parent.mkdir()
        package.write_text(f"open({str(seen)!r}, 'a').write({name!r})\n")
    number = machine.workspace.add("main")
    sha = machine.commit("with packages of its own")

    machine.push(PYTHONPATH=str(machine.clone))

    machine.ended()
    assert machine.workspace.head(number) == sha
    assert not seen.exists()


def test_pre_commit_is_told_to_look_at_no_package_of_the_repository():
    told = (ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8")

    entries = re.findall(r"^\s*entry: (.*)$", told, re.MULTILINE)

    assert entries == ["python -I -m brickpush promote-after-push"]
