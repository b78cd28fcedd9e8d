"""Edits are deleted only where a rule says so, and only where nothing else was in the way."""

from __future__ import annotations

import pytest
from builders import (
    ETL,
    NEWER,
    OLD,
    InMemoryFolders,
    a_decision,
    a_folder,
    a_promoter,
    a_push,
    always,
    an_api_error,
)

from promotion.ancestry import Ancestry
from promotion.failures import edits_in_the_way
from promotion.model import Conclusion
from promotion.plan import PlanInput, plan
from promotion.rules import OnConflict, Rule
from sandbox.databricks.errors import DIVERGED, LOCAL_CHANGES

DISCARDS = Rule("rule 1 of dev", ("/Repos/**",), on_conflict=OnConflict.DISCARD)
PLAN_INPUT = PlanInput({ETL}, (DISCARDS,))
EDITS = LOCAL_CHANGES.replace("{detail}", "jobs/load.py")

IN_THE_WAY = [
    EDITS,
    LOCAL_CHANGES.replace("{detail}", "diverged/merge conflict.py"),
    "error: Your local changes to the following files would be overwritten by checkout:\n\ta.py",
    "error: The following untracked working tree files would be overwritten by merge:\n\ta.py",
    "You have uncommitted changes: a.py",
    "Uncommitted changes in a.py",
]
# What stands in the way besides, or what only sounds like edits.
SOMETHING_ELSE = [
    (409, "GIT_CONFLICT", ""),
    (409, "GIT_CONFLICT", DIVERGED.replace("{detail}", "main")),
    (409, "GIT_CONFLICT", DIVERGED.replace("{detail}", "uncommitted changes")),
    (409, "GIT_CONFLICT", "There are merge conflicts in would-be-overwritten/local changes.py"),
    (409, "GIT_CONFLICT", "Branch 'Your local changes' has unpushed commits"),
    (409, "GIT_CONFLICT", "Resolve the conflict first; there are uncommitted changes"),
    (409, "ABORTED", "another operation on branch fix-untracked-files"),
    (409, "ABORTED", EDITS),
    (409, "RESOURCE_CONFLICT", EDITS),
    (409, "", EDITS),
    (400, "BAD_REQUEST", EDITS),
    (400, "INVALID_STATE", "You have uncommitted changes"),
    (500, "INTERNAL_ERROR", "failed to inspect local changes"),
    (500, "GIT_CONFLICT", EDITS),
    (403, "PERMISSION_DENIED", "Ada does not have CAN_MANAGE permissions on /Repos/x/untracked."),
    (403, "GIT_CONFLICT", EDITS),
    (404, "GIT_CONFLICT", EDITS),
    (429, "GIT_CONFLICT", EDITS),
]


def planned(folder=None, plan_input=PLAN_INPUT):
    [decision] = plan(a_push(), plan_input, [folder or a_folder(head_commit_id=None)])
    return decision


def refused(*errors, **changes):
    folders = InMemoryFolders(a_folder(**changes))
    folders.errors = [an_api_error(*each) for each in errors]
    return folders


def discarded(folders):
    return [discard for _, discard in folders.updates]


@pytest.mark.parametrize("status", [400, 409])
@pytest.mark.parametrize("message", IN_THE_WAY)
def test_edits_in_the_way_are_discarded_where_a_rule_says_so(status, message):
    folders = refused((status, "GIT_CONFLICT", message))

    outcome = a_promoter(folders, plan_input=PLAN_INPUT).promote(planned())

    assert (outcome.conclusion, outcome.rule) == (Conclusion.SUCCESS, "rule 1 of dev")
    assert discarded(folders) == [False, True]


@pytest.mark.parametrize("message", IN_THE_WAY)
def test_edits_in_the_way_are_kept_without_such_a_rule(message):
    folders = refused((409, "GIT_CONFLICT", message))

    outcome = a_promoter(folders).promote(a_decision())

    assert (outcome.conclusion, outcome.reason) == (
        Conclusion.ACTION_REQUIRED,
        "somebody edited files in the Git folder that the push changes too",
    )
    assert discarded(folders) == [False]


@pytest.mark.parametrize("answer", SOMETHING_ELSE)
def test_nothing_is_discarded_for_anything_else(answer):
    folders = refused(answer)

    outcome = a_promoter(folders, plan_input=PLAN_INPUT).promote(planned())

    assert discarded(folders) == [False]
    assert outcome.conclusion in (Conclusion.ACTION_REQUIRED, Conclusion.FAILURE)
    assert outcome.after == OLD


@pytest.mark.parametrize("answer", SOMETHING_ELSE)
def test_what_only_sounds_like_edits_is_none(answer):
    assert not edits_in_the_way(an_api_error(*answer))


def test_nothing_is_discarded_where_the_folder_holds_commits_that_github_lacks():
    folders = refused((409, "GIT_CONFLICT", EDITS))

    promoter = a_promoter(folders, plan_input=PLAN_INPUT, contains=always(Ancestry.FOREIGN))
    outcome = promoter.promote(planned())

    assert (outcome.conclusion, outcome.reason) == (
        Conclusion.ACTION_REQUIRED,
        "somebody edited files in the Git folder that the push changes too; nothing was discarded:"
        " it holds commits that are not on GitHub, too",
    )
    assert discarded(folders) == [False]


def test_nothing_is_discarded_in_a_folder_that_was_moved_since_the_plan():
    folders = refused((409, "GIT_CONFLICT", EDITS), path="/Repos/team/mine-now")

    outcome = a_promoter(folders, plan_input=PLAN_INPUT).promote(planned())

    assert outcome.conclusion is Conclusion.ACTION_REQUIRED
    assert outcome.reason.endswith(
        "nothing was discarded: it was moved from /Repos/team/etl meanwhile"
    )
    assert discarded(folders) == [False]


@pytest.mark.parametrize("changes", [{"path": "/Repos/team/mine"}, {"head_commit_id": NEWER}])
def test_nothing_is_discarded_in_a_folder_that_was_changed_since_the_refusal(changes):
    folders = refused((409, "GIT_CONFLICT", EDITS))

    def change():
        if folders.updates:
            folders.folders[a_folder().id] = a_folder(**changes)

    folders.before_read = change
    outcome = a_promoter(folders, plan_input=PLAN_INPUT).promote(planned())

    assert outcome.conclusion is Conclusion.ACTION_REQUIRED
    assert outcome.reason.endswith("nothing was discarded: it was changed meanwhile")
    assert discarded(folders) == [False]


def test_a_discard_that_did_not_help_says_what_may_be_lost():
    folders = refused((409, "GIT_CONFLICT", EDITS), (409, "GIT_CONFLICT", DIVERGED))

    outcome = a_promoter(folders, plan_input=PLAN_INPUT).promote(planned())

    assert (outcome.conclusion, outcome.reason) == (
        Conclusion.ACTION_REQUIRED,
        "the Git folder holds commits that are not on GitHub; its edits may have been discarded"
        " before that",
    )
    assert discarded(folders) == [False, True]


def test_a_look_that_fails_before_the_discard_says_of_nothing_that_it_may_be_lost():
    folders = refused((409, "GIT_CONFLICT", EDITS))

    def break_down():
        if folders.updates:
            raise an_api_error(500, "INTERNAL_ERROR")

    folders.before_read = break_down
    outcome = a_promoter(folders, plan_input=PLAN_INPUT).promote(planned())

    assert (outcome.conclusion, outcome.reason) == (
        Conclusion.FAILURE,
        "Databricks was not available, longer than we waited",
    )
    assert discarded(folders) == [False]
