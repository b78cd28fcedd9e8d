"""The hook in front: it never stops a push, whatever is broken, and runs nobody else's code."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from hooks.results.model import State

OWN_WORDS = "the push goes on"


@pytest.mark.parametrize(
    "environ",
    [
        pytest.param({"BRICKPUSH_STATE_DIR": "{clone}/.git/HEAD/state"}, id="no directory"),
        pytest.param({"BRICKPUSH_STATE_DIR": "/proc/state"}, id="unwritable directory"),
        pytest.param({"BRICKPUSH_STATE_DIR": "state"}, id="a path inside the work tree"),
    ],
)
def test_a_state_directory_that_can_not_be_used_stops_no_push(machine, environ):
    sha = machine.commit()
    given = {name: value.format(clone=machine.clone) for name, value in environ.items()}

    pushed = machine.push(**given)

    assert pushed.returncode == 0
    assert OWN_WORDS in pushed.stdout
    assert machine.git("ls-remote", "origin", "refs/heads/main").startswith(sha)
    assert machine.git("status", "--porcelain") == ""


def test_a_full_disk_stops_no_push(machine):
    machine.commit()
    # A limit of zero on the size of files fails each write just as a full disk does.
    machine.hook(
        f'#!/bin/sh\nulimit -f 0\nexec {sys.executable} -I -m brickpush promote-after-push "$@"\n'
    )

    pushed = machine.push()

    assert pushed.returncode == 0
    assert "File too large; the push goes on" in pushed.stdout


def test_a_machine_without_a_home_directory_can_push(machine):
    machine.commit()
    del machine.environ["HOME"]
    del machine.environ["BRICKPUSH_STATE_DIR"]
    machine.environ["XDG_STATE_HOME"] = str(machine.root)
    machine.commit()

    pushed = machine.push(XDG_STATE_HOME="/proc/nowhere")

    assert pushed.returncode == 0
    assert OWN_WORDS in pushed.stdout


@pytest.mark.parametrize(
    ("arguments", "environ"),
    [
        pytest.param([], {}, id="run by hand"),
        pytest.param(["origin", "x"], {"PATH": "/nowhere"}, id="no git"),
        pytest.param(
            [],
            {
                "PRE_COMMIT_REMOTE_NAME": "origin",
                "PRE_COMMIT_REMOTE_BRANCH": "refs/heads/main",
                "PRE_COMMIT_LOCAL_BRANCH": "--upload-pack=x",
            },
            id="a revision that is an option",
        ),
    ],
)
def test_odd_calls_end_well(machine, arguments, environ):
    called = subprocess.run(
        (sys.executable, "-I", "-m", "brickpush", "promote-after-push", *arguments),
        cwd=machine.clone,
        env={**machine.environ, **environ},
        input=b"refs/heads/x " + b"1" * 40 + b" refs/heads/x " + b"0" * 40 + b"\n",
        check=False,
    )

    assert called.returncode == 0
    assert machine.results == []


def test_a_closed_standard_output_stops_no_push(machine):
    machine.commit()
    python = sys.executable
    machine.hook(f'#!/bin/sh\nexec {python} -I -m brickpush promote-after-push "$@" >&-\n')

    assert machine.push().returncode == 0
    assert machine.ended()["main"].state is State.DONE


@pytest.mark.parametrize(
    ("name", "words"),
    [("BRICKPUSH_SKIP", "skipped, as BRICKPUSH_SKIP asks"), ("CI", "")],
)
def test_a_developer_can_opt_out(machine, name, words):
    machine.workspace.add("main")
    machine.commit()

    pushed = machine.push(**{name: "1"})

    assert pushed.returncode == 0
    assert words in pushed.stdout
    assert "queued" not in pushed.stdout
    assert machine.processes() == []
    assert machine.results == []


def test_a_hostile_repository_is_not_imported_in_our_place(machine):
    machine.workspace.add("main")
    for package in ("hooks", "promotion", "requests"):
        (machine.clone / package).mkdir()
        trap = machine.clone / package / "__init__.py"
        trap.write_text(f"open({str(machine.root / 'caught')!r}, 'w').close()\n")
    (machine.clone / "sitecustomize.py").write_text(
        f"open({str(machine.root / 'caught')!r}, 'w').close()\n"
    )
    machine.git("add", ".")
    machine.commit()

    pushed = machine.push(PYTHONPATH=".", PYTHONSTARTUP="sitecustomize.py")

    assert "queued" in pushed.stdout
    assert machine.ended()["main"].state is State.DONE
    assert not (machine.root / "caught").exists()


def test_the_line_names_what_is_queued(machine):
    machine.commit()
    for name in ("a", "b", "c"):
        machine.git("branch", name)

    pushed = machine.push("origin", "main", "a", "b", "c")

    (line,) = re.findall("brickpush: .*", pushed.stdout)
    assert re.fullmatch(
        r"brickpush: promotion of \S+@\w{7}, \S+@\w{7}, \S+@\w{7} and 1 more queued; "
        r"`git promote status` shows it",
        line,
    )
