"""Finding Git folders where not all of a workspace can be read."""

from __future__ import annotations

from dataclasses import replace

import pytest
from builders import a_folder

from promotion.databricks import WorkspaceObject
from promotion.discovery import MOST_IN_A_ROW, Scan, UnreadablePath, scan
from promotion.errors import (
    ApiError,
    BrokenAnswerError,
    PromotionError,
    SignInError,
    TimedOutError,
    UnreachableError,
)

HOST = "https://adb-1.azuredatabricks.net/api/2.0"


def refused(status, code="", message="", call="workspace/list"):
    return ApiError(f"GET {HOST}/{call}", status=status, error_code=code, message=message)


NOT_THERE = refused(404, "RESOURCE_DOES_NOT_EXIST", "Path (/x) doesn't exist.")
FORBIDDEN = refused(403, "PERMISSION_DENIED", "no View")
NO_TOKEN = refused(403, "403", "Invalid access token.")
TOO_LARGE = refused(400, "MAX_LIST_SIZE_EXCEEDED", "The directory has too many children.")
ILL = refused(500, "INTERNAL_ERROR", "away")
PAGE = refused(404, "", "404 Not Found")
CUT = BrokenAnswerError(f"GET {HOST}/workspace/list failed: the answer ended in the middle")
HANGS = TimedOutError(f"GET {HOST}/workspace/list gave no answer within 65 s")
AWAY = UnreachableError(f"GET {HOST}/workspace/list failed: the connection was refused")
HERE = [
    pytest.param(FORBIDDEN, "the principal may not read it", id="403"),
    pytest.param(
        TOO_LARGE,
        "Databricks answered 400: MAX_LIST_SIZE_EXCEEDED The directory has too many children.",
        id="400",
    ),
    pytest.param(ILL, "Databricks was not available, longer than we waited", id="500"),
    pytest.param(
        PAGE,
        "the workspace's address has no such API: it may be no workspace's, or a proxy answers",
        id="a proxy's 404",
    ),
    pytest.param(CUT, str(CUT), id="a cut answer"),
    pytest.param(HANGS, str(HANGS), id="no answer in time"),
]

ADA = a_folder(id=1, path="/Users/ada/etl")
CLI = a_folder(id=2, path="/Users/ada/deep/cli", git_cli_enabled=True)
READ_ONLY = a_folder(id=3, path="/Users/alan/etl")
TEAM = a_folder(id=4, path="/Repos/team/etl")
EVERYTHING = (TEAM, CLI, ADA, replace(READ_ONLY, manageable=False))


class Tree:
    """A workspace as one principal sees it, some places of which answer with an error."""

    def __init__(self, *folders, managed=(ADA, TEAM), page=2):
        self.folders = {folder.id: folder for folder in folders}
        self.managed = {folder.id for folder in managed}
        self.page = page
        self.directories = {}  # errors of listings, by path
        self.lists = {}  # errors of the Repos list, by root: after so many folders
        self.gets = {}  # errors of reads, by id
        self.roots = {"/Repos", "/Users", "/Shared"}

    def list_git_folders(self, prefix):
        root = prefix.removeprefix("/Workspace")
        after, error = self.lists.get(root, (None, None))
        found = [each for each in self.folders.values() if each.path.startswith(f"{root}/")]
        for number, folder in enumerate(each for each in found if each.id in self.managed):
            if number == after:
                raise error
            yield folder
        if error is not None:
            raise error

    def list_directory(self, path):
        if path in self.directories:
            raise self.directories[path]
        entries = {}
        for folder in self.folders.values():
            if folder.path.startswith(f"{path}/"):
                name, _, rest = folder.path.removeprefix(f"{path}/").partition("/")
                entries.setdefault(f"{path}/{name}", None if rest else folder)
        if path not in self.roots and not entries:
            raise NOT_THERE
        return [self._entry(*each) for each in entries.items()]

    def _entry(self, path, folder):
        if folder is None:
            return WorkspaceObject(hash(path) % 10**6 + 100, path, "DIRECTORY", git_folder=False)
        kind = "DIRECTORY" if folder.git_cli_enabled else "REPO"
        return WorkspaceObject(folder.id, path, kind, git_folder=True)

    def get_git_folder(self, repo_id):
        if repo_id in self.gets:
            answer = self.gets[repo_id]
            if answer is None:
                return None
            raise answer
        return self.folders.get(repo_id)


def a_tree(**options):
    return Tree(ADA, CLI, READ_ONLY, TEAM, **options)


def ids(seen):
    return [folder.id for folder in seen.folders]


def test_a_workspace_that_can_be_read_is_seen_whole():
    seen = scan(a_tree())

    assert seen == Scan(EVERYTHING, ())
    assert not seen.unread


