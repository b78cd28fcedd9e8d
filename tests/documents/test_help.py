"""What the programs say of themselves: quickly, in whole sentences, in the order of use."""

from __future__ import annotations

import json
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from github_app.__main__ import cli as brickpush
from hooks.promote import cli as git_promote

PROGRAMS = {"brickpush": brickpush, "git promote": git_promote}
MODULES = {"brickpush": "github_app.__main__", "git promote": "hooks.promote"}
# What takes long to import: the engine, the database, HTTP, logs, and what parses settings.
HEAVY = {"alembic", "dbos", "msal", "pydantic", "requests", "sqlalchemy", "starlette", "structlog"}
ASK = """
import contextlib, importlib, io, json, sys
from brickpush.launch import find_parts
find_parts()
with contextlib.redirect_stdout(io.StringIO()):
    codes = [importlib.import_module(sys.argv[1]).main(words) for words in json.loads(sys.argv[2])]
print(json.dumps([codes, sorted({name.split(".")[0] for name in sys.modules})]))
"""


def commands(command, *words):
    """Yield every command that there is, as the words that one types."""
    yield [*words]
    if isinstance(command, click.Group):
        for name, each in command.commands.items():
            yield from commands(each, *words, name)


@pytest.mark.parametrize("program", PROGRAMS)
def test_help_and_version_import_nothing_that_takes_long(program):
    asked = [[*words, "--help"] for words in commands(PROGRAMS[program]) if words]
    asked += [["-h"], ["--version"]]

    ran = subprocess.run(
        (sys.executable, "-I", "-c", ASK, MODULES[program], json.dumps(asked)),
        capture_output=True,
        text=True,
        check=True,
    )

    codes, imported = json.loads(ran.stdout)
    assert codes == [0] * len(asked)
    assert HEAVY & set(imported) == set()


@pytest.mark.parametrize("program", PROGRAMS)
def test_each_command_is_listed_with_a_whole_sentence(program):
    for words in commands(PROGRAMS[program]):
        shown = CliRunner().invoke(PROGRAMS[program], [*words, "--help"]).output
        listed = shown.partition("\nCommands:\n")[2].splitlines()

        assert [line for line in listed if line.endswith("...") or not line.endswith(".")] == []


def test_commands_are_listed_in_the_order_of_use():
    assert list(brickpush.list_commands(None)) == [
        *("setup", "doctor", "serve", "plan", "folders", "rotate"),
    ]
    assert list(git_promote.list_commands(None)) == [
        *("install", "login", "doctor", "status", "wait", "log", "uninstall"),
    ]
