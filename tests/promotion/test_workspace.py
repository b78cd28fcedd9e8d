"""A push in one workspace: what its report says where not all of it could be read."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import replace

import pytest
from builders import (
    ETL,
    NEW,
    NEWER,
    OLD,
    InMemoryFolders,
    a_folder,
    a_push,
    an_api_error,
)

from promotion.ancestry import Ancestry
from promotion.databricks import WorkspaceObject
from promotion.discovery import Scan, UnreadablePath
from promotion.errors import ApiError, UnreachableError
from promotion.git_credential import GitToken
from promotion.known_folders import NoMemory
from promotion.model import Conclusion
from promotion.workspace import (
    PromotionContext,
    Workspace,
    promote_and_catch_up,
    promote_in_workspace,
)

NO_TOKEN = ApiError(
    "GET https://adb-1.azuredatabricks.net/api/2.0/repos",
    status=403,
    error_code="403",
    message="Invalid access token.",
)


class Remembered(NoMemory):
    def __init__(self, *folders):
        self.seen = Scan(tuple(replace(each, head_commit_id=None) for each in folders), ())

    def load(self):
        return self.seen

    def save(self, seen):
        self.seen = seen


class Place(InMemoryFolders):
    """A workspace with everything under /Repos, whose listings may fail."""

    host = "https://adb-1.azuredatabricks.net"

    def __init__(self, *folders, error=None, tip=NEW):
        super().__init__(*folders, tip=tip)
        self.error = error

    def list_git_folders(self, prefix):
        if self.error is not None:
            raise self.error
        yield from self.folders.values() if prefix.startswith("/Workspace/Repos") else ()

    def list_directory(self, path):
        if self.error is not None:
            raise self.error
        found = [each for each in self.folders.values() if each.path.startswith(f"{path}/")]
        return [WorkspaceObject(each.id, each.path, "REPO", git_folder=True) for each in found]


def a_workspace(place, *remembered):
    return Workspace("dev", place, memory=Remembered(*remembered) if remembered else None)


OTHERS = a_folder(id=5, path="/Repos/team/web", url="https://github.com/octo-org/web")


@pytest.mark.parametrize("promote", [promote_in_workspace, promote_and_catch_up])
def test_a_workspace_that_can_not_be_read_is_a_problem(promote):
    report = promote(a_push(), [ETL], a_workspace(Place(a_folder(), error=NO_TOKEN)))

    assert report.problem == "Databricks did not accept the access token"
    assert report.next_step == "check the tenant, the client id and this machine's clock"
    assert (report.decisions, report.outcomes) == ((), ())


def test_a_workspace_whose_folders_are_remembered_is_a_problem_where_none_could_be_read():
    workspace = a_workspace(Place(OTHERS, error=NO_TOKEN), OTHERS)

    report = promote_and_catch_up(a_push(), [ETL], workspace)

    assert report.problem == "Databricks did not accept the access token"
    assert workspace.known.known().folders == (replace(OTHERS, head_commit_id=None),)


def test_a_search_that_failed_beside_what_was_promoted_is_a_blind_spot():
    gone = UnreachableError("GET https://dev gave no answer within 65 s")
    workspace = a_workspace(Place(a_folder(), error=gone), a_folder())

    report = promote_and_catch_up(a_push(), [ETL], workspace)

    assert report.problem == ""
    assert [outcome.conclusion for outcome in report.outcomes] == [Conclusion.SUCCESS]
    assert report.unreadable == (
        UnreadablePath("/", f"it could not be searched for Git folders: {gone}"),
    )


def test_what_a_search_found_besides_is_promoted_too():
    place = Place(a_folder(), a_folder(id=9, path="/Repos/team/new"))

    report = promote_and_catch_up(a_push(), [ETL], a_workspace(place, a_folder()))

    assert {outcome.folder.id: outcome.after for outcome in report.outcomes} == {
        a_folder().id: NEW,
        9: NEW,
    }


def test_a_folder_that_is_there_already_was_read_there():
    place = Place(a_folder(head_commit_id=NEW))

    report = promote_in_workspace(a_push(), [ETL], a_workspace(place))

    [outcome] = report.outcomes
    assert (outcome.conclusion, outcome.reason) == (Conclusion.SUCCESS, "already at 2222222")
    assert place.updates == []


def test_github_is_asked_once_about_each_commit_however_many_folders_are_there():
    folders = [a_folder(id=n, path=f"/Repos/team/{n:02}") for n in range(1, 17)]
    asked, lock = Counter(), threading.Lock()

    def compare(head, commit):
        with lock:
            asked[head, commit] += 1
        return Ancestry.CONTAINS if head == NEWER else Ancestry.LACKS

    report = promote_in_workspace(
        a_push(), [ETL], a_workspace(Place(*folders, tip=NEWER)), PromotionContext(contains=compare)
    )

    assert {outcome.conclusion for outcome in report.outcomes} == {Conclusion.SUCCESS}
    assert asked == Counter({(NEWER, NEW): 1})


def test_the_plan_is_made_anew_with_the_rules_of_the_workspace():
    place = Place(a_folder(url="https://github.com/bob-org/etl"))

    report = promote_in_workspace(a_push(), [ETL], a_workspace(place, a_folder()))

    assert [outcome.reason for outcome in report.outcomes] == [
        "its URL was changed from github.com/octo-org/etl to github.com/bob-org/etl meanwhile"
    ]
    assert place.updates == []


def test_a_folder_that_can_not_be_read_fails_alone():
    place = Place(a_folder(), a_folder(id=9, path="/Repos/team/new"))
    usual = place.get_git_folder

    def refuse(repo_id):
        if repo_id == 9:
            raise an_api_error(404, "FEATURE_DISABLED")
        return usual(repo_id)

    place.get_git_folder = refuse
    report = promote_in_workspace(a_push(), [ETL], a_workspace(place))

    assert {
        outcome.folder.id: (outcome.conclusion, outcome.after) for outcome in report.outcomes
    } == {
        a_folder().id: (Conclusion.SUCCESS, NEW),
        9: (Conclusion.FAILURE, None),
    }
    assert place.folders[9].head_commit_id == OLD


class Tokens:
    holder = "installation 1"

    def __init__(self):
        self.minted = []

    def mint(self, repositories):
        self.minted.append(repositories)
        return GitToken("x-access-token", "t0ken")


def test_a_token_is_asked_for_repositories_of_the_same_host_only():
    place, tokens = Place(a_folder()), Tokens()
    elsewhere = a_folder(id=6, path="/Repos/x", url="https://ghes.example.com/octo-org/secret")
    place.list_git_credentials = list
    place.create_git_credential = lambda **_: None

    promote_in_workspace(
        a_push(),
        [ETL],
        a_workspace(place, a_folder(), OTHERS, elsewhere),
        PromotionContext(tokens=tokens),
    )

    assert tokens.minted == [{"octo-org/etl", "octo-org/web"}]
