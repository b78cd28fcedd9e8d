"""What is decided is decided on what was just read, before each update."""

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
    StoredAccess,
    a_decision,
    a_folder,
    a_promoter,
    a_push,
    always,
    an_api_error,
)

from promotion.ancestry import Ancestry
from promotion.errors import BrokenAnswerError, TimedOutError, UnreachableError
from promotion.model import Conclusion
from promotion.plan import Destination, PlanInput, plan
from promotion.promote import FRESH_SECONDS
from promotion.repository_url import RepositoryKey
from promotion.rules import EVERY_FOLDER, OnConflict, Rule

MIRROR = Rule("rule 1 of dev", ("/Repos/team/*",), on_conflict=OnConflict.DISCARD)
LEFT = Rule("rule 2 of dev", ("/Shared/**",), follow="nothing")
TAGS = Rule("rule 3 of dev", ("/Repos/Production/*",), follow="tag:v*")
FORMER = RepositoryKey("github.com", "octo-org", "pipelines")
RULES = (MIRROR, LEFT, TAGS)
PLAN_INPUT = PlanInput({ETL, FORMER}, RULES, {"v1": NEW})
EDITS = (409, "GIT_CONFLICT", "Your local changes to the following files would be overwritten: a")
EXPIRED = (403, "PERMISSION_DENIED", "Invalid Git provider credentials.")
SEVERAL = (400, "GIT_CLI_CANNOT_CHOOSE_CREDENTIAL", "")

CHANGES = [
    pytest.param(
        {"url": "https://github.com/bob-org/etl.git"},
        Conclusion.SKIPPED,
        "its URL was changed from github.com/octo-org/etl to github.com/bob-org/etl meanwhile",
        id="another repository",
    ),
    pytest.param(
        {"url": "https://ghes.example.com/octo-org/etl.git"},
        Conclusion.SKIPPED,
        "its URL was changed from github.com/octo-org/etl to ghes.example.com/octo-org/etl"
        " meanwhile",
        id="another host",
    ),
    pytest.param(
        {"url": None},
        Conclusion.SKIPPED,
        "its URL was changed from github.com/octo-org/etl to none meanwhile",
        id="no repository",
    ),
    pytest.param(
        {"url": "https://bob:hunter22@example.com/x"},
        Conclusion.SKIPPED,
        "its URL was changed from github.com/octo-org/etl to https://[hidden]@example.com/x"
        " meanwhile",
        id="a URL with a password",
    ),
    pytest.param(
        {"path": "/Shared/etl"},
        Conclusion.SKIPPED,
        "was moved from /Repos/team/etl (rule 1 of dev) to /Shared/etl (rule 2 of dev) meanwhile",
        id="under a rule that leaves it alone",
    ),
    pytest.param(
        {"path": "/Repos/Production/etl"},
        Conclusion.SKIPPED,
        "was moved from /Repos/team/etl (rule 1 of dev) to /Repos/Production/etl (rule 3 of dev)"
        " meanwhile",
        id="under a rule for tags",
    ),
    pytest.param(
        {"path": "/Users/ada/etl"},
        Conclusion.SKIPPED,
        "was moved from /Repos/team/etl (rule 1 of dev) to /Users/ada/etl (no rule) meanwhile",
        id="under no rule, where it follows the branch all the same",
    ),
    pytest.param(
        {"branch": "dev"},
        Conclusion.SKIPPED,
        "somebody checked out dev meanwhile",
        id="another branch",
    ),
    pytest.param(
        {"branch": "dev", "head_commit_id": NEW},
        Conclusion.SKIPPED,
        "somebody checked out dev meanwhile",
        id="another branch at the commit",
    ),
    pytest.param(
        {"branch": None}, Conclusion.SKIPPED, "somebody checked out a tag meanwhile", id="a tag"
    ),
    pytest.param(
        {"provider": "gitHubEnterprise"},
        Conclusion.SKIPPED,
        "its Git provider was changed from gitHub to gitHubEnterprise meanwhile",
        id="another provider, with another credential",
    ),
    pytest.param(
        {"provider": "gitLab"},
        Conclusion.ACTION_REQUIRED,
        "its Git provider is gitLab, not GitHub",
        id="a provider that is not GitHub",
    ),
    pytest.param(
        {"url": "http://github.com/octo-org/etl.git"},
        Conclusion.ACTION_REQUIRED,
        "its URL begins with http://, where a Git token could be read: use https://",
        id="without TLS",
    ),
    pytest.param(
        {"head_commit_id": NEW}, Conclusion.SUCCESS, "already at 2222222", id="already there"
    ),
]


