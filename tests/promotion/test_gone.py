"""What is "gone", and what only could not be seen."""

from __future__ import annotations

import pytest
from builders import (
    NEW,
    OLD,
    InMemoryFolders,
    StillClock,
    a_decision,
    a_folder,
    a_promoter,
    an_api_error,
)

from promotion.databricks import Databricks, WorkspaceObject
from promotion.errors import ApiError, BrokenAnswerError, UnreachableError
from promotion.http import Answer
from promotion.model import Conclusion

FOLDER = a_folder()
GET = "GET https://adb-1.azuredatabricks.net/api/2.0/workspace/get-status"
SAYS = "Databricks says that the Git folder does not exist"


class Refusing:
    """An `Http` that answers everything with one error."""

    base_url = "https://adb-1.azuredatabricks.net"

    def __init__(self, error):
        self.error = error

    def call(self, method, path, **_more):
        raise self.error


NO_MORE = (404, "RESOURCE_DOES_NOT_EXIST", "Repo could not be found")
OTHERS = [
    pytest.param((404, "", ""), id="an empty 404"),
    pytest.param((404, "", "404 Not Found"), id="a page"),
    pytest.param((404, "FEATURE_DISABLED", "Repos are disabled"), id="switched off"),
    pytest.param((404, "ENDPOINT_NOT_FOUND", "No API found"), id="no such API"),
    pytest.param((404, "NOT_FOUND", "Not found"), id="another code"),
    pytest.param((400, "RESOURCE_DOES_NOT_EXIST", "Repo could not be found"), id="a 400"),
    pytest.param((403, "RESOURCE_DOES_NOT_EXIST", "Repo could not be found"), id="a 403"),
    pytest.param((410, "", "Gone"), id="a 410"),
]


def test_only_databricks_own_word_means_that_there_is_none():
    databricks = Databricks(Refusing(an_api_error(*NO_MORE)))

    assert databricks.get_git_folder(1) is None
    assert databricks.get_status("/Repos/team/etl") is None


@pytest.mark.parametrize("answer", OTHERS)
def test_no_other_answer_means_that_there_is_none(answer):
    databricks = Databricks(Refusing(an_api_error(*answer)))

    for ask in (lambda: databricks.get_git_folder(1), lambda: databricks.get_status("/Repos/x")):
        with pytest.raises(ApiError) as raised:
            ask()
        assert raised.value.status == answer[0]


class Answering:
    """An `Http` that answers by path and prefix, and notes what it was asked."""

    base_url = "https://adb-1.azuredatabricks.net"

    def __init__(self, answers):
        self.answers, self.asked = answers, []

    def call(self, method, path, *, params=None):
        place = (params or {}).get("path") or (params or {}).get("path_prefix")
        self.asked.append((method, path, place))
        return Answer(200, self.answers.get(place, {}), {})


STATUS = {"object_id": 7, "path": "/Workspace/Repos/x", "object_type": "REPO"}
LISTED = {"repos": [{"id": FOLDER.id, "path": FOLDER.path}]}


def test_what_stands_at_a_path_is_told_by_its_status():
    http = Answering({"/Repos/x": STATUS})

    assert Databricks(http).get_status("/Repos/x") == WorkspaceObject(7, "/Repos/x", "REPO", True)
    assert http.asked == [("GET", "/api/2.0/workspace/get-status", "/Repos/x")]


def test_a_status_of_nothing_says_not_that_nothing_is_there():
    with pytest.raises(BrokenAnswerError, match="answered with no object"):
        Databricks(Answering({})).get_status("/Repos/x")


@pytest.mark.parametrize("prefix", [FOLDER.path, f"/Workspace{FOLDER.path}"])
def test_the_list_is_asked_in_both_forms_of_a_path(prefix):
    assert Databricks(Answering({prefix: LISTED})).lists_git_folder(FOLDER)
    assert not Databricks(Answering({"/Repos": LISTED})).lists_git_folder(FOLDER)
    assert not Databricks(Answering({prefix: LISTED})).lists_git_folder(a_folder(id=1))


class Seen(InMemoryFolders):
    """Git folders that can be looked at a second time, each way with an answer of its own."""

    def __init__(self, *folders, status=None, listed=False):
        super().__init__(*folders)
        self.status, self.listed = status, listed

    def get_status(self, path):
        assert path == FOLDER.path
        return said(self.status)

    def lists_git_folder(self, folder):
        assert folder.id == FOLDER.id
        return said(self.listed)


def said(answer):
    if isinstance(answer, Exception):
        raise answer
    return answer


def at_its_path(number=FOLDER.id, kind="REPO", *, git_folder=True):
    return WorkspaceObject(number, FOLDER.path, kind, git_folder=git_folder)


def refused(status=403, code="PERMISSION_DENIED", message=""):
    return ApiError(GET, status=status, error_code=code, message=message)