@pytest.mark.parametrize(("error", "reason"), HERE)
def test_a_directory_that_can_not_be_listed_ends_no_survey(error, reason):
    tree = a_tree()
    tree.directories["/Users/ada/deep"] = error

    seen = scan(tree)

    assert ids(seen) == [4, 1, 3]
    assert seen.unreadable == (UnreadablePath("/Users/ada/deep", reason),)


@pytest.mark.parametrize(("error", "_reason"), HERE)
@pytest.mark.parametrize("place", ["/Users/ada/deep", "/Users/ada", "/Users"])
def test_what_was_known_beneath_a_directory_that_can_not_be_listed_stays_known(
    place, error, _reason
):
    tree, before = a_tree(), scan(a_tree())
    tree.directories[place] = error

    seen = scan(tree).over(before)

    assert seen.folders == before.folders
    assert [spot.path for spot in seen.unreadable] == [place]


@pytest.mark.parametrize(("error", "_reason"), HERE)
@pytest.mark.parametrize("after", [0, 1])
def test_a_repos_list_that_breaks_off_keeps_what_was_known(after, error, _reason):
    second = a_folder(id=5, path="/Users/alan/second")
    tree = Tree(ADA, CLI, READ_ONLY, TEAM, second, managed=(ADA, second, TEAM))
    before = scan(tree)
    tree.lists["/Users"] = (after, error)
    del tree.folders[5]  # and the walk may be out of date, too

    seen = scan(tree).over(before)

    assert seen.folders == before.folders
    assert [spot.path for spot in seen.unreadable] == ["/Users"]


def test_a_repos_list_that_breaks_off_takes_no_permission_away():
    tree = a_tree()
    before = scan(tree)
    tree.lists["/Users"] = (0, ILL)

    first, later = scan(tree), scan(tree).over(before)

    assert all(folder.manageable for folder in first.folders)
    assert later.folders == before.folders


def test_a_permission_that_was_given_counts_though_a_directory_can_not_be_read():
    before = scan(a_tree())
    tree = a_tree(managed=(ADA, TEAM, READ_ONLY))
    tree.directories["/Users/alan"] = FORBIDDEN

    seen = scan(tree).over(before)

    assert [folder.manageable for folder in seen.folders if folder.id == 3] == [True]


@pytest.mark.parametrize(("error", "reason"), HERE)
def test_a_git_folder_that_can_not_be_read_itself_stays_known(error, reason):
    tree, before = a_tree(), scan(a_tree())
    tree.gets[2] = error

    seen = scan(tree)

    assert ids(seen) == [4, 1, 3]
    assert seen.unreadable == (UnreadablePath("/Users/ada/deep/cli", reason),)
    assert seen.over(before).folders == before.folders


def test_a_git_folder_that_is_shown_and_said_not_to_exist_stays_known():
    tree, before = a_tree(), scan(a_tree())
    tree.gets[2] = None

    seen = scan(tree)

    assert seen.over(before).folders == before.folders
    assert seen.unreadable == (
        UnreadablePath(
            "/Users/ada/deep/cli", "Databricks shows it, and says that it does not exist"
        ),
    )


@pytest.mark.parametrize("gone", [ADA, CLI, READ_ONLY, TEAM])
def test_a_folder_that_is_missing_where_all_could_be_read_is_no_more_known(gone):
    tree, before = a_tree(), scan(a_tree())
    del tree.folders[gone.id]
    tree.directories["/Shared"] = FORBIDDEN  # not above any of them

    seen = scan(tree).over(before)

    assert gone.id not in ids(seen)
    assert len(seen.folders) == 3


def test_a_folder_at_whose_path_another_stands_is_no_more_known():
    tree, before = a_tree(), scan(a_tree())
    del tree.folders[1]
    tree.folders[9] = replace(ADA, id=9)
    tree.managed.add(9)
    tree.directories["/Users/ada"] = FORBIDDEN

    seen = scan(tree).over(before)

    assert ids(seen) == [4, 2, 9, 3]


def test_a_folder_of_a_root_that_is_no_more_looked_at_is_no_more_known():
    tree, before = a_tree(), scan(a_tree())
    tree.directories["/Users/ada"] = FORBIDDEN

    seen = scan(tree, ("/Repos",)).over(before)

    assert ids(seen) == [4]


def test_a_folder_that_was_moved_is_known_once_and_where_it_is():
    tree, before = a_tree(), scan(a_tree())
    tree.folders[1] = replace(ADA, path="/Repos/team/moved")
    tree.directories["/Users/ada"] = FORBIDDEN

    seen = scan(tree).over(before)

    assert [each.path for each in seen.folders if each.id == 1] == ["/Repos/team/moved"]