def planned(**changes):
    """Return the decision about what is remembered: a folder without its commit."""
    [decision] = plan(a_push(), PLAN_INPUT, [a_folder(head_commit_id=None, **changes)])
    return decision


def change(folders, when, **changes):
    """Have a person change the folder just before it is read, once *when* says so."""
    id_ = a_folder().id

    def before_read():
        if when():
            folders.folders[id_] = replace(folders.folders[id_], **changes)

    folders.before_read = before_read


@pytest.mark.parametrize(("changes", "conclusion", "reason"), CHANGES)
def test_what_changed_since_the_plan_ends_it_without_an_update(changes, conclusion, reason):
    folders = InMemoryFolders(a_folder(**changes))

    outcome = a_promoter(folders, plan_input=PLAN_INPUT).promote(planned())

    assert (outcome.conclusion, outcome.reason) == (conclusion, reason)
    assert folders.updates == []


@pytest.mark.parametrize("refusal", [EDITS, EXPIRED, SEVERAL])
@pytest.mark.parametrize(("changes", "conclusion", "reason"), CHANGES)
def test_what_changed_since_a_refusal_ends_it_without_a_second_update(
    refusal, changes, conclusion, reason
):
    folders = InMemoryFolders(a_folder())
    folders.errors = [an_api_error(*refusal)]
    change(folders, lambda: folders.updates, **changes)
    access = StoredAccess(renewals=1)

    outcome = a_promoter(folders, plan_input=PLAN_INPUT, access=access).promote(planned())

    assert (outcome.conclusion, outcome.reason) == (conclusion, reason)
    assert folders.updates == [(a_folder().id, False)]


class SlowToken(StoredAccess):
    """A token that takes a while to come."""

    def __init__(self, clock):
        super().__init__()
        self.clock, self.asked = clock, 0

    def ensure(self, folder):
        self.clock.sleep(FRESH_SECONDS + 0.1)
        self.asked += 1


@pytest.mark.parametrize(("changes", "conclusion", "reason"), CHANGES)
def test_what_changed_while_a_token_was_on_its_way_ends_it_too(changes, conclusion, reason):
    folders, clock = InMemoryFolders(a_folder()), StillClock()
    access = SlowToken(clock)
    change(folders, lambda: access.asked, **changes)

    outcome = a_promoter(folders, plan_input=PLAN_INPUT, access=access, clock=clock).promote(
        planned()
    )

    assert (outcome.conclusion, outcome.reason) == (conclusion, reason)
    assert folders.credential_ids == folders.updates == []


@pytest.mark.parametrize("kind", [UnreachableError, TimedOutError, BrokenAnswerError])
def test_a_look_that_fails_while_the_update_waits_is_no_lost_update(kind):
    folders, clock = InMemoryFolders(a_folder()), StillClock()
    access = SlowToken(clock)

    def break_down():
        if access.asked:
            raise kind("GET https://dev failed: the connection was refused")

    folders.before_read = break_down
    outcome = a_promoter(folders, plan_input=PLAN_INPUT, access=access, clock=clock).promote(
        planned()
    )

    assert (outcome.conclusion, outcome.reason) == (
        Conclusion.FAILURE,
        "GET https://dev failed: the connection was refused",
    )
    assert folders.updates == []