GONE = [
    pytest.param({}, "it is gone", id="nothing stands at its path"),
    pytest.param(
        {"status": at_its_path(7, "DIRECTORY", git_folder=False)},
        "it is gone",
        id="a directory stands at its path",
    ),
    pytest.param(
        {"status": at_its_path(7)},
        "it was deleted; another Git folder stands at its path, and is left alone until known",
        id="it was made again",
    ),
    pytest.param(
        {"status": refused()}, "it is gone", id="its path is forbidden, the list lacks it"
    ),
]
NOT_SEEN = [
    pytest.param(
        {"status": at_its_path()},
        f"{SAYS}, and still shows it at /Repos/team/etl",
        id="its path shows it",
    ),
    pytest.param(
        {"status": refused(), "listed": True},
        f"{SAYS}, and still shows it at /Repos/team/etl",
        id="the list shows it",
    ),
    pytest.param(
        {"status": refused(), "listed": refused()},
        f"{SAYS}, and its path could not be read: the principal may not read it",
        id="neither can be read",
    ),
    pytest.param(
        {"status": refused(404, "", "nginx")},
        f"{SAYS}, and its path could not be read: the workspace's address has no such API:"
        " it may be no workspace's, or a proxy answers",
        id="a proxy's page",
    ),
    pytest.param(
        {"status": UnreachableError("no connection within 5 s")},
        f"{SAYS}, and its path could not be read: no connection within 5 s",
        id="no answer",
    ),
]


@pytest.mark.parametrize(("second_look", "reason"), GONE)
def test_a_folder_is_gone_where_a_second_look_shows_it_no_more(second_look, reason):
    folders = Seen(**second_look)

    outcome = a_promoter(folders).promote(a_decision())

    assert (outcome.conclusion, outcome.reason) == (Conclusion.SKIPPED, reason)
    assert folders.updates == []


@pytest.mark.parametrize(("second_look", "reason"), NOT_SEEN)
def test_what_a_second_look_could_not_see_is_a_failure(second_look, reason):
    folders = Seen(**second_look)

    outcome = a_promoter(folders).promote(a_decision())

    assert (outcome.conclusion, outcome.reason) == (Conclusion.FAILURE, reason)
    assert outcome.next_step
    assert folders.updates == []


@pytest.mark.parametrize("changes", [{"git_cli_enabled": True}, {"manageable": False}])
def test_the_list_says_nothing_of_a_folder_that_it_never_showed(changes):
    folders = Seen(status=refused())

    outcome = a_promoter(folders).promote(a_decision(a_folder(**changes)))

    assert outcome.conclusion is Conclusion.FAILURE


@pytest.mark.parametrize("answer", OTHERS)
def test_a_folder_that_can_not_be_read_is_a_failure(answer):
    folders = Seen(FOLDER)

    def refuse():
        raise an_api_error(*answer)

    folders.before_read = refuse
    outcome = a_promoter(folders).promote(a_decision())

    assert outcome.conclusion is Conclusion.FAILURE
    assert folders.updates == []


@pytest.mark.parametrize(
    ("second_look", "conclusion"),
    [
        *((param.values[0], Conclusion.SKIPPED) for param in GONE),
        *((param.values[0], Conclusion.FAILURE) for param in NOT_SEEN),
    ],
)
def test_a_folder_deleted_during_its_update_needs_the_second_look_too(second_look, conclusion):
    folders = Seen(FOLDER, **second_look)
    clock = StillClock()

    def delete():
        if folders.updates:
            folders.folders.clear()

    folders.before_read = delete
    outcome = a_promoter(folders, clock=clock).promote(a_decision())

    assert (outcome.conclusion, outcome.before) == (conclusion, OLD)
    assert clock.now < 60


def test_a_folder_that_one_replica_does_not_know_yet_is_read_again():
    folders = Seen(FOLDER, status=at_its_path())
    missing = iter([False, True, True, False])

    class Lagging:
        def __getattr__(self, name):
            return getattr(folders, name)

        def get_git_folder(self, repo_id):
            return None if next(missing, False) else folders.get_git_folder(repo_id)

    outcome = a_promoter(Lagging()).promote(a_decision())

    assert (outcome.conclusion, outcome.after) == (Conclusion.SUCCESS, NEW)


def test_an_update_that_says_gone_of_a_folder_that_is_there_is_a_failure():
    folders = Seen(FOLDER, status=at_its_path())
    folders.errors = [an_api_error(*NO_MORE)]

    outcome = a_promoter(folders).promote(a_decision())

    assert (outcome.conclusion, outcome.reason) == (
        Conclusion.FAILURE,
        f"{SAYS}, and still shows it",
    )


def test_an_update_of_a_folder_that_was_deleted_a_moment_before_says_that_it_is_gone():
    folders = Seen(FOLDER)
    folders.errors = [an_api_error(*NO_MORE)]

    def delete():
        if folders.updates:
            folders.folders.clear()

    folders.before_read = delete
    outcome = a_promoter(folders).promote(a_decision())

    assert (outcome.conclusion, outcome.reason) == (Conclusion.SKIPPED, "it is gone")


@pytest.mark.parametrize(
    "message",
    [
        "Branch feature/x could not be found in the remote.",
        "The branch or tag 'main' was not found in the remote repository.",
        "fatal: couldn't find remote ref main",
    ],
)
@pytest.mark.parametrize("status", [400, 404])
def test_a_branch_that_could_not_be_found_is_not_a_folder_that_is_gone(status, message):
    folders = Seen(FOLDER)
    folders.errors = [an_api_error(status, "RESOURCE_DOES_NOT_EXIST", message)]

    outcome = a_promoter(folders).promote(a_decision())

    assert (outcome.conclusion, outcome.reason) == (
        Conclusion.FAILURE,
        "the branch is not on GitHub any more",
    )
