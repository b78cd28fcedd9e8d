"""How a Git folder is judged by what is read of it after its update."""

from __future__ import annotations

from dataclasses import replace

import pytest
from builders import (
    ETL,
    NEW,
    NEWER,
    OLD,
    InMemoryFolders,
    StillClock,
    a_decision,
    a_folder,
    a_promoter,
    a_push,
    always,
    an_api_error,
)

from promotion.ancestry import Ancestry
from promotion.errors import BrokenAnswerError, TimedOutError
from promotion.model import Conclusion
from promotion.plan import Destination, PlanInput
from promotion.promote import WATCH_SECONDS
from promotion.read_back import STALE_SECONDS
from promotion.rules import Rule

OLDER = "0123456" + "0" * 33
AHEAD, ELSEWHERE = a_folder(head_commit_id=NEWER), a_folder(head_commit_id=NEW, branch="dev")
THERE, BEFORE, EARLIER = (a_folder(head_commit_id=each) for each in (NEW, OLD, OLDER))
BACK = Rule("rule 1 of dev", ("/Repos/**",), follow="tag:v*", back=True)


class Shown(InMemoryFolders):
    """A Git folder whose reads after an update show these states in turn, the last for good."""

    def __init__(self, *after, before=BEFORE):
        super().__init__(before)
        self.after = list(after)

    def get_git_folder(self, repo_id):
        if not self.updates:
            return super().get_git_folder(repo_id)
        self.before_read()
        return self.after.pop(0) if len(self.after) > 1 else self.after[0]


def ends(folders, **options):
    outcome = a_promoter(folders, **options).promote(a_decision())
    return outcome.conclusion, outcome.reason, outcome.after


@pytest.mark.parametrize("stale", [BEFORE, EARLIER, ELSEWHERE, AHEAD, a_folder(branch=None)])
@pytest.mark.parametrize("ancestry", [Ancestry.LACKS, Ancestry.UNKNOWN, Ancestry.FOREIGN])
def test_what_is_out_of_date_is_not_believed_while_reads_may_lag(stale, ancestry):
    folders = Shown(stale, stale, BEFORE, stale, THERE)

    assert ends(folders, contains=always(ancestry)) == (Conclusion.SUCCESS, "at 2222222", NEW)


@pytest.mark.parametrize(
    ("ancestry", "conclusion", "reason"),
    [
        pytest.param(
            Ancestry.LACKS,
            Conclusion.CANCELLED,
            "superseded: main was moved to 3333333, which lacks 2222222",
            id="a force-push",
        ),
        pytest.param(
            Ancestry.UNKNOWN,
            Conclusion.NEUTRAL,
            "at 3333333, the head of main; whether that contains 2222222 is not known",
            id="nobody can say",
        ),
        pytest.param(
            Ancestry.FOREIGN,
            Conclusion.FAILURE,
            "the Git folder is at 3333333, which octo-org/etl does not know: its URL now"
            " leads to another repository",
            id="a stranger's",
        ),
    ],
)
def test_a_head_without_the_commit_is_never_a_success(ancestry, conclusion, reason):
    clock = StillClock()

    assert ends(Shown(AHEAD), contains=always(ancestry), clock=clock) == (
        conclusion,
        reason,
        NEWER,
    )
    assert STALE_SECONDS <= clock.now < 2 * STALE_SECONDS


def test_a_head_that_contains_the_commit_is_a_success_at_once():
    clock = StillClock()

    assert ends(Shown(AHEAD), contains=always(Ancestry.CONTAINS), clock=clock) == (
        Conclusion.SUCCESS,
        "at 3333333, which is newer and contains 2222222",
        NEWER,
    )
    assert clock.now == 0


@pytest.mark.parametrize(
    ("ancestry", "conclusion", "reason"),
    [
        pytest.param(
            Ancestry.CONTAINS,
            Conclusion.SUCCESS,
            "already past 2222222: at 1111111, which contains it",
            id="it was past it",
        ),
        pytest.param(
            Ancestry.LACKS,
            Conclusion.FAILURE,
            "Databricks reported success, but the Git folder is still at 1111111",
            id="nothing happened",
        ),
        pytest.param(
            Ancestry.UNKNOWN,
            Conclusion.NEUTRAL,
            "still at 1111111; whether that contains 2222222 is not known",
            id="nobody can say",
        ),
        pytest.param(
            Ancestry.FOREIGN,
            Conclusion.FAILURE,
            "the Git folder is at 1111111, which octo-org/etl does not know: it holds commits that"
            " were not pushed, or its URL now leads to another repository",
            id="not GitHub's",
        ),
    ],
)
def test_a_head_that_never_changed_is_told_by_ancestry(ancestry, conclusion, reason):
    assert ends(Shown(BEFORE), contains=always(ancestry)) == (conclusion, reason, OLD)


def test_a_folder_without_a_commit_is_not_where_it_should_be():
    folders = Shown(a_folder(head_commit_id=None), before=a_folder(head_commit_id=None))

    assert ends(folders, contains=always(Ancestry.CONTAINS)) == (
        Conclusion.FAILURE,
        "Databricks reported success, but the Git folder is still at no commit",
        None,
    )


