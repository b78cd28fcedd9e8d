"""Learning the commit from the Git folders, where nobody else tells it."""

from __future__ import annotations

import pytest
from builders import StillClock

from hooks.local_promotion import enter, key_of
from hooks.scouting import scout
from promotion.push import ZERO_SHA, Push


@pytest.fixture
def entrances(service_principal):
    import os

    return enter(dict(os.environ))


def unknown_push(repository):
    return Push(repository.name, "refs/heads/main", ZERO_SHA, "")


def test_a_folder_that_is_already_there_tells_the_commit_after_a_patient_look(
    repository, entrances
):
    repository.add_git_folder("one")
    clock = StillClock()

    scouted = scout(entrances, unknown_push(repository), {key_of(repository.url)}, clock)

    assert scouted is not None
    assert scouted.head == repository.head
    assert clock.now >= 10


def test_a_folder_that_fails_does_not_tell_the_commit(repository, entrances):
    broken = repository.add_git_folder("a")
    repository.stage.workspace.commit_in_folder(broken, {"job.py": "mine\n"}, "Mine")
    good = repository.add_git_folder("b")
    after = repository.commit()

    scouted = scout(entrances, unknown_push(repository), {key_of(repository.url)}, StillClock())

    assert scouted is not None
    assert (scouted.before.path, scouted.head) == (good, after)


def test_no_folder_tells_nothing(repository, entrances):
    push = unknown_push(repository)

    assert scout(entrances, push, {key_of(repository.url)}, StillClock()) is None


def test_where_every_folder_fails_no_commit_is_claimed(repository, service_principal, git_promote):
    path = repository.add_git_folder("a")
    repository.stage.workspace.commit_in_folder(path, {"job.py": "mine\n"}, "Mine")
    repository.commit()

    ended = git_promote("--url", repository.url, "--branch", "main", "--json")

    assert ended.code == 1
    assert ended.json["commit"] is None
