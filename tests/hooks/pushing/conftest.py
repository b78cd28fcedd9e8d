"""Fixtures for real pushes."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pushing.machine import RAW_HOOK, Machine, a_machine
from pushing.plugin import a_plugin, install

# The machine of these tests has sh, ps and terminals; Windows has test_hook_everywhere.py.
collect_ignore = (
    [
        "test_child_lifetime.py",
        "test_hook_foreground.py",
        "test_hook_push.py",
        "test_hook_elsewhere.py",
    ]
    if sys.platform == "win32"
    else []
)


@pytest.fixture
def runner(request: pytest.FixtureRequest) -> str:
    """Who calls the hook: "git" itself, "pre-commit" or "prek"."""
    return getattr(request, "param", "git")


@pytest.fixture(scope="session")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This checkout as a plugin, with the runners' caches beside it, once for all workers."""
    base = tmp_path_factory.getbasetemp()
    return a_plugin((base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "brickpush")


@pytest.fixture
def machine(tmp_path: Path, runner: str, request: pytest.FixtureRequest) -> Iterator[Machine]:
    """A clone of octo-org/etl with the hook installed."""
    with a_machine(tmp_path) as machine:
        if runner == "git":
            machine.hook(RAW_HOOK.format(python=sys.executable))
        else:
            install(machine, runner, request.getfixturevalue("plugin"))
        yield machine