def test_what_was_just_read_is_not_read_again():
    folders = InMemoryFolders(a_folder())
    reads = []
    folders.before_read = lambda: reads.append(len(folders.updates))

    a_promoter(folders, plan_input=PLAN_INPUT).promote(planned())

    assert reads == [0, 1]


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"path": "/Repos/team/renamed"}, id="under the same rule"),
        pytest.param({"url": "https://x@GitHub.com/Octo-Org/ETL"}, id="the same repository"),
        pytest.param({"url": "https://github.com/octo-org/pipelines"}, id="its former name"),
        pytest.param({"provider": "GITHUB"}, id="the same provider"),
        pytest.param({"head_commit_id": NEWER}, id="another commit"),
    ],
)
def test_what_still_follows_the_push_is_moved(changes):
    folders = InMemoryFolders(a_folder(**changes))

    outcome = a_promoter(folders, plan_input=PLAN_INPUT).promote(planned())

    assert (outcome.conclusion, outcome.after) == (Conclusion.SUCCESS, NEW)


def test_what_the_list_said_of_permissions_holds_for_what_is_read():
    folders = InMemoryFolders(a_folder())
    decision = a_decision(a_folder(manageable=False))

    outcome = a_promoter(folders).promote(decision)

    assert outcome.conclusion is Conclusion.ACTION_REQUIRED
    assert folders.updates == []


PRODUCTION = a_folder(path="/Repos/Production/etl", branch=None)


@pytest.mark.parametrize(
    ("ancestry", "conclusion", "reason"),
    [
        pytest.param(
            Ancestry.CONTAINS,
            Conclusion.SUCCESS,
            "is ahead of v1, and rule 3 of dev never goes back",
            id="ahead",
        ),
        pytest.param(
            Ancestry.UNKNOWN,
            Conclusion.NEUTRAL,
            "may be ahead of v1: GitHub could not compare, and rule 3 of dev never goes back",
            id="nobody can say",
        ),
        pytest.param(
            Ancestry.FOREIGN,
            Conclusion.FAILURE,
            "the Git folder is at 3333333, which octo-org/etl does not know: it holds commits that"
            " were not pushed, or its URL now leads to another repository",
            id="not GitHub's",
        ),
    ],
)
def test_a_folder_that_may_be_ahead_of_a_tag_does_not_go_back(ancestry, conclusion, reason):
    folder = replace(PRODUCTION, head_commit_id=NEWER)
    folders = InMemoryFolders(folder)
    decision = a_decision(folder, destination=Destination(None, "v1", NEW), rule=TAGS)
    push = a_push(ref="refs/tags/v1")

    promoter = a_promoter(folders, push=push, plan_input=PLAN_INPUT, contains=always(ancestry))
    outcome = promoter.promote(decision)

    assert (outcome.conclusion, outcome.reason) == (conclusion, reason)
    assert (folders.updates, outcome.after) == ([], NEWER)


@pytest.mark.parametrize(
    ("rule", "head", "ancestry"),
    [
        pytest.param(TAGS, OLD, Ancestry.LACKS, id="below the tag"),
        pytest.param(TAGS, None, Ancestry.CONTAINS, id="at no commit"),
        pytest.param(replace(TAGS, back=True), NEWER, Ancestry.CONTAINS, id="may go back"),
    ],
)
def test_a_folder_that_is_not_ahead_of_a_tag_goes_there(rule, head, ancestry):
    folder = replace(PRODUCTION, head_commit_id=head)
    folders = InMemoryFolders(folder)
    plan_input = PlanInput({ETL}, (rule,), {"v1": NEW})
    push = a_push(ref="refs/tags/v1")
    [decision] = plan(push, plan_input, [replace(folder, head_commit_id=None)])

    promoter = a_promoter(folders, push=push, plan_input=plan_input, contains=always(ancestry))
    outcome = promoter.promote(decision)

    assert (outcome.conclusion, outcome.after) == (Conclusion.SUCCESS, NEW)


def test_an_outcome_names_the_rule_that_decided_and_none_where_none_did():
    ruled = a_promoter(InMemoryFolders(a_folder()), plan_input=PLAN_INPUT).promote(planned())
    plain = a_promoter(InMemoryFolders(a_folder())).promote(a_decision(rule=EVERY_FOLDER))

    assert (ruled.rule, plain.rule) == ("rule 1 of dev", "")
