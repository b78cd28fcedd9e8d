from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
OURS = ("promotion", "hooks", "github_app", "sandbox", "benchmarks", "tests")
PRODUCT = ("promotion", "hooks", "github_app")
MAY_IMPORT = {
    "promotion": {"promotion"},
    "hooks": {"hooks", "promotion"},
    "github_app": {"github_app", "promotion"},
    "sandbox": {"sandbox"},
}
# Where each kind of I/O lives; a stranger fails the test.
ADDRESSES = {
    "requests": {
        "promotion/http.py",
        "promotion/entra.py",
        "promotion/entra_credentials.py",
        "hooks/identity/user_sign_in.py",
        "github_app/fence.py",
        "github_app/github.py",
        "github_app/service.py",
        "github_app/sign_in.py",
    },
    "msal": {"promotion/entra.py", "hooks/identity/user_sign_in.py"},
    "dbos": {"github_app/engine.py"},
    # git, the az and databricks programs, and on Windows the hook's foreground.
    "subprocess": {"hooks/git.py", "hooks/programs.py", "hooks/output.py", "hooks/spawn.py"},
    "urllib.request": set(),
    "http.client": set(),
}
LONGEST_FUNCTION, LONGEST_MODULE = 50, 300  # lines


def modules(*packages):
    return [path for package in packages for path in sorted((ROOT / package).rglob("*.py"))]


def name_of(path):
    return path.relative_to(ROOT).as_posix()


def imports(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.module


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_data_flows_one_way_between_the_packages(package):
    strangers = {
        (name_of(path), name)
        for path in modules(package)
        for name in imports(path)
        if name.split(".")[0] in OURS and name.split(".")[0] not in MAY_IMPORT[package]
    }

    assert strangers == set()


@pytest.mark.parametrize("library", ADDRESSES)
def test_each_kind_of_io_has_an_address(library):
    users = {
        name_of(path)
        for path in modules(*PRODUCT)
        for name in imports(path)
        if name == library or name.startswith(f"{library}.")
    }

    assert users <= ADDRESSES[library]


@pytest.mark.parametrize("path", modules(*PRODUCT, "sandbox", "benchmarks"), ids=name_of)
def test_a_module_and_its_functions_hold_one_idea(path):
    text = path.read_text(encoding="utf-8")
    functions = [
        node
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]

    too_long = [f.name for f in functions if f.end_lineno - f.lineno >= LONGEST_FUNCTION]

    assert too_long == []
    assert text.count("\n") <= LONGEST_MODULE


def test_a_users_own_hooks_package_is_never_run_in_our_place(tmp_path):
    hostile = tmp_path / "hooks" / "__init__.py"
    hostile.parent.mkdir()
    hostile.write_text("raise SystemExit('the hostile package was imported')")
    command = (sys.executable, "-I", "-c", "import hooks; print(hooks.__file__)")

    ran = subprocess.run(
        command,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": "."},
        capture_output=True,
        text=True,
        check=False,
    )

    assert ran.stdout.strip() == str(ROOT / "hooks" / "__init__.py")
