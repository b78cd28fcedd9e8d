from __future__ import annotations

from dataclasses import replace

import pytest
from builders import (
    NEW,
    NEWER,
    OLD,
    InMemoryFolders,
    StillClock,
    a_decision,
    a_folder,
    an_api_error,
)

from promotion.ancestry import Ancestry, nobody_knows
from promotion.errors import BrokenAnswerError, TimedOutError, UnreachableError
from promotion.outcome import Conclusion
from promotion.plan import Destination
from promotion.promote import STALE_SECONDS, WATCH_SECONDS, Promoter
from promotion.rules import OnConflict, Rule


class StoredAccess:
    """A Git credential that may be renewed so many times."""

    def __init__(self, renewals=0):
        self.renewals = renewals

    def ensure(self, folder):
        pass

    def renew(self, folder):
        self.renewals -= 1
        return self.renewals >= 0

    def choose(self, folder):
        return 7


def a_promoter(folders, *, contains=nobody_knows, clock=None, access=None):
    return Promoter(folders, clock or StillClock(), access or StoredAccess(), contains)


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

    assert ends(folders) == (Conclusion.SKIPPED, "already at 2222222")
    assert folders.updates == []


def test_a_folder_that_is_gone_is_left_alone():
    folders = InMemoryFolders()

    assert ends(folders) == (Conclusion.SKIPPED, "it is gone")


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

    conclusion, reason = ends(folders)

    assert conclusion is Conclusion.FAILURE
    assert reason == "Databricks reported success, but the Git folder is still at 1111111"


@pytest.mark.parametrize(
    ("contains", "conclusion", "reason"),
    [
        pytest.param(
            Ancestry.CONTAINS,
            Conclusion.SUCCESS,
            "at 3333333, which is newer and contains 2222222",
            id="a descendant",
        ),
        pytest.param(
            Ancestry.LACKS,
            Conclusion.NEUTRAL,
            "at 3333333: main was moved again and has lost 2222222",
            id="a force-push",
        ),
        pytest.param(
            Ancestry.UNKNOWN, Conclusion.NEUTRAL, "at 3333333, the head of main", id="not known"
        ),
    ],
)
def test_a_branch_that_moved_on_is_told_by_ancestry(contains, conclusion, reason):
    folders = InMemoryFolders(a_folder(), tip=NEWER)

    assert ends(folders, contains=lambda head, after: contains) == (conclusion, reason)


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


def test_a_folder_deleted_during_its_update_is_said_to_be_deleted():
    folders = InMemoryFolders(a_folder())
    reads = iter(range(100))

    def delete_at_the_second_read():
        if next(reads) == 1:
            folders.folders.clear()

    folders.before_read = delete_at_the_second_read

    assert ends(folders) == (Conclusion.SKIPPED, "it was deleted meanwhile")


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


DISCARDS = Rule("rule 1 of dev", ("/Repos/**",), on_conflict=OnConflict.DISCARD)
TAGS = Rule("rule 1 of dev", ("/Repos/**",), follow="tag:v*")


def test_edits_in_the_way_are_discarded_only_where_a_rule_says_so():
    folders = InMemoryFolders(a_folder())
    folders.errors = [an_api_error(409, "GIT_CONFLICT")]

    outcome = a_promoter(folders).promote(a_decision(rule=DISCARDS))

    assert (outcome.conclusion, outcome.rule) == (Conclusion.SUCCESS, "rule 1 of dev")
    assert folders.updates == [(a_folder().id, False), (a_folder().id, True)]


def test_edits_in_the_way_are_kept_without_such_a_rule():
    folders = InMemoryFolders(a_folder())
    folders.errors = [an_api_error(409, "GIT_CONFLICT")]

    outcome = a_promoter(folders).promote(a_decision())

    assert outcome.conclusion is Conclusion.ACTION_REQUIRED
    assert folders.updates == [(a_folder().id, False)]


def test_a_folder_ahead_of_a_tag_does_not_go_back():
    folder = a_folder(branch=None, head_commit_id=NEWER)
    folders = InMemoryFolders(folder)
    decision = a_decision(folder, destination=Destination(None, "v1.9", NEW), rule=TAGS)

    outcome = a_promoter(folders, contains=lambda head, after: Ancestry.CONTAINS).promote(decision)

    assert outcome.reason == "is ahead of v1.9, and rule 1 of dev never goes back"
    assert folders.updates == []


EXPIRED = an_api_error(403, "PERMISSION_DENIED", "Invalid Git provider credentials")


def test_a_refused_credential_is_renewed_once():
    folders = InMemoryFolders(a_folder())
    folders.errors = [EXPIRED]

    assert ends(folders, access=StoredAccess(renewals=1)) == (Conclusion.SUCCESS, "at 2222222")


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
