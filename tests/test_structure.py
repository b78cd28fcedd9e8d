from __future__ import annotations

import ast
import functools
import graphlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
OURS = ("brickpush", "promotion", "hooks", "github_app", "sandbox", "benchmarks", "tests")
PRODUCT = ("brickpush", "promotion", "hooks", "github_app")
MAY_IMPORT = {
    "brickpush": {"brickpush", "hooks", "github_app"},
    "promotion": {"promotion"},
    "hooks": {"hooks", "promotion"},
    "github_app": {"github_app", "promotion"},
    "sandbox": {"sandbox"},
}
# Within a package: what each folder, and each module at its top, may import of the others.
BASE = {"config", "runtime"}
CORE = BASE | {"github", "storage", "reports"}
FLOORS = {
    "github_app": {
        "config": set(),
        "runtime": set(),
        "github": {"config"},
        "storage": {"config", "github"},
        "reports": {"github", "storage"},
        "webhooks": CORE - {"config"},
        "worker": CORE,
        "recovery": CORE | {"webhooks", "worker"},
        "server": CORE - {"github"} | {"webhooks"},
        "wiring": CORE | {"webhooks", "worker"},
        "service": CORE | {"recovery", "server", "webhooks", "wiring", "worker"},
        "doctor": {"github"},
        "setup": {"config", "doctor", "github", "server"},
        "cli": CORE | {"doctor", "setup", "wiring", "worker"},
        "__main__": {"cli", "runtime", "service"},
    },
    "hooks": {
        "foreground": set(),
        "promote_after_push": {"foreground"},
        "system": {"foreground"},
        "pushed": {"system"},
        "workspaces": {"foreground", "pushed", "system"},
        "results": {"foreground", "system", "workspaces"},
        "background": {"foreground", "pushed", "results", "system", "workspaces"},
        "output": {"results", "system", "workspaces"},
        "command": {"output", "pushed", "results", "system", "workspaces"},
        "promote": {"command", "pushed", "system"},
    },
    "sandbox/github": {
        "errors": set(),
        "git": set(),
        "state": {"errors", "git"},
        "representations": {"git", "state"},
        "webhooks": {"git", "representations", "state"},
        "api": {"errors", "git", "representations", "state", "webhooks"},
        "web": {"api", "errors", "representations", "state", "webhooks"},
        "controls": {"api", "git", "representations", "state", "web", "webhooks"},
        "site": {"api", "errors", "state", "web"},
        "server": {"controls", "site", "state"},
    },
    "sandbox/databricks": {
        "problems": set(),
        "errors": {"problems"},
        "git": {"problems"},
        "state": {"errors", "git", "problems"},
        "calls": {"errors", "state"},
        "api": {"calls", "errors", "git", "problems", "state"},
        "workspace": {"api", "calls", "errors", "git", "state"},
    },
}
# What `git push` waits for imports only what Python has loaded anyway, or loads in no time.
QUICK = {"__future__", "contextlib", "os", "sys"}
QUICK_ON_WINDOWS = {"ctypes"}
QUICK_WHERE_NEEDED = {"collections.abc", "subprocess", "time"}  # within a function or for types
MOST_MODULES = {"promotion": 25}
# Where each kind of I/O lives; a stranger fails the test.
ADDRESSES = {
    "requests": {
        "promotion/http.py",
        "promotion/entra.py",
        "promotion/entra_credentials.py",
        "hooks/workspaces/user_sign_in.py",
        "github_app/worker/lease.py",
        "github_app/github/app.py",
        "github_app/wiring.py",
        "github_app/config/identity.py",
    },
    "msal": {"promotion/entra.py", "hooks/workspaces/user_sign_in.py"},
    "dbos": {"github_app/worker/engine.py"},
    # git, the az and databricks programs, and on Windows the hook's foreground.
    "subprocess": {
        "hooks/system/git.py",
        "hooks/system/programs.py",
        "hooks/foreground/program_output.py",
        "hooks/foreground/spawn.py",
    },
    "urllib.request": set(),
    "http.client": set(),
}
LONGEST_FUNCTION, LONGEST_MODULE = 50, 400  # lines


