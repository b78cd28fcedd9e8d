"""Somebody in a fresh home who has nothing but README's words."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
ADDRESS = "https://github.com/brickpush/brickpush"
PERSON = ("-c", "user.name=Ada", "-c", "user.email=ada@octo.example")


def lines(language, holding):
    """Return the lines of README's only block of a language that holds some words."""
    blocks = re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)
    [block] = [block for block in blocks if holding in block]
    return block.splitlines()


@pytest.fixture
def person(tmp_path):
    """A person whose git finds this checkout at the project's address."""
    home = tmp_path / "home"
    home.mkdir()
    (home / ".gitconfig").write_text(
        f'[url "{ROOT}"]\n\tinsteadOf = {ADDRESS}\n[safe]\n\tdirectory = *\n'
    )
    venv.create(tmp_path / "env", with_pip=True)
    hidden = ("GIT_", "BRICKPUSH_", "DATABRICKS_", "PYTHON", "CI", "XDG_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(hidden)}
    programs = (tmp_path / "env" / "bin", Path(sys.executable).parent, os.environ["PATH"])

    def run(command, directory=home):
        ran = subprocess.run(
            ("bash", "-c", command),
            cwd=directory,
            env={**kept, "HOME": str(home), "PATH": os.pathsep.join(map(str, programs))},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, f"{command}\n{ran.stdout}"
        return ran.stdout

    return run


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_service_is_installed_as_readme_says(person, tmp_path):
    install, *_ = lines("console", "brickpush serve")

    person(install)

    assert (tmp_path / "env" / "bin" / "brickpush").exists()
    assert "brickpush, version" in person("brickpush --version")
    assert "Commands:" in person("git promote -h")


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_hook_is_installed_as_readme_says_and_a_push_calls_it(person, tmp_path):
    clone, remote = tmp_path / "clone", tmp_path / "octo-org" / "etl.git"
    person(f"git init -q --bare -b main {remote} && git init -q -b main {clone}")
    person(f"git remote add origin {remote}", clone)
    (clone / ".pre-commit-config.yaml").write_text("\n".join(lines("yaml", "promote-after-push")))
    update, install, push = lines("console", "pre-commit autoupdate")

    person(f"git add . && {update} && {install}", clone)
    git = f"git {' '.join(PERSON)}"
    person(f"{git} commit -qam 'Promote after every push' && git push -q -u origin main", clone)
    person(f"{git} commit -q --allow-empty -m 'Change something'", clone)
    said = person(push, clone)

    assert "rev: main" not in (clone / ".pre-commit-config.yaml").read_text()
    assert re.search(r"brickpush: promotion of main@[0-9a-f]{7} queued", said)


def test_the_installed_command_of_readme_is_the_one_of_the_ci_step():
    [pipx, _] = lines("console", "pipx install")
    example = (ROOT / "examples" / "promote.yml").read_text(encoding="utf-8")

    assert f"- run: {pipx}\n" in example


def test_an_old_python_is_refused_at_once(tmp_path):
    code = (
        "import sys; sys.version_info = (3, 10, 13, 'final', 0);"
        "import hatch_build; hatch_build.CustomMetadataHook(None, {}).update({})"
    )

    ran = subprocess.run(
        (sys.executable, "-c", code), cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert ran.returncode == 1
    assert ran.stderr == "brickpush needs Python 3.11 or newer; this is 3.10.13\n"
