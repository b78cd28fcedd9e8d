"""What people do to Git folders, who is told of it, and what replicas show meanwhile."""

from __future__ import annotations

import pytest

from sandbox.databricks.state.changes import What

PATH = "/Repos/team/etl"


@pytest.fixture
def told(workspace):
    """What watchers are told from now on."""
    changes = []
    workspace.watch_git_folders(changes.append)
    return changes


@pytest.fixture
def show(api, folder_id):
    return lambda: api.get(f"/api/2.0/repos/{folder_id}").json()


def test_a_moved_git_folder_keeps_its_id(workspace, folder_id, show, told):
    workspace.move_git_folder(PATH, "/Users/ada/etl")

    assert show()["path"] == "/Users/ada/etl"
    assert workspace.folder("/Users/ada/etl").id == folder_id
    with pytest.raises(KeyError):
        workspace.folder(PATH)
    assert [(each.what, each.by, each.folder.path) for each in told] == [
        (What.MOVED, "person", "/Users/ada/etl")
    ]


def test_a_git_folder_can_be_pointed_elsewhere_and_follows_that(workspace, api, remote, folder_id):
    other = remote.github.add_repository(f"{remote.full_name}-other")
    workspace.point_git_folder(PATH, other.clone_url, source=other.path)
    before = workspace.folder(PATH)

    answer = api.update(folder_id, branch="main")

    assert (before.url, before.head_commit_id) == (other.clone_url, remote.old)
    assert answer.status_code == 200
    head = remote.github.head(other.full_name, "main")
    assert workspace.folder(PATH).head_commit_id == head


def test_a_deleted_git_folder_is_gone_and_can_be_made_anew(workspace, api, remote, folder_id, told):
    workspace.delete_git_folder(PATH)
    gone = api.get(f"/api/2.0/repos/{folder_id}").status_code

    again = workspace.add_git_folder(PATH, remote.url, source=remote.path)

    assert gone == 404
    assert again != folder_id
    assert [(each.what, each.folder.id) for each in told] == [
        (What.DELETED, folder_id),
        (What.CREATED, again),
    ]


def test_edits_can_be_discarded_while_commits_stay(workspace, folder_id):
    sha = workspace.commit_in_folder(PATH, {"notes.txt": "kept\n"}, "Keep")
    workspace.write_file(PATH, "a.txt", "edited\n")

    workspace.discard_edits(PATH)

    assert workspace.read_file(PATH, "a.txt") == "1\n"
    assert workspace.folder(PATH).head_commit_id == sha


def test_watchers_see_each_change_after_it_was_made(workspace, api, remote, folder_id, told):
    workspace.write_file(PATH, "b.txt", "edited\n")
    api.update(folder_id, branch="main")
    api.update(folder_id, branch="nowhere")
    api.update(folder_id, branch="main", dangerously_force_discard_all=True)
    workspace.switch_branch(PATH, "mine")

    assert [(each.what, each.by, each.discards, each.folder.branch) for each in told] == [
        (What.EDITED, "person", False, "main"),
        (What.UPDATED, "api", False, "main"),
        (What.UPDATED, "api", False, "main"),  # it failed, and is told all the same
        (What.UPDATED, "api", True, "main"),
        (What.SWITCHED, "person", False, "mine"),
    ]
    assert told[0].files == {"b.txt": "edited\n"}
    assert [each.folder.head_commit_id for each in told] == [remote.old, *[remote.new] * 4]


def test_replicas_are_behind_each_by_its_own_time(workspace, api, remote, folder_id, show):
    workspace.replicas.lag(0.0, 30.0)
    api.update(folder_id, branch="main")

    seen = [show()["head_commit_id"] for _ in range(20)]
    workspace.replicas.lag()

    assert set(seen) == {remote.old, remote.new}
    assert show()["head_commit_id"] == remote.new


def test_a_replica_shows_the_branch_of_before_too(workspace, folder_id, show):
    workspace.replicas.lag(30.0)

    workspace.switch_branch(PATH, "mine")

    assert show()["branch"] == "main"


"""What people do to a Git folder besides editing it: move it, point it elsewhere, delete it."""


def test_a_moved_folder_keeps_its_id_and_its_work(workspace, api, folder_id):
    workspace.write_file(PATH, "a.txt", "mine\n")
    workspace.move_git_folder(PATH, "/Shared/kept/etl")
    seen = api.get(f"/api/2.0/repos/{folder_id}").json()
    assert (seen["id"], seen["path"]) == (folder_id, "/Shared/kept/etl")
    assert workspace.read_file("/Shared/kept/etl", "a.txt") == "mine\n"
    assert api.get("/api/2.0/workspace/get-status", path=PATH).status_code == 404
    with pytest.raises(ValueError, match="exists"):
        workspace.move_git_folder("/Shared/kept/etl", "/Shared")


def test_a_folder_pointed_at_another_repository_pulls_from_there(workspace, api, remote, folder_id):
    other = f"{remote.full_name}-other"
    hosted = remote.github.add_repository(other)
    foreign = remote.github.commit(other, "main", {"z.txt": "1\n"}, "Another history")
    workspace.point_git_folder(PATH, hosted.clone_url, source=hosted.path)
    assert api.get(f"/api/2.0/repos/{folder_id}").json()["url"] == hosted.clone_url
    assert api.update(folder_id, branch="main").status_code == 200
    assert workspace.folder(PATH).head_commit_id == foreign


def test_a_folder_that_is_made_again_is_another_one(workspace, api, remote, folder_id):
    workspace.delete_git_folder(PATH)
    gone = api.get(f"/api/2.0/repos/{folder_id}")
    new_id = workspace.add_git_folder(PATH, remote.url, source=remote.path)
    assert (gone.status_code, gone.json()["error_code"]) == (404, "RESOURCE_DOES_NOT_EXIST")
    assert new_id != folder_id
    assert api.get(f"/api/2.0/repos/{new_id}").json()["path"] == PATH
