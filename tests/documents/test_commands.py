"""Every command in the documents exists: make's targets, our programs and their options."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from itertools import takewhile
from pathlib import Path

import pytest

from github_app.settings import load_settings

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
PROGRAMS = {
    "brickpush": (sys.executable, "-m", "github_app"),
    "python -m sandbox": (sys.executable, "-m", "sandbox"),
    "git promote": (sys.executable, "-m", "hooks.promote"),
}


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
    ran = subprocess.run(
        (*PROGRAMS[program], *subcommand, "--help"),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    options = {word.partition("=")[0] for word in words if word.startswith("--")}
    assert {option for option in options if option not in ran.stdout} == set()


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
