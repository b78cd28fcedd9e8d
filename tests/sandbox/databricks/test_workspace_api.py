"""The Workspace API: the walk that finds every Git folder."""

from __future__ import annotations

import pytest

LIST, STATUS = "/api/2.0/workspace/list", "/api/2.0/workspace/get-status"


def objects(api, path, **more):
    answer = api.get(LIST, path=path, **more)
    assert answer.status_code == 200, answer.text
    return {each["path"]: each for each in answer.json().get("objects", [])}


@pytest.fixture
def folders(workspace, remote):
    """A usual Git folder and one with the Git CLI, by id."""
    usual = workspace.add_git_folder("/Shared/etl", remote.url, source=remote.path)
    cli = workspace.add_git_folder("/Shared/cli", remote.url, source=remote.path, git_cli=True)
    return usual, cli


def test_the_root_holds_the_usual_directories(workspace, api):
    workspace.add_directory("/Custom/deep")

    found = objects(api, "/")

    assert set(found) == {"/Repos", "/Users", "/Shared", "/Custom"}
    assert {each["object_type"] for each in found.values()} == {"DIRECTORY"}


def test_both_kinds_of_git_folder_are_recognised(workspace, api, folders):
    usual, cli = folders
    workspace.add_notebook("/Shared/notes")
    workspace.add_directory("/Shared/plain")

    found = objects(api, "/Workspace/Shared")

    kinds = {path: each["object_type"] for path, each in found.items()}
    assert kinds == {
        "/Shared/etl": "REPO",
        "/Shared/cli": "DIRECTORY",
        "/Shared/notes": "NOTEBOOK",
        "/Shared/plain": "DIRECTORY",
    }
    assert found["/Shared/etl"]["object_id"] == usual
    assert "directory_info" not in found["/Shared/etl"]
    assert found["/Shared/cli"]["object_id"] == cli
    assert found["/Shared/cli"]["directory_info"] == {"is_git_folder": True}
    assert found["/Shared/plain"]["directory_info"] == {"is_git_folder": False}


def test_the_inside_of_a_git_folder_is_its_files(workspace, api, folders):
    workspace.write_file("/Shared/etl", "jobs/daily.py", "rows = 1\n")

    kinds = {path: each["object_type"] for path, each in objects(api, "/Shared/etl").items()}

    assert kinds["/Shared/etl/jobs"] == "DIRECTORY"
    assert kinds["/Shared/etl/a.txt"] == "FILE"
    assert set(objects(api, "/Shared/etl/jobs")) == {"/Shared/etl/jobs/daily.py"}


@pytest.mark.parametrize("endpoint", [LIST, STATUS])
def test_a_path_that_is_not_there_is_named(api, endpoint):
    answer = api.get(endpoint, path="/Workspace/Shared/gone")

    assert answer.status_code == 404
    assert answer.json() == {
        "error_code": "RESOURCE_DOES_NOT_EXIST",
        "message": "Path (/Shared/gone) doesn't exist.",
    }


def test_status_tells_the_git_folder_when_it_is_asked_to(api, remote, folders):
    usual, cli = folders

    def info(path):
        return api.get(STATUS, path=path, return_git_info="true").json()["git_info"]

    assert info("/Shared/etl/a.txt") == {
        "id": usual,
        "path": "/Shared/etl",
        "url": remote.url,
        "branch": "main",
        "head_commit_id": remote.new,
    }
    assert info("/Shared/cli") == {"id": cli, "path": "/Shared/cli"}
    assert "git_info" not in api.get(STATUS, path="/Shared/etl").json()


def test_a_directory_can_be_made_and_made_again(workspace, api, folders):
    made = api("POST", "/api/2.0/workspace/mkdirs", path="/Shared/new/deep")
    again = api("POST", "/api/2.0/workspace/mkdirs", path="/Shared/new/deep")
    taken = api("POST", "/api/2.0/workspace/mkdirs", path="/Shared/etl")

    assert (made.status_code, again.status_code, taken.status_code) == (200, 200, 400)
    assert api.get(STATUS, path="/Shared/new").json()["object_type"] == "DIRECTORY"


def test_a_listing_shows_only_what_the_caller_may_read(workspace, api, remote, principal):
    client_id, token = principal
    for path in ("/Repos/team/etl", "/Repos/team/secret", "/Users/ada@octo.example/etl"):
        workspace.add_git_folder(path, remote.url, source=remote.path)
    workspace.grant(client_id, "/Repos/team/etl", "CAN_READ")

    assert set(objects(api, "/Repos/team", token=token)) == {"/Repos/team/etl"}
    assert set(objects(api, "/Users", token=token)) == {"/Users/ada@octo.example"}
    refused = api.get(LIST, path="/Users/ada@octo.example", token=token)
    assert (refused.status_code, refused.json()["error_code"]) == (403, "PERMISSION_DENIED")


def test_making_a_directory_needs_edit(api, principal):
    answer = api("POST", "/api/2.0/workspace/mkdirs", token=principal[1], path="/Shared/new")

    assert answer.status_code == 403
