"""Every command in the documents exists: make's targets, our programs and their options."""

from __future__ import annotations

import json
import re
import subprocess
import tomllib
from itertools import takewhile
from pathlib import Path

import pytest
from click.testing import CliRunner

from github_app.__main__ import cli as brickpush
from github_app.config.settings import load_settings
from hooks.promote import cli as git_promote
from sandbox.__main__ import cli as sandbox

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
PROGRAMS = {"brickpush": brickpush, "python -m sandbox": sandbox, "git promote": git_promote}


def commands():
    for document in DOCUMENTS:
        text = document.read_text(encoding="utf-8")
        blocks = re.findall(r"```console\n(.*?)```", text, re.DOTALL)
        lines = [line.removeprefix("$ ") for block in blocks for line in block.splitlines()]
        lines += re.findall(
            r"`((?:brickpush|make|git promote|python -m sandbox)(?: [^`]*)?)`", text
        )
        for line in lines:
            if line.strip():
                yield pytest.param(line.strip(), id=f"{document.name}: {line.strip()}")


@pytest.mark.parametrize("command", list(commands()))
def test_a_command_of_the_documents_exists(command):
    if command.startswith("make "):
        ran = subprocess.run(
            ("make", "-n", *command.split()[1:]), cwd=ROOT, capture_output=True, check=False
        )
        assert ran.returncode == 0
        return
    program = next((name for name in PROGRAMS if command.startswith(name)), None)
    if program is None:
        assert command.split()[0] in {"pip", "pre-commit", "git", "pipx", "uv", "export", "docker"}
        return
    words = command.removeprefix(program).split()
    subcommand = list(takewhile(lambda word: word.replace("-", "a").isalpha(), words[:2]))
    if subcommand[:1] not in (["rotate"], ["folders"]):
        subcommand = subcommand[:1]
    ran = CliRunner().invoke(PROGRAMS[program], [*subcommand, "--help"])
    assert ran.exit_code == 0, ran.output
    options = {word.partition("=")[0] for word in words if word.startswith("--")}
    assert {option for option in options if option not in ran.output} == set()


def test_the_readmes_configuration_is_one_that_the_service_reads(tmp_path):
    [text] = re.findall(r"```toml\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    path = tmp_path / "brickpush.toml"
    path.write_text(text)

    settings = load_settings(path, {})

    assert list(settings.workspaces) == ["dev"]
    assert tomllib.loads(text)["github"]["app_id"] == settings.github.app_id


def test_links_between_documents_lead_somewhere():
    broken = [
        (document.name, link)
        for document in DOCUMENTS
        for link in re.findall(r"\]\(([^)#:]+)\)", document.read_text())
        if not (document.parent / link).exists()
    ]

    assert broken == []


def test_the_manifest_asks_for_least_privilege():
    manifest = json.loads((ROOT / "app-manifest.json").read_text())

    assert manifest["default_permissions"] == {
        "checks": "write",
        "contents": "read",
        "metadata": "read",
    }
    assert manifest["default_events"] == ["push", "repository"]
    assert manifest["public"] is False