def modules(*packages):
    return [path for package in packages for path in sorted((ROOT / package).rglob("*.py"))]


def name_of(path):
    return path.relative_to(ROOT).as_posix()


@functools.cache
def parsed(path):
    return ast.parse(path.read_text(encoding="utf-8"))


@functools.cache
def nodes(path):
    return list(ast.walk(parsed(path)))


def names_imported_by(node):
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.level == 0:
        yield node.module


def imports(path):
    for node in nodes(path):
        yield from names_imported_by(node)


def imported_modules(path):
    """Also tell modules that are imported by name from their package."""
    for node in nodes(path):
        yield from names_imported_by(node)
        if isinstance(node, ast.ImportFrom) and node.level == 0:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_data_flows_one_way_between_the_packages(package):
    strangers = {
        (name_of(path), name)
        for path in modules(package)
        for name in imports(path)
        if name.split(".")[0] in OURS and name.split(".")[0] not in MAY_IMPORT[package]
    }

    assert strangers == set()


def room(path, package):
    """Return the folder of a module, or the module itself where it lies at the package's top."""
    return path.relative_to(ROOT / package).parts[0].removesuffix(".py")


@pytest.mark.parametrize("package", FLOORS)
def test_within_a_package_each_folder_imports_only_what_lies_below_it(package):
    prefix = package.replace("/", ".") + "."
    strangers = {
        (name_of(path), name)
        for path in modules(package)
        for name in imported_modules(path)
        if name.startswith(prefix)
        and (other := name.removeprefix(prefix).split(".")[0]) != room(path, package)
        and other not in FLOORS[package].get(room(path, package), set())
    }
    rooms = {room(path, package) for path in modules(package)} - {"__init__"}

    assert strangers == set()
    assert rooms == set(FLOORS[package])


def test_no_package_within_a_package_is_imported_in_a_circle():
    for package, floors in FLOORS.items():
        graphlib.TopologicalSorter(floors).prepare()
        assert set().union(*floors.values()) <= set(floors), package


def test_what_git_push_waits_for_imports_next_to_nothing():
    paths = [ROOT / "hooks" / "promote_after_push.py", *modules("hooks/foreground")]
    launcher = parsed(ROOT / "brickpush" / "launch.py")
    strangers = {name for node in launcher.body for name in names_imported_by(node)} - QUICK
    for path in paths:
        allowed = QUICK | (QUICK_ON_WINDOWS if "windows" in path.name else set())
        tree = parsed(path)
        at_once = {name for node in tree.body for name in names_imported_by(node)}
        strangers |= {
            (path.name, name)
            for name in {name for node in nodes(path) for name in names_imported_by(node)}
            if not name.startswith("hooks.foreground")
            and name not in allowed | (QUICK_WHERE_NEEDED if name not in at_once else set())
        }

    assert strangers == set()


@pytest.mark.parametrize("package", [*PRODUCT, "sandbox"])
def test_a_folder_holds_no_more_than_one_can_read(package):
    folders = {path.parent for path in modules(package) if "migrations" not in path.parts}

    crowded = {
        name_of(folder)
        for folder in folders
        if len([path for path in folder.glob("*.py") if path.name != "__init__.py"])
        > MOST_MODULES.get(name_of(folder), 15)
    }
    silent = {
        name_of(folder)
        for folder in folders
        if not ast.get_docstring(parsed(folder / "__init__.py"))
    }

    assert (crowded, silent) == (set(), set())


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
        node for node in nodes(path) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]

    too_long = [f.name for f in functions if f.end_lineno - f.lineno >= LONGEST_FUNCTION]

    assert too_long == []
    assert text.count("\n") <= LONGEST_MODULE


def test_every_log_event_is_a_code_that_one_can_search_for():
    texts = {
        (name_of(path), node.args[0].value)
        for path in modules("github_app")
        for node in nodes(path)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and getattr(node.func.value, "id", "") == "log"
        and node.args
        and isinstance(node.args[0], ast.Constant)
    }

    assert len(texts) > 30
    assert {each for each in texts if not re.fullmatch(r"[a-z_]+\.[a-z_]+", each[1])} == set()
