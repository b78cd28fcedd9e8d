"""What the process that a push leaves behind survives, and what is left when it does not."""

from __future__ import annotations

import fcntl
import os
import pty
import signal
import subprocess
import sys
import termios
import time

from hooks.results.model import State
from hooks.results.store import Results


def test_the_push_returns_while_the_promotion_goes_on(machine):
    machine.workspace.add("main")
    machine.workspace.answering.clear()
    machine.commit()

    machine.push()

    machine.wait(lambda: machine.workspace.updates, "a PATCH")
    assert [result.state for result in machine.results] == [State.RUNNING]
    machine.workspace.answering.set()
    assert machine.ended()["main"].state is State.DONE
    machine.wait(lambda: not machine.processes(), "the child's end")


def test_a_promotion_outlives_the_terminal_that_pushed(machine):
    folder = machine.workspace.add("main")
    machine.workspace.answering.clear()
    sha = machine.commit()
    shell, terminal = pty.openpty()

    pushing = subprocess.Popen(
        ("git", "push"),
        cwd=machine.clone,
        env=machine.environ,
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )
    os.close(terminal)
    assert pushing.wait(20) == 0
    machine.wait(lambda: machine.workspace.updates, "a PATCH")
    os.close(shell)  # the kernel hangs up on everything that belongs to the terminal
    machine.workspace.answering.set()

    assert machine.ended()["main"].state is State.DONE
    assert machine.workspace.head(folder) == sha


def test_a_child_killed_while_it_promotes_is_explained(machine):
    machine.workspace.add("main")
    machine.workspace.answering.clear()
    machine.commit()
    machine.push()
    machine.wait(lambda: machine.workspace.updates, "a PATCH")

    machine.kill_children()
    (settled,) = machine.settled()

    assert settled.state is State.INTERRUPTED
    assert settled.message == "the process that promoted was ended before it was done"
    assert settled.next_step == "run `git promote`"
    assert machine.results == [settled]


def test_a_child_killed_while_it_waits_for_the_push_is_explained(machine):
    machine.hook("#!/bin/sh\nexec sleep 20\n", "pre-receive", machine.remote)
    machine.commit()
    pushing = subprocess.Popen(("git", "push"), cwd=machine.clone, env=machine.environ)
    machine.wait(lambda: (machine.state / "results").is_dir() and machine.results, "a result")
    assert [result.state for result in machine.results] == [State.WAITING]
    assert Results(machine.state).settle() == []

    machine.kill_children()
    (settled,) = machine.settled()

    assert settled.state is State.INTERRUPTED
    assert (
        settled.message
        == "the process that waited for the push to end was ended before it was done"
    )
    pushing.kill()
    pushing.wait()


def test_a_child_killed_before_it_took_up_its_work_is_explained(machine):
    sha = machine.commit()
    # A hook environment that is broken: the child can't even be started.
    python = machine.root / "python"
    python.write_text(
        f'#!/bin/sh\ncase "$*" in *child*) exit 1;; esac\nexec {sys.executable} "$@"\n'
    )
    python.chmod(0o755)
    starter = f"import sys; sys.executable = {str(python)!r}\n" + (
        "from hooks.promote_after_push import main; import os\nmain(sys.argv[1:], os.environ)\n"
    )
    (machine.root / "starter.py").write_text(starter)
    machine.hook(f'#!/bin/sh\nexec {sys.executable} -I {machine.root}/starter.py "$@"\n')

    machine.push()

    (result,) = machine.results
    assert (result.state, result.after) == (State.WAITING, sha)
    assert Results(machine.state).settle() == []
    (settled,) = Results(machine.state).settle(now=time.time() + 31)
    assert settled.state is State.INTERRUPTED
    assert [result.state for result in machine.results] == [State.INTERRUPTED]


def test_the_newest_of_overlapping_pushes_wins_and_those_between_are_superseded(machine):
    folder = machine.workspace.add("main")
    machine.workspace.answering.clear()
    first = machine.commit("first of three")
    machine.push()
    machine.wait(lambda: machine.workspace.updates, "a PATCH")
    second = machine.commit("second")
    machine.push()
    third = machine.commit("third")
    machine.push()
    machine.wait(lambda: len(machine.processes()) == 3, "three children")

    machine.workspace.answering.set()

    machine.wait(lambda: not machine.processes(), "the children's end")
    states = {result.after: result.state for result in machine.results}
    assert states[first] is State.DONE
    assert states[second] is State.SUPERSEDED
    assert states[third] is State.DONE
    assert machine.workspace.head(folder) == third


def test_a_push_that_was_killed_is_promoted_when_the_server_finishes_it(machine):
    folder = machine.workspace.add("main")
    started, go_on = machine.root / "started", machine.root / "go-on"
    machine.hook(
        f"#!/bin/sh\ntrap '' PIPE HUP TERM\ntouch {started}\n"
        f"while [ ! -e {go_on} ]; do sleep 0.05; done\n",
        "pre-receive",
        machine.remote,
    )
    sha = machine.commit()
    pushing = subprocess.Popen(
        ("git", "push"), cwd=machine.clone, env=machine.environ, stderr=subprocess.DEVNULL
    )
    machine.wait(started.exists, "the server's hook")

    pushing.send_signal(signal.SIGKILL)
    pushing.wait()
    machine.wait(lambda: machine.results[0].state is State.NOT_PUSHED, "a first look")
    go_on.touch()

    machine.wait(lambda: machine.results[0].state is State.DONE, "the second look")
    assert machine.workspace.head(folder) == sha


def test_a_failure_is_shown_once_at_the_next_push(machine):
    machine.workspace.add("main")
    machine.workspace.refusal = (400, {"error_code": "BAD_REQUEST", "message": "no such thing"})
    failing = machine.commit("fails")
    machine.push()
    failed = machine.ended()["main"]
    assert failed.state is State.FAILED
    machine.wait(lambda: not machine.processes(), "the child's end")
    machine.workspace.refusal = None

    machine.commit("next")
    told = machine.push().stdout
    machine.ended()
    machine.commit("and on")
    silent = machine.push().stdout

    assert f"brickpush: last time, the promotion of main@{failing[:7]} of octo-org/etl" in told
    assert failed.message in told
    assert "last time" not in silent


def test_a_failure_that_was_made_good_is_not_shown(machine):
    machine.workspace.add("main")
    machine.workspace.refusal = (400, {"error_code": "BAD_REQUEST", "message": "no such thing"})
    machine.commit("fails")
    machine.push()
    machine.ended()
    machine.workspace.refusal = None
    machine.commit("works")
    machine.push("--quiet")
    machine.ended(2)
    machine.wait(lambda: not machine.processes(), "the children's end")
    assert not (machine.state / "last-failure").exists()


def test_without_any_identity_the_result_names_the_command_that_signs_in(machine):
    machine.workspace.add("main")
    machine.commit()
    for name in ("DATABRICKS_HOST", "DATABRICKS_TOKEN"):
        del machine.environ[name]

    machine.push()

    result = machine.ended()["main"]
    assert result.state is State.FAILED, result
    assert result.message.startswith(
        "no workspace is configured: run `databricks auth login --host HOST`"
    )
    assert machine.workspace.updates == []
