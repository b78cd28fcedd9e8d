from __future__ import annotations

import threading

import pytest
from builders import a_folder

from promotion.discovery import Survey
from promotion.errors import UnreachableError
from promotion.known_folders import FRESH_SECONDS, KnownFolders, NoMemory

SEEN = Survey((a_folder(),), ())


class Notes(NoMemory):
    """A memory in a list."""

    def __init__(self, *surveys):
        self.surveys = list(surveys)

    def load(self):
        return self.surveys[-1] if self.surveys else None

    def save(self, seen):
        self.surveys.append(seen)


class Surveys:
    """Counts surveys, and may be made to fail or to wait."""

    def __init__(self):
        self.count = 0
        self.error = None
        self.gate = threading.Event()
        self.gate.set()

    def __call__(self):
        self.count += 1
        assert self.gate.wait(10)
        if self.error is not None:
            raise self.error
        return SEEN


def test_where_nothing_is_remembered_the_workspace_is_surveyed_first():
    surveys, notes = Surveys(), Notes()

    known = KnownFolders(surveys, notes, lambda: 0.0).known()

    assert [folder.path for folder in known.folders] == ["/Repos/team/etl"]
    assert (surveys.count, notes.surveys) == (1, [SEEN])


def test_what_is_remembered_is_known_at_once_and_without_its_commit():
    surveys = Surveys()

    known = KnownFolders(surveys, Notes(SEEN), lambda: 0.0).known()

    assert surveys.count == 0
    assert [folder.head_commit_id for folder in known.folders] == [None]


def test_one_refresh_serves_all_pushes_of_a_minute():
    surveys, now = Surveys(), [0.0]
    known = KnownFolders(surveys, Notes(), lambda: now[0])

    for now[0] in (0.0, 10.0, FRESH_SECONDS - 1):
        known.refreshed()
    assert surveys.count == 1

    now[0] = FRESH_SECONDS
    known.refreshed()
    assert surveys.count == 2


def test_a_survey_from_a_time_to_come_is_not_fresh():
    surveys, now = Surveys(), [3600.0]
    known = KnownFolders(surveys, Notes(), lambda: now[0])
    known.refreshed()

    now[0] = 0.0  # the clock was set back
    known.refreshed()

    assert surveys.count == 2


def test_pushes_at_the_same_time_share_a_refresh():
    surveys = Surveys()
    known = KnownFolders(surveys, Notes(SEEN), lambda: 0.0)
    surveys.gate.clear()

    for _ in range(5):
        known.refresh_beside()
    surveys.gate.set()
    known.refreshed()

    assert surveys.count == 1


def test_a_refresh_that_fails_leaves_what_is_known():
    surveys = Surveys()
    surveys.error = UnreachableError("the connection was refused")
    known = KnownFolders(surveys, Notes(SEEN), lambda: 0.0)

    with pytest.raises(UnreachableError):
        known.refreshed()

    assert len(known.known().folders) == 1
