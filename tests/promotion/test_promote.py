from __future__ import annotations

from dataclasses import replace

import pytest
from builders import (
    NEW,
    OLD,
    InMemoryFolders,
    StillClock,
    StoredAccess,
    a_decision,
    a_folder,
    a_promoter,
    always,
    an_api_error,
)

from promotion.ancestry import Ancestry
from promotion.errors import BrokenAnswerError, TimedOutError, UnreachableError
from promotion.model import Conclusion
from promotion.promote import WATCH_SECONDS
from promotion.read_back import STALE_SECONDS


def ends(folders, *, known=None, **options):
    outcome = a_promoter(folders, **options).promote(a_decision(known))
    return outcome.conclusion, outcome.reason


def test_a_folder_is_brought_to_the_push_and_read_back():
    folders = InMemoryFolders(a_folder())

    outcome = a_promoter(folders).promote(a_decision())

    assert (outcome.conclusion, outcome.before, outcome.after) == (Conclusion.SUCCESS, OLD, NEW)
    assert outcome.reason == "at 2222222"


def test_a_folder_already_there_is_left_alone():
    folders = InMemoryFolders(a_folder(head_commit_id=NEW))

    assert ends(folders) == (Conclusion.SUCCESS, "already at 2222222")
    assert folders.updates == []


@pytest.mark.parametrize(
    ("branch", "reason"),
    [
        pytest.param("feature/a", "somebody checked out feature/a meanwhile", id="another branch"),
        pytest.param(None, "somebody checked out a tag meanwhile", id="a tag"),
    ],
)
def test_a_folder_whose_branch_was_switched_meanwhile_is_not_switched_back(branch, reason):
    folders = InMemoryFolders(a_folder(branch=branch))

    assert ends(folders) == (Conclusion.SKIPPED, reason)
    assert folders.updates == []


def test_a_stale_first_read_is_read_again():
    folders = InMemoryFolders(a_folder())
    folders.stale_reads = 3
    folders.get_git_folder(a_folder().id)

    assert ends(folders) == (Conclusion.SUCCESS, "at 2222222")


def test_an_update_that_changes_nothing_is_no_success():
    folders = InMemoryFolders(a_folder(), tip=OLD)

    conclusion, reason = ends(folders, contains=always(Ancestry.LACKS))

    assert conclusion is Conclusion.FAILURE
    assert reason == "Databricks reported success, but the Git folder is still at 1111111"


def test_an_update_without_an_answer_is_watched_and_never_sent_again():
    folders = InMemoryFolders(a_folder())
    folders.errors = [TimedOutError("PATCH gave no answer within 600 s")]
    reads = iter(range(100))

    def finish_later():
        if next(reads) == 4:
            folders.folders[a_folder().id] = a_folder(head_commit_id=NEW)

    folders.before_read = finish_later

    assert ends(folders) == (Conclusion.SUCCESS, "at 2222222")
    assert len(folders.updates) == 1


@pytest.mark.parametrize("known_at", [OLD, None])  # what is remembered has no commit
def test_an_update_that_never_ends_has_timed_out(known_at):
    folders, clock = InMemoryFolders(a_folder()), StillClock()
    folders.errors = [TimedOutError("PATCH gave no answer within 600 s")]

    conclusion, reason = ends(folders, known=a_folder(head_commit_id=known_at), clock=clock)

    assert (conclusion, reason) == (
        Conclusion.TIMED_OUT,
        "Databricks did not finish within 10 minutes",
    )
    assert clock.now >= WATCH_SECONDS


def test_a_first_look_without_an_answer_is_no_update_to_watch():
    folders, clock = InMemoryFolders(a_folder()), StillClock()

    def answer_nothing():
        raise TimedOutError("GET https://dev gave no answer within 65 s")

    folders.before_read = answer_nothing

    assert ends(folders, clock=clock) == (
        Conclusion.FAILURE,
        "GET https://dev gave no answer within 65 s",
    )
    assert (folders.updates, clock.now) == ([], 0)


def test_an_update_whose_answer_was_lost_is_looked_at():
    folders = InMemoryFolders(a_folder(head_commit_id=OLD))
    folders.errors = [BrokenAnswerError("PATCH https://dev failed: the connection was reset")]
    reads = iter(range(100))

    def finish_later():
        if next(reads) == 2:
            folders.folders[a_folder().id] = a_folder(head_commit_id=NEW)

    folders.before_read = finish_later

    assert ends(folders, known=a_folder(head_commit_id=None)) == (
        Conclusion.SUCCESS,
        "at 2222222",
    )
    assert len(folders.updates) == 1


def test_an_update_that_was_lost_itself_has_failed():
    folders, clock = InMemoryFolders(a_folder()), StillClock()
    folders.errors = [BrokenAnswerError("PATCH https://dev failed: the connection was reset")]

    outcome = a_promoter(folders, clock=clock).promote(a_decision(a_folder(head_commit_id=None)))

    assert (outcome.conclusion, outcome.reason, outcome.after) == (
        Conclusion.FAILURE,
        "PATCH https://dev failed: the connection was reset",
        OLD,
    )
    assert STALE_SECONDS <= clock.now < WATCH_SECONDS


def test_a_workspace_that_does_not_answer_fails_the_folder_only():
    folders = InMemoryFolders(a_folder())
    folders.errors = [UnreachableError("PATCH https://dev failed: the connection was refused")]

    outcome = a_promoter(folders).promote(a_decision())

    assert outcome.conclusion is Conclusion.FAILURE
    assert outcome.reason == "PATCH https://dev failed: the connection was refused"
    assert outcome.next_step == "check the network between here and the workspace, then re-run"


def test_an_id_of_sixteen_digits_stays_exact():
    folder = a_folder(id=9_007_199_254_740_993)  # 2^53 + 1: a float would lose the 1
    folders = InMemoryFolders(folder)

    outcome = a_promoter(folders).promote(a_decision(folder))

    assert outcome.folder == replace(folder)
    assert folders.updates == [(9_007_199_254_740_993, False)]


EXPIRED = an_api_error(403, "PERMISSION_DENIED", "Invalid Git provider credentials")


def test_a_refused_credential_is_renewed_once():
    folders = InMemoryFolders(a_folder())
    folders.errors = [EXPIRED]

    assert ends(folders, access=StoredAccess(renewals=1)) == (Conclusion.SUCCESS, "at 2222222")


def test_the_credential_is_made_sure_of_before_each_update():
    folders, access, sent = InMemoryFolders(a_folder()), StoredAccess(renewals=1), []
    folders.errors = [EXPIRED]
    access.ensure = lambda _folder: sent.append(len(folders.updates))

    assert ends(folders, access=access) == (Conclusion.SUCCESS, "at 2222222")
    assert sent == [0, 1]


def test_a_refused_credential_that_is_not_ours_is_reported():
    folders = InMemoryFolders(a_folder())
    folders.errors = [EXPIRED]

    conclusion, reason = ends(folders)

    assert conclusion is Conclusion.FAILURE
    assert reason == "GitHub refused the stored Git credential: it is wrong or has expired"


def test_one_of_several_credentials_is_named_where_none_is_the_default():
    folders = InMemoryFolders(a_folder())
    folders.errors = [an_api_error(400, "GIT_CLI_CANNOT_CHOOSE_CREDENTIAL")]

    assert ends(folders) == (Conclusion.SUCCESS, "at 2222222")
    assert folders.credential_ids == [None, 7]
