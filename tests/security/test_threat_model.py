from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
THREATS = [
    line
    for line in (ROOT / "SECURITY.md").read_text(encoding="utf-8").splitlines()
    if "`tests/" in line
]


def functions_of(path):
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("threat", THREATS, ids=lambda line: line.split(" | ")[0].strip("| "))
def test_each_threat_names_tests_that_exist(threat):
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", threat)

    assert named
    assert len(named) == threat.count("`tests/")
    assert [name for path, name in named if name not in functions_of(path)] == []


def test_each_test_of_this_folder_is_about_a_named_file():
    text = "\n".join(THREATS)
    others = {"test_threat_model.py"}

    files = {path.name for path in Path(__file__).parent.glob("test_*.py")} - others

    assert {name for name in files if f"tests/security/{name}" not in text} == set()
    assert len(THREATS) >= 20
