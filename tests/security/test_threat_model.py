"""Each line of the threat model is shown by its tests: they fail without the defence.

What is checked here is that no line and no named test is left out; `make mutants` tries them.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from mutants.defences import defences

ROOT = Path(__file__).parents[2]
THREATS = [
    line
    for line in (ROOT / "SECURITY.md").read_text(encoding="utf-8").splitlines()
    if line.startswith("|") and "`tests/" in line
]


def heading(line):
    return line.split(" | ")[0].strip("| ")


def functions_of(path):
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("threat", THREATS, ids=heading)
def test_each_test_that_a_line_names_has_to_notice_that_a_defence_is_gone(threat):
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", threat)
    taken = [each for each in defences() if heading(threat).startswith(each.threat)]
    noticed_by = {name for each in taken for name in each.noticed_by}

    assert named
    assert len(named) == threat.count("`tests/")
    assert {f"{path}::{name}" for path, name in named} == noticed_by
    assert [name for path, name in named if name not in functions_of(path)] == []


@pytest.mark.parametrize("defence", defences(), ids=lambda each: each.without)
def test_each_defence_can_be_taken_away(defence):
    assert [heading(t) for t in THREATS if heading(t).startswith(defence.threat)]
    assert defence.noticed_by

    text = defence.taken_away(ROOT)

    if defence.file.endswith(".py"):
        compile(text, defence.file, "exec")


def test_each_test_of_this_folder_is_about_a_named_file():
    text = "\n".join(THREATS)
    others = {"test_threat_model.py"}

    files = {path.name for path in Path(__file__).parent.glob("test_*.py")} - others

    assert {name for name in files if f"tests/security/{name}" not in text} == set()
    assert len(THREATS) >= 20
