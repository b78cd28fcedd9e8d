"""Learning the commit from the Git folders, where nobody else tells it."""

from __future__ import annotations

import os

import pytest
from builders import StillClock

from hooks.command.branch_head import resolve_head
from hooks.command.promote import exit_code
from hooks.pushed.repository import PushedRepository
from hooks.workspaces.promote import key_of, promote_everywhere, sign_in_everywhere
from promotion.ancestry import unknown_ancestry
from promotion.model import ZERO_SHA, Conclusion, Push


@pytest.fixture
def sessions(service_principal):
    return sign_in_everywhere(dict(os.environ))


@pytest.fixture
def faults(repository):
    """What the workspace's updates of Git folders answer."""
    yield lambda **fault: repository.stage.workspace.faults.add(
        method="PATCH", path="/api/2.0/repos/*", times=None, **fault
    )
    repository.stage.workspace.faults.clear()


@pytest.fixture
def impatient(monkeypatch):
    """Give an update a moment, in place of ten minutes."""
    monkeypatch.setattr("promotion.databricks.GIT_SECONDS", 0.5)


def unknown_push(repository):
    return Push(repository.name, "refs/heads/main", ZERO_SHA, "")


def updates(repository):
    """Return how many updates of Git folders the workspace was asked for."""
    requests = repository.stage.workspace.requests
    asked = (each.method == "PATCH" and "/repos/" in each.path for each in requests)
    return sum(asked)


def promoted(repository, sessions):
    """Scout, then promote, as `git promote` does; return the push, the run and its updates."""
    push, pushed = unknown_push(repository), PushedRepository((key_of(repository.url),))
    before = updates(repository)
    resolved = resolve_head(sessions, push, pushed.keys, StillClock())
    push = Push(push.repository, push.ref, push.before, resolved.head)
    run = promote_everywhere(
        sessions, push, pushed.keys, contains=unknown_ancestry, tried=resolved.tried
    )
    return push, run, updates(repository) - before


def conclusions(run):
    (report,) = run.reports
    return {each.folder.path: each.conclusion for each in report.outcomes}


def test_a_folder_that_is_already_there_tells_the_commit_after_a_patient_look(repository, sessions):
    path = repository.add_git_folder("one")
    clock = StillClock()

    resolved = resolve_head(sessions, unknown_push(repository), [key_of(repository.url)], clock)

    (outcomes,) = resolved.tried.values()
    assert resolved.head == repository.head
    assert [(each.folder.path, each.conclusion) for each in outcomes] == [
        (path, Conclusion.SUCCESS)
    ]
    assert outcomes[0].reason == f"already at {repository.head[:7]}"
    assert clock.now >= 10


def test_a_folder_that_fails_does_not_tell_the_commit_and_is_not_tried_again(repository, sessions):
    broken = repository.add_git_folder("a")
    repository.stage.workspace.commit_in_folder(broken, {"job.py": "mine\n"}, "Mine")
    good, other = repository.add_git_folder("b"), repository.add_git_folder("c")
    after = repository.commit()

    push, run, sent = promoted(repository, sessions)

    assert (push.after, sent) == (after, 3)
    assert conclusions(run) == {
        broken: Conclusion.ACTION_REQUIRED,
        good: Conclusion.SUCCESS,
        other: Conclusion.SUCCESS,
    }
    assert [repository.at(path) for path in (good, other)] == [after, after]


def test_no_folder_tells_nothing(repository, sessions):
    resolved = resolve_head(
        sessions, unknown_push(repository), [key_of(repository.url)], StillClock()
    )

    assert (resolved.head, list(resolved.tried.values())) == ("", [[]])


def test_where_every_folder_fails_no_commit_is_claimed(repository, service_principal, git_promote):
    path = repository.add_git_folder("a")
    repository.stage.workspace.commit_in_folder(path, {"job.py": "mine\n"}, "Mine")
    repository.commit()

    ended = git_promote("--url", repository.url, "--branch", "main", "--json")

    assert ended.code == 1
    assert ended.json["commit"] is None


def test_an_update_that_hangs_is_watched_and_sent_by_nobody_again(
    repository, sessions, faults, impatient
):
    hanging = repository.add_git_folder("a")
    repository.commit()
    faults(status="hang")

    push, run, sent = promoted(repository, sessions)

    assert (push.after, sent) == ("", 1)
    assert conclusions(run) == {hanging: Conclusion.TIMED_OUT}
    assert exit_code(run, push) == 1


def test_an_update_that_ends_while_it_is_watched_tells_the_commit(
    repository, sessions, faults, impatient
):
    slow = repository.add_git_folder("a")
    after = repository.commit()
    faults(status="hang", when="after")

    push, run, sent = promoted(repository, sessions)

    assert (push.after, sent) == (after, 1)
    assert conclusions(run) == {slow: Conclusion.SUCCESS}
    assert run.reports[0].outcomes[0].reason == f"at {after[:7]}"


@pytest.mark.parametrize("taken", [True, False], ids=["taken", "not taken"])
def test_an_update_whose_answer_is_lost_is_read_back_and_sent_by_nobody_again(
    repository, sessions, faults, taken
):
    path = repository.add_git_folder("a")
    before, after = repository.head, repository.commit()
    faults(status="reset", when="after" if taken else "before")

    push, run, sent = promoted(repository, sessions)

    assert sent == 1
    assert push.after == (after if taken else "")
    assert conclusions(run) == {path: Conclusion.SUCCESS if taken else Conclusion.FAILURE}
    assert repository.at(path) == (after if taken else before)


def test_of_a_workspace_that_hangs_only_one_folder_is_waited_for_before_the_others(
    repository, sessions, faults, impatient
):
    paths = [repository.add_git_folder(name) for name in ("a", "b", "c")]
    repository.commit()
    faults(status="hang")
    clock = StillClock()

    resolved = resolve_head(sessions, unknown_push(repository), [key_of(repository.url)], clock)

    (outcomes,) = resolved.tried.values()
    assert [each.folder.path for each in outcomes] == paths[:1]


@pytest.mark.parametrize("status", ["hang", pytest.param("reset", marks=pytest.mark.slow)])
def test_git_promote_sends_an_update_whose_answer_does_not_come_once(
    repository, service_principal, git_promote, faults, impatient, monkeypatch, status
):
    monkeypatch.setattr("promotion.promote.WATCH_SECONDS", 0.2)
    path = repository.add_git_folder("a")
    repository.commit()
    faults(status=status)
    before = updates(repository)

    ended = git_promote("--url", repository.url, "--branch", "main")

    assert (ended.code, updates(repository) - before) == (1, 1)
    assert f"✗ {path}" in ended.output
