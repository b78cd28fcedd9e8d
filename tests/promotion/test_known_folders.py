from __future__ import annotations

import threading
from dataclasses import replace

import pytest
from builders import a_folder

from promotion.discovery import Scan, Unread, UnreadablePath
from promotion.errors import UnreachableError
from promotion.known_folders import FRESH_SECONDS, KnownFolders, NoMemory

SEEN = Scan((a_folder(),), ())


class Notes(NoMemory):
    """A memory in a list."""

    def __init__(self, *scans):
        self.scans = list(scans)

    def load(self):
        return self.scans[-1] if self.scans else None

    def save(self, seen):
        self.scans.append(seen)


class Scans:
    """Counts surveys, and may be made to fail or to wait."""

    def __init__(self, *answers):
        self.count = 0
        self.error = None
        self.answers = list(answers)
        self.gate = threading.Event()
        self.gate.set()

    def __call__(self):
        self.count += 1
        assert self.gate.wait(10)
        if self.error is not None:
            raise self.error
        return self.answers.pop(0) if self.answers else SEEN


def test_where_nothing_is_remembered_the_workspace_is_surveyed_first():
    scans, notes = Scans(), Notes()

    known = KnownFolders(scans, notes, lambda: 0.0).known()

    assert [folder.path for folder in known.folders] == ["/Repos/team/etl"]
    assert (scans.count, notes.scans) == (1, [SEEN])


def test_what_is_remembered_is_known_at_once_and_without_its_commit():
    scans = Scans()

    known = KnownFolders(scans, Notes(SEEN), lambda: 0.0).known()

    assert scans.count == 0
    assert [folder.head_commit_id for folder in known.folders] == [None]


def test_one_refresh_serves_all_pushes_of_a_minute():
    scans, now = Scans(), [0.0]
    known = KnownFolders(scans, Notes(), lambda: now[0])

    for now[0] in (0.0, 10.0, FRESH_SECONDS - 1):
        known.refreshed()
    assert scans.count == 1

    now[0] = FRESH_SECONDS
    known.refreshed()
    assert scans.count == 2


def test_a_survey_from_a_time_to_come_is_not_fresh():
    scans, now = Scans(), [3600.0]
    known = KnownFolders(scans, Notes(), lambda: now[0])
    known.refreshed()

    now[0] = 0.0  # the clock was set back
    known.refreshed()

    assert scans.count == 2


def test_pushes_at_the_same_time_share_a_refresh():
    scans = Scans()
    known = KnownFolders(scans, Notes(SEEN), lambda: 0.0)
    scans.gate.clear()

    for _ in range(5):
        known.refresh_beside()
    scans.gate.set()
    known.refreshed()

    assert scans.count == 1


def test_a_refresh_that_fails_leaves_what_is_known():
    scans = Scans()
    scans.error = UnreachableError("the connection was refused")
    known = KnownFolders(scans, Notes(SEEN), lambda: 0.0)

    with pytest.raises(UnreachableError):
        known.refreshed()

    assert len(known.known().folders) == 1


OTHER = a_folder(id=7, path="/Users/ada/etl", branch="dev")
PARTLY = Scan(
    (a_folder(),), (UnreadablePath("/Users", "away"),), Unread(places=frozenset({"/Users"}))
)


def somewhere(*folders):
    return tuple(replace(folder, head_commit_id=None) for folder in folders)


def test_what_a_refresh_could_not_read_is_remembered_as_it_was_known():
    notes = Notes(Scan(somewhere(a_folder(), OTHER), ()))
    known = KnownFolders(Scans(PARTLY), notes, lambda: 0.0)

    seen = known.refreshed()

    assert seen.folders == (a_folder(), *somewhere(OTHER))
    assert (notes.load().folders, notes.load().unreadable) == (seen.folders, PARTLY.unreadable)
    assert known.known().folders == somewhere(a_folder(), OTHER)


def test_a_process_without_a_memory_of_its_own_keeps_what_it_knew_too():
    known = KnownFolders(Scans(Scan((a_folder(), OTHER), ()), PARTLY), NoMemory(), lambda: 0.0)
    known.refreshed()

    known.refreshed(anew=True)

    assert known.known().folders == somewhere(a_folder(), OTHER)


def test_what_another_process_found_meanwhile_is_kept_too():
    notes = Notes(SEEN)
    known = KnownFolders(Scans(PARTLY), notes, lambda: 0.0)
    known.known()
    notes.save(Scan(somewhere(a_folder(), OTHER), ()))  # by another process

    assert known.refreshed().folders == (a_folder(), *somewhere(OTHER))


def test_what_a_refresh_read_and_did_not_find_is_no_more_known():
    notes = Notes(Scan(somewhere(a_folder(), OTHER), ()))
    known = KnownFolders(Scans(), notes, lambda: 0.0)

    known.refreshed()

    assert known.known().folders == somewhere(a_folder())


def test_a_first_survey_says_where_folders_are_and_not_at_which_commit():
    known = KnownFolders(Scans(), NoMemory(), lambda: 0.0)

    assert known.known().folders == somewhere(a_folder())
    assert known.refreshed(anew=True).folders == (a_folder(),)


def test_a_survey_is_as_old_as_its_beginning():
    now = [0.0]

    def takes_its_time():
        now[0] += FRESH_SECONDS
        return SEEN

    known = KnownFolders(takes_its_time, NoMemory(), lambda: now[0])
    known.refreshed()
    known.refreshed()

    assert now == [2 * FRESH_SECONDS]


def test_a_refresh_beside_that_fails_says_why_and_the_next_one_that_it_is_well():
    scans = Scans()
    scans.error = UnreachableError("the connection was refused")
    known = KnownFolders(scans, Notes(SEEN), lambda: 0.0)

    known.refresh_beside()
    assert not known.settle()
    assert known.problem is scans.error

    scans.error = None
    known.refresh_beside()
    assert known.settle()
    assert known.problem is None


@pytest.mark.filterwarnings("error")
def test_a_refresh_beside_that_the_end_of_the_process_cuts_short_is_no_error():
    scans = Scans()
    scans.error = RuntimeError("cannot schedule new futures after interpreter shutdown")
    known = KnownFolders(scans, Notes(SEEN), lambda: 0.0)

    known.refresh_beside()
    known.settle()

    assert scans.count == 1


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_refresh_beside_that_breaks_otherwise_is_not_swallowed():
    scans, raised = Scans(), []
    scans.error = RuntimeError("dictionary changed size during iteration")
    known = KnownFolders(scans, Notes(SEEN), lambda: 0.0)
    usual, threading.excepthook = threading.excepthook, lambda args: raised.append(args.exc_value)
    try:
        known.refresh_beside()
        known.settle()
    finally:
        threading.excepthook = usual

    assert raised == [scans.error]