def test_a_place_whose_name_only_begins_alike_is_another_one():
    beside = a_folder(id=6, path="/Users/adam/etl")
    tree = Tree(ADA, beside, managed=(ADA, beside))
    before = scan(tree)
    del tree.folders[6]
    tree.directories["/Users/ada"] = FORBIDDEN

    assert ids(scan(tree).over(before)) == [1]


def test_a_root_that_is_not_there_is_only_not_there():
    tree = a_tree()
    tree.directories["/Shared"] = NOT_THERE

    seen = scan(tree)

    assert seen == Scan(EVERYTHING, (UnreadablePath("/Shared", "it is not there"),))
    assert not seen.unread


def test_a_directory_deleted_since_its_parent_was_read_is_no_blind_spot():
    tree, before = a_tree(), scan(a_tree())
    tree.directories["/Users/ada/deep"] = NOT_THERE

    seen = scan(tree).over(before)

    assert (ids(seen), seen.unreadable) == ([4, 1, 3], ())


def blind(error):
    tree = Tree()
    for root in tree.roots:
        tree.directories[root] = error
        tree.lists[root] = (0, error)
    return tree


BLIND = [NO_TOKEN, FORBIDDEN, PAGE, TOO_LARGE, ILL, CUT, HANGS, AWAY, refused(401), refused(302)]


@pytest.mark.parametrize("error", BLIND)
def test_a_workspace_of_which_nothing_can_be_read_is_no_empty_one(error):
    with pytest.raises(PromotionError) as raised:
        scan(blind(error))

    assert raised.value is error


@pytest.mark.parametrize("error", [NO_TOKEN, FORBIDDEN, PAGE])
def test_an_empty_list_proves_nothing_of_a_workspace(error):
    tree = blind(error)
    tree.lists.clear()

    with pytest.raises(PromotionError) as raised:
        scan(tree)

    assert raised.value is error


def test_a_workspace_without_any_of_its_roots_is_no_workspace():
    with pytest.raises(PromotionError, match="has none of /Repos, /Users, /Shared: are `roots`"):
        scan(blind(NOT_THERE))


@pytest.mark.parametrize("error", [AWAY, SignInError("refused"), refused(401), refused(429)])
def test_what_concerns_the_whole_workspace_ends_the_survey_wherever_it_is_met(error):
    tree = a_tree()
    tree.directories["/Users/ada/deep"] = error

    with pytest.raises(PromotionError) as raised:
        scan(tree)

    assert raised.value is error


def test_a_workspace_that_does_not_answer_at_all_is_not_asked_for_every_root():
    tree = blind(HANGS)
    asked = []
    tree.list_git_folders = lambda prefix: (
        asked.append(prefix) or iter(Tree.list_git_folders(tree, prefix))
    )

    with pytest.raises(TimedOutError):
        scan(tree)

    assert asked == ["/Workspace/Repos"]


def many(count):
    folders = [a_folder(id=n, path=f"/Shared/{n:03}/etl") for n in range(1, count + 1)]
    return Tree(*folders, managed=())


def test_a_workspace_that_falls_ill_in_the_middle_is_not_asked_to_the_end():
    tree = many(200)
    for number in range(10, 201):
        tree.directories[f"/Shared/{number:03}"] = ILL

    with pytest.raises(ApiError) as raised:
        scan(tree)

    assert raised.value is ILL


def test_some_directories_that_are_always_ill_end_no_survey():
    tree = many(200)
    for number in range(10, 201, 5):
        tree.directories[f"/Shared/{number:03}"] = ILL

    seen = scan(tree)

    ill = len(range(10, 201, 5))
    assert ill > MOST_IN_A_ROW
    assert (len(seen.folders), len(seen.unreadable)) == (200 - ill, ill)


def test_the_other_form_of_a_prefix_is_asked_where_the_first_is_no_place():
    tree = a_tree()
    usual = tree.list_git_folders

    def plain_only(prefix):
        if prefix.startswith("/Workspace"):
            raise NOT_THERE
        yield from usual(prefix)

    tree.list_git_folders = plain_only

    assert scan(tree) == Scan(EVERYTHING, ())


def test_a_list_that_shows_folders_counts_where_no_directory_can_be_read():
    tree, before = a_tree(), scan(a_tree())
    for root in tree.roots:
        tree.directories[root] = FORBIDDEN

    seen = scan(tree)

    assert ids(seen) == [4, 1]
    assert [spot.path for spot in seen.unreadable] == ["/Repos", "/Users", "/Shared"]
    assert seen.over(before).folders == before.folders


def test_a_list_that_ends_in_the_middle_by_saying_that_nothing_is_there_was_not_whole():
    tree, before = a_tree(), scan(a_tree())
    tree.lists["/Users"] = (1, NOT_THERE)
    del tree.folders[3]

    seen = scan(tree)

    assert seen.unread.places == {"/Users"}
    assert seen.over(before).folders == before.folders
