from __future__ import annotations

import itertools

import pytest
from postgres import postgres, postgres_url  # noqa: F401 - fixtures

from sandbox.sandbox import Options, open_sandbox


@pytest.fixture
def sandbox(tmp_path):
    with open_sandbox(tmp_path / "sandbox", Options(empty=True)) as opened:
        yield opened


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request, sandbox):
    """Return the environment that leads the service to an empty database of that kind."""
    if request.param == "sqlite":
        return {}
    return {"BRICKPUSH_DATABASE_URL": request.getfixturevalue("postgres_url")}


@pytest.fixture
def new_database(request, sandbox, database):
    """Return a function that returns the same for ever more, each time with no table in it."""
    numbers = itertools.count(1)
    if not database:
        return lambda: {
            "BRICKPUSH_DATABASE_URL": f"sqlite:///{sandbox.directory}/new-{next(numbers)}.sqlite"
        }
    return lambda: {"BRICKPUSH_DATABASE_URL": request.getfixturevalue("postgres").bare_database()}
