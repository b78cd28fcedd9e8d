"""The installed package brings one name, and no package called as its parts are comes before it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PARTS = ("promotion", "hooks", "github_app")
PROGRAMS = {
    "brickpush": ("brickpush", "setup", "--help"),
    "brickpush serve": ("brickpush", "serve"),
    "git promote": ("git-promote", "status"),
    "as a module": ("python", "-m", "brickpush", "doctor", "--help"),
    "the hook": ("python", "-I", "-m", "brickpush", "promote-after-push", "origin", "/nowhere"),
    "the background": ("python", "-I", "-m", "brickpush", "background", "QUEUED"),
}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    directory = tmp_path_factory.mktemp("wheel")
    command = (sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(directory))
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=60)
    [wheel] = directory.glob("*.whl")
    return wheel


def install(wheel, directory):
    """Return the site-packages of a new environment with the wheel, and no other package."""
    venv.create(directory, symlinks=True)
    site = Path(sysconfig.get_path("purelib", "venv", vars={"base": str(directory)}))
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    for name, function in {"brickpush": "brickpush", "git-promote": "git_promote"}.items():
        script = directory / "bin" / name
        script.write_text(
            f"#!{directory}/bin/python\n"
            f"import sys\nfrom brickpush.launch import {function}\nsys.exit({function}())\n"
        )
        script.chmod(0o755)
    return site


@pytest.fixture(scope="module")
def alone(wheel, tmp_path_factory):
    """An installation without any package that ours needs."""
    return install(wheel, tmp_path_factory.mktemp("alone"))


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """What the packages of others note when they are run."""
    return tmp_path_factory.mktemp("seen") / "seen"


@pytest.fixture(scope="module")
def beside_others(wheel, tmp_path_factory, seen):
    """A complete installation, where another wheel has brought packages called as ours are."""
    site = install(wheel, tmp_path_factory.mktemp("beside"))
    (site / "needed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    plant(site, seen)
    return site


def run(site, directory, *command, **environ):
    program = site.parents[2] / "bin" / command[0]
    home = {"PATH": os.environ["PATH"], "HOME": str(directory)}
    return subprocess.run(
        (program, *command[1:]),
        cwd=directory,
        env={**home, **environ},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def plant(directory, seen):
    """Put packages called as ours are into a directory; each notes that it was run."""
    for name in PARTS:
        package = directory / name / "__init__.py"
        package.parent.mkdir(parents=True)
        package.write_text(f"open({str(seen)!r}, 'a').write({str(directory)!r})\n")


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
def test_no_package_of_somebody_else_is_run_in_our_place(beside_others, seen, tmp_path, program):
    here, on_path = tmp_path / "here", tmp_path / "on-path"
    plant(here, seen)
    plant(on_path, seen)
    (here / "QUEUED").write_text("{}")

    ran = run(beside_others, here, *program, PYTHONPATH=f"{on_path}{os.pathsep}{here}")

    assert not seen.exists()
    assert "_parts" in ran.stderr if "background" in program else "Traceback" not in ran.stderr


def test_a_package_that_is_called_as_ours_is_stays_itself(beside_others, tmp_path):
    theirs = (
        "import importlib.util, json, sys;"
        "print(json.dumps([importlib.util.find_spec('hooks').origin, *sys.path]))"
    )

    ran = run(beside_others, tmp_path, "python", "-I", "-c", theirs)

    file, *path = json.loads(ran.stdout)
    assert file == str(beside_others / "hooks" / "__init__.py")
    assert not [entry for entry in path if "_parts" in entry]


def test_without_the_extra_the_service_says_what_to_install(alone, tmp_path):
    for command in (("brickpush", "serve"), ("python", "-m", "brickpush", "--version")):
        ran = run(alone, tmp_path, *command)

        assert ran.returncode == 2
        assert ran.stdout == ""
        assert ran.stderr == (
            "brickpush: the service needs more packages: install 'brickpush[app]'\n"
        )


def test_in_a_checkout_the_parts_are_those_beside_the_launcher(tmp_path):
    shutil.copytree(ROOT / "brickpush", tmp_path / "checkout" / "brickpush")
    code = "import brickpush.launch as it, sys; it.find_parts(); print(sys.path[0])"

    ran = subprocess.run(
        (sys.executable, "-c", code),
        cwd=tmp_path / "checkout",
        capture_output=True,
        text=True,
        check=True,
    )

    assert ran.stdout.strip() == str(tmp_path / "checkout")
