"""How long a refusal takes tells nothing of the secret: read in the source, for no clock shows it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COMPARING = [
    ("github_app/webhooks/delivery.py", "verify_signature"),
    ("github_app/reports/details_link.py", "opens"),
    ("github_app/setup/page_access.py", "_same"),
]


def function(path, name):
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    found = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    return next(node for node in found if node.name == name)


def compares_values(node):
    """Whether it compares with anything but None, which stands for no secret at all."""
    return isinstance(node, ast.Compare) and any(
        ast.unparse(side) != "None" for side in node.comparators
    )


@pytest.mark.parametrize(("path", "name"), COMPARING)
def test_a_secret_is_compared_in_constant_time(path, name):
    nodes = list(ast.walk(function(path, name)))

    called = {ast.unparse(node.func) for node in nodes if isinstance(node, ast.Call)}
    assert "hmac.compare_digest" in called
    assert [ast.unparse(node) for node in nodes if compares_values(node)] == []
    assert [node for node in nodes if isinstance(node, ast.For | ast.While)] == []
