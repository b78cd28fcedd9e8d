from __future__ import annotations

import os
import time
from dataclasses import replace

import pytest
from pushing.programs import git

from hooks.background.verify import Tracking
from hooks.background.worker import how_tracked, keep_traceback, main
from hooks.foreground.pushed_refs import PushedRefs
from hooks.promote_after_push import queue, write_queued_push
from hooks.results.model import State
from hooks.results.store import Results, keep_notice
from hooks.system.git import Git
from hooks.system.known_secrets import remember

SHA = "a" * 40


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A repository without remotes, as the current directory."""
    directory = tmp_path / "repository"
    directory.mkdir()
    git(directory, "init", "--quiet", "-b", "main")
    monkeypatch.chdir(directory)
    return directory


def a_note(state, pusher=(1 << 22, "no such process"), **refs):
    pushed = PushedRefs("origin", "https://github.com/octo-org/etl", refs, complete=False)
    return write_queued_push(str(state), pushed, {}, pusher)


def an_environ():
    return {"PATH": os.environ["PATH"], "HOME": "/nonexistent"}


def test_a_note_is_waiting_until_a_process_takes_it_up(tmp_path, repository):
    a_note(tmp_path, **{"refs/heads/main": SHA})

    (result,) = Results(tmp_path).all()

    assert (result.state, result.after, result.repository) == (State.WAITING, SHA, "octo-org/etl")


def test_a_note_about_no_branch_leaves_no_result(tmp_path, repository):
    note = a_note(tmp_path)

    assert main([note], an_environ()) == 0

    assert Results(tmp_path).all() == []
    assert list((tmp_path / "queued-pushes").iterdir()) == []


def test_what_goes_wrong_unexpectedly_is_a_failure_with_a_log(tmp_path, repository):
    note = a_note(tmp_path, pusher=("no number", "1"), **{"refs/heads/main": SHA})

    assert main([note], an_environ()) == 3

    (result,) = Results(tmp_path).all()
    assert result.state is State.FAILED
    assert result.message.startswith("unexpectedly, TypeError: ")
    assert "Traceback" in (tmp_path / "worker.log").read_text()


def test_a_repository_that_is_gone_is_a_failure(tmp_path, repository):
    note = a_note(tmp_path, **{"refs/heads/main": SHA})
    os.chdir(tmp_path)
    for path in sorted(repository.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    repository.rmdir()

    assert main([note], an_environ()) == 1

    (result,) = Results(tmp_path).all()
    assert result.state is State.FAILED
    assert "git can't be started" in result.message


def test_a_process_of_an_older_push_that_was_killed_is_told_at_the_next(tmp_path, repository):
    results = Results(tmp_path)
    old = a_note(tmp_path, **{"refs/heads/main": SHA})
    (left,) = results.all()
    results.write(left)
    os.unlink(old)  # noqa: PTH108 - what a child does once it has taken the note up

    assert main([a_note(tmp_path)], an_environ()) == 0

    assert results.latest().state is State.INTERRUPTED
    assert "interrupted" in (tmp_path / "last-failure").read_text()


def test_the_hook_is_silent_where_nothing_is_pushed(repository):
    assert queue([], {**an_environ(), "BRICKPUSH_STATE_DIR": "/nonexistent"}) == []


def test_keys_of_two_notes_differ(tmp_path, repository):
    first = a_note(tmp_path)
    time.sleep(0.002)
    assert a_note(tmp_path) != first


def test_a_secret_that_was_read_is_in_neither_the_log_nor_the_notice(tmp_path, repository):
    remember("plain-words-of-no-shape")
    results = Results(tmp_path)
    a_note(tmp_path, **{"refs/heads/main": SHA})
    (result,) = results.all()
    told = replace(result, state=State.FAILED, message="it said PLAIN-words-of-no-shape")

    try:
        raise ValueError("plain-words-of-no-shape")
    except ValueError:
        keep_traceback(tmp_path)
    keep_notice(told, results)

    assert "ValueError: [hidden]" in (tmp_path / "worker.log").read_text()
    assert "it said [hidden]" in (tmp_path / "last-failure").read_text()


GITHUB, MIRROR = "https://github.com/octo-org/etl", "https://gitlab.example/backup/etl"


@pytest.mark.parametrize(
    ("fetched", "pushed", "tracking"),
    [
        pytest.param(GITHUB, [], Tracking.BOTH, id="one URL"),
        pytest.param(GITHUB, ["git@github.com:Octo-Org/etl.git"], Tracking.BOTH, id="two forms"),
        pytest.param(GITHUB, [MIRROR], Tracking.PUSH, id="a mirror"),
        pytest.param(GITHUB, ["/srv/etl.git"], Tracking.PUSH, id="a path"),
        pytest.param("/srv/etl.git", [], Tracking.BOTH, id="a path alone"),
        pytest.param(GITHUB, [GITHUB, MIRROR], Tracking.NEITHER, id="several"),
    ],
)
def test_what_a_tracking_ref_tells_depends_on_the_remotes_urls(
    repository, fetched, pushed, tracking
):
    asked = Git(repository, an_environ())
    git(repository, "remote", "add", "origin", fetched)
    for url in pushed:
        git(repository, "remote", "set-url", "--add", "--push", "origin", url)

    assert how_tracked(asked, "origin", (pushed or [fetched])[0]) is tracking
    assert how_tracked(asked, MIRROR, MIRROR) is Tracking.BOTH