@pytest.mark.parametrize("head", [NEW, NEWER])
@pytest.mark.parametrize("ancestry", [Ancestry.CONTAINS, Ancestry.LACKS])
def test_a_branch_that_somebody_switched_during_the_update_is_no_success(head, ancestry):
    folders = Shown(THERE, a_folder(branch="dev", head_commit_id=head))
    folders.after.pop(0)

    assert ends(folders, contains=always(ancestry)) == (
        Conclusion.SKIPPED,
        "somebody checked out dev meanwhile",
        head,
    )


def test_a_folder_that_was_pointed_elsewhere_during_the_update_is_no_success():
    folders = Shown(replace(THERE, url="https://github.com/bob-org/etl"))

    assert ends(folders) == (
        Conclusion.SKIPPED,
        "its URL was changed to another repository meanwhile",
        NEW,
    )


def test_two_replicas_that_disagree_at_the_end_are_asked_again():
    lagging = [BEFORE, AHEAD, BEFORE, AHEAD, BEFORE, AHEAD, BEFORE, AHEAD, THERE]

    assert ends(Shown(*lagging), contains=always(Ancestry.LACKS))[0] is Conclusion.SUCCESS


def test_two_replicas_that_never_agree_are_not_waited_for_without_end():
    clock = StillClock()
    folders = Shown(*([BEFORE, AHEAD] * 20))

    assert ends(folders, contains=always(Ancestry.LACKS), clock=clock)[0] is not Conclusion.SUCCESS
    assert clock.now <= 3 * STALE_SECONDS


def test_a_folder_that_goes_back_to_a_tag_is_not_there_while_it_is_above_it():
    above = a_folder(branch=None, head_commit_id=NEWER)
    below = a_folder(branch=None, head_commit_id=NEW)
    push = a_push(ref="refs/tags/v2", after="0" * 40)
    decision = a_decision(above, destination=Destination(None, "v1", NEW), rule=BACK)
    plan_input = PlanInput({ETL}, (BACK,), {"v1": NEW})

    def ends_at_the_tag(*after):
        folders = Shown(*after, before=above)
        compare = always(Ancestry.CONTAINS)  # what is above the tag contains it
        promoter = a_promoter(folders, push=push, plan_input=plan_input, contains=compare)
        outcome = promoter.promote(decision)
        return outcome.conclusion, outcome.reason

    assert ends_at_the_tag(above, below) == (Conclusion.SUCCESS, "at 2222222")
    assert ends_at_the_tag(above) == (
        Conclusion.FAILURE,
        "Databricks reported success, but the Git folder is still at 3333333",
    )


def test_a_tag_that_somebody_left_for_a_branch_is_no_success():
    before, after = a_folder(branch=None), a_folder(branch="main", head_commit_id=NEW)
    rule = replace(BACK, back=False)
    plan_input = PlanInput({ETL}, (rule,), {"v1": NEW})
    promoter = a_promoter(
        Shown(after, before=before),
        push=a_push(ref="refs/tags/v1"),
        plan_input=plan_input,
        contains=always(Ancestry.LACKS),
    )

    outcome = promoter.promote(
        a_decision(before, destination=Destination(None, "v1", NEW), rule=rule)
    )

    assert (outcome.conclusion, outcome.reason) == (
        Conclusion.SKIPPED,
        "somebody checked out main meanwhile",
    )


def test_nobody_is_asked_about_ancestry_and_nothing_waits_when_all_is_well():
    def nobody(_head, _commit):
        raise AssertionError("asked")

    clock = StillClock()

    assert ends(Shown(THERE), contains=nobody, clock=clock)[0] is Conclusion.SUCCESS
    assert clock.now == 0


def lost(error, *after, **options):
    folders = Shown(*after)
    folders.errors = [error]
    return folders, ends(folders, **options)


@pytest.mark.parametrize(
    "error",
    [
        TimedOutError("PATCH gave no answer within 600 s"),
        BrokenAnswerError("PATCH failed: the connection was reset"),
    ],
)
@pytest.mark.parametrize(
    ("ancestry", "conclusion"),
    [
        (Ancestry.LACKS, Conclusion.CANCELLED),
        (Ancestry.UNKNOWN, Conclusion.NEUTRAL),
        (Ancestry.FOREIGN, Conclusion.FAILURE),
    ],
)
def test_an_update_whose_answer_was_lost_is_judged_by_the_same_words(error, ancestry, conclusion):
    clock = StillClock()

    folders, ended = lost(error, AHEAD, contains=always(ancestry), clock=clock)

    assert (ended[0], ended[2], len(folders.updates)) == (conclusion, NEWER, 1)
    assert "3333333" in ended[1]
    assert clock.now < 3 * STALE_SECONDS < WATCH_SECONDS


def test_a_workspace_that_fails_while_an_update_is_watched_leaves_it_timed_out():
    folders = Shown(BEFORE)
    folders.errors = [TimedOutError("PATCH gave no answer within 600 s")]

    def break_down():
        if len(folders.updates) == 1:
            raise an_api_error(500, "INTERNAL_ERROR", "away")

    folders.before_read = break_down
    outcome = a_promoter(folders).promote(a_decision())

    assert outcome.conclusion is Conclusion.TIMED_OUT
    assert outcome.reason.endswith("answered 500: INTERNAL_ERROR away")
    assert outcome.next_step == "re-run when the workspace answers again"
    assert (outcome.after, len(folders.updates)) == (OLD, 1)
