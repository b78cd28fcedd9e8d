"""POST and DELETE /repos, and who may do what with a folder."""

from __future__ import annotations

import pytest


def test_a_created_folder_is_a_real_clone(workspace, api, remote, folder_id):
    api("POST", "/api/2.0/workspace/mkdirs", path="/Workspace/Repos/new")

    answer = api(
        "POST",
        "/api/2.0/repos",
        url=remote.url,
        provider="github",
        path="/Workspace/Repos/new/etl",
    )

    assert answer.status_code == 200
    made = answer.json()
    assert (made["path"], made["provider"], made["branch"]) == ("/Repos/new/etl", "gitHub", "main")
    assert made["head_commit_id"] == remote.new
    newest = remote.commit(a="3\n")
    assert api.update(made["id"], branch="main").status_code == 200
    assert workspace.folder("/Repos/new/etl").head_commit_id == newest
    assert workspace.pulls[0].path == "/Repos/new/etl"


def test_a_sparse_folder_holds_what_its_patterns_say(workspace, api, remote, folder_id):
    answer = api(
        "POST",
        "/api/2.0/repos",
        url=remote.url,
        provider="gitHub",
        path="/Shared/etl",
        sparse_checkout={"patterns": ["/a.txt"]},
    )

    assert answer.json()["sparse_checkout"] == {"patterns": ["/a.txt"]}
    directory = workspace.directory_of("/Shared/etl")
    assert sorted(path.name for path in directory.glob("*.txt")) == ["a.txt"]
    patterns = {"patterns": ["/b.txt"]}
    assert api.update(answer.json()["id"], sparse_checkout=patterns).status_code == 200
    assert sorted(path.name for path in directory.glob("*.txt")) == ["b.txt"]


@pytest.mark.parametrize(
    ("path", "status", "error_code"),
    [
        ("/Repos/etl", 400, "INVALID_PARAMETER_VALUE"),
        ("/Repos/team/deep/etl", 400, "INVALID_PARAMETER_VALUE"),
        ("/Repos/team/etl", 400, "RESOURCE_ALREADY_EXISTS"),
        ("/Shared/nowhere/etl", 404, "RESOURCE_DOES_NOT_EXIST"),
    ],
)
def test_a_path_that_cannot_be_is_refused(api, remote, folder_id, path, status, error_code):
    answer = api("POST", "/api/2.0/repos", url=remote.url, provider="gitHub", path=path)

    assert (answer.status_code, answer.json()["error_code"]) == (status, error_code)


def test_a_clone_without_access_leaves_nothing_behind(workspace, api, remote, folder_id):
    answer = api(
        "POST",
        "/api/2.0/repos",
        url=remote.url.replace("/etl-", "/gone-"),
        provider="gitHub",
        path="/Shared/etl",
    )

    assert (answer.status_code, answer.json()["error_code"]) == (400, "BAD_REQUEST")
    assert [folder.path for folder in workspace.folders()] == ["/Repos/team/etl"]


def test_creating_needs_manage_on_the_parent(workspace, api, remote):
    bob = workspace.add_user("bob@octo.example", admin=False)

    answer = api(
        "POST",
        "/api/2.0/repos",
        token=bob,
        url=remote.url,
        provider="gitHub",
        path="/Shared/etl",
    )

    assert (answer.status_code, answer.json()["error_code"]) == (403, "PERMISSION_DENIED")


def test_a_deleted_folder_is_gone(workspace, api, folder_id):
    directory = workspace.directory_of("/Repos/team/etl")

    answer = api("DELETE", f"/api/2.0/repos/{folder_id}")

    assert (answer.status_code, answer.json()) == (200, {})
    assert api.get(f"/api/2.0/repos/{folder_id}").status_code == 404
    assert not directory.exists()


def test_permissions_name_the_principals(workspace, api, folder_id):
    workspace.add_service_principal("11111111-2222-3333-4444-555555555555")
    workspace.grant("11111111-2222-3333-4444-555555555555", "/Repos/team")

    answer = api.get(f"/api/2.0/permissions/repos/{folder_id}")

    assert answer.json() == {
        "object_id": f"/repos/{folder_id}",
        "object_type": "repo",
        "access_control_list": [
            {
                "service_principal_name": "11111111-2222-3333-4444-555555555555",
                "all_permissions": [{"permission_level": "CAN_MANAGE", "inherited": True}],
            }
        ],
    }
