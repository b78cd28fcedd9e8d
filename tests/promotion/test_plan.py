from __future__ import annotations

import pytest
from builders import ETL, NEW, a_folder, a_push
from hypothesis import given
from hypothesis import strategies as st

from promotion.model import ZERO_SHA
from promotion.plan import PlanInput, plan
from promotion.rules import Rule


def reasons(push, *folders):
    return [(decision.moves, decision.reason) for decision in plan(push, PlanInput({ETL}), folders)]


def test_a_folder_on_the_pushed_branch_moves():
    assert reasons(a_push(), a_folder()) == [(True, "follows main")]


@pytest.mark.parametrize(
    ("push", "folder", "reason"),
    [
        pytest.param(a_push(), a_folder(branch="dev"), "follows dev", id="another branch"),
        pytest.param(a_push(), a_folder(branch="Main"), "follows Main", id="another case"),
        pytest.param(
            a_push(),
            a_folder(branch=None),
            "is on a tag or a commit, not on a branch",
            id="detached",
        ),
        pytest.param(
            a_push(),
            a_folder(provider="gitLab"),
            "its Git provider is gitLab, not GitHub",
            id="GitLab",
        ),
        pytest.param(
            a_push(), a_folder(head_commit_id=NEW), "already at 2222222", id="already there"
        ),
        pytest.param(
            a_push(ref="refs/tags/v1"),
            a_folder(),
            "v1 is a tag, and this Git folder follows no tags",
            id="tag",
        ),
        pytest.param(
            a_push(ref="refs/notes/commits"),
            a_folder(),
            "refs/notes/commits is neither a branch nor a tag",
            id="notes",
        ),
        pytest.param(
            a_push(after=ZERO_SHA),
            a_folder(),
            "main was deleted on GitHub: check out another branch in this Git folder",
            id="deleted branch",
        ),
        pytest.param(
            a_push(),
            a_folder(manageable=False),
            "the principal may not manage it: grant it Can Manage on this Git folder",
            id="not manageable",
        ),
    ],
)
def test_a_folder_that_stays_says_why(push, folder, reason):
    assert reasons(push, folder) == [(False, reason)]


IN_THE_WAY = [
    pytest.param({"manageable": False}, "the principal may not manage it", id="not manageable"),
    pytest.param({"provider": "gitLab"}, "its Git provider is gitLab", id="GitLab"),
    pytest.param({"provider": None}, "its Git provider is not set", id="no provider"),
    pytest.param(
        {"url": "http://github.com/octo-org/etl"}, "its URL begins with http://", id="http"
    ),
]


@pytest.mark.parametrize(("changes", "reason"), IN_THE_WAY)
def test_a_folder_that_follows_the_push_and_can_not_move_is_blocked(changes, reason):
    [decision] = plan(a_push(), PlanInput({ETL}), [a_folder(**changes)])

    assert (decision.moves, decision.blocked) == (False, True)
    assert decision.reason.startswith(reason)


@pytest.mark.parametrize("changes", [param.values[0] for param in IN_THE_WAY])
@pytest.mark.parametrize(
    ("follows", "rules"),
    [
        pytest.param({"branch": "dev"}, (), id="another branch"),
        pytest.param({"head_commit_id": NEW}, (), id="already there"),
        pytest.param({}, (Rule("rule 1", ("/**",), follow="nothing"),), id="left alone"),
        pytest.param({}, (Rule("rule 1", ("/**",), follow="tag:v*"),), id="tags"),
    ],
)
def test_a_folder_that_would_not_move_anyway_is_not_blocked(changes, follows, rules):
    [decision] = plan(a_push(), PlanInput({ETL}, rules), [a_folder(**changes, **follows)])

    assert (decision.moves, decision.blocked) == (False, False)


@pytest.mark.parametrize(
    "url",
    [
        None,
        "https://github.com/octo-org/etl2.git",
        "https://github.com/other/etl.git",
        "https://ghes.example.com/octo-org/etl.git",
    ],
)
def test_a_folder_of_another_repository_is_not_mentioned(url):
    assert reasons(a_push(), a_folder(url=url)) == []


branches = st.sampled_from(["main", "Main", "feature/a", "feature/ä", "feature", None])
urls = st.sampled_from(
    [
        "https://github.com/octo-org/etl",
        "https://x@GitHub.com//Octo-Org/ETL.git/",
        "git@github.com:octo-org/etl.git",
        "https://github.com/octo-org/web.git",
        "https://ghes.example.com/octo-org/etl",
        None,
    ]
)
folders = st.builds(a_folder, url=urls, branch=branches)


@given(st.lists(folders), branches.filter(bool))
def test_exactly_the_folders_on_the_pushed_repository_and_branch_move(workspace, branch):
    plan_input = [
        folder
        for folder in workspace
        if folder.branch == branch and folder.url and "etl" in folder.url.lower()
        if "github.com" in folder.url.lower()
    ]

    decisions = plan(a_push(ref=f"refs/heads/{branch}"), PlanInput({ETL}), workspace)

    assert [decision.folder for decision in decisions if decision.moves] == plan_input
