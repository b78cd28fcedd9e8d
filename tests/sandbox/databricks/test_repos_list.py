"""GET /repos: pages, prefixes, and what it leaves out."""

from __future__ import annotations

import pytest

PATHS = (
    "/Repos/team/etl",
    "/Repos/other/etl",
    "/Users/ada@octo.example/etl",
    "/Shared/etl",
    "/Custom/etl",
)


def listed(api, token=None, **query):
    answer = api.get("/api/2.0/repos", token=token, **query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def paths_of(page):
    return {folder["path"] for folder in page.get("repos", [])}


@pytest.fixture
def filled(workspace, remote):
    for path in PATHS:
        workspace.add_git_folder(path, remote.url, source=remote.path)
    return workspace


def test_a_long_list_comes_in_pages_of_twenty(workspace, api, remote):
    ids = {
        workspace.add_git_folder(f"/Repos/team/etl-{n}", remote.url, source=remote.path)
        for n in range(45)
    }

    pages = [listed(api, path_prefix="/Repos")]
    while token := pages[-1].get("next_page_token"):
        pages.append(listed(api, path_prefix="/Repos", next_page_token=token))

    assert [len(page["repos"]) for page in pages] == [20, 20, 5]
    seen = [folder["id"] for page in pages for folder in page["repos"]]
    assert set(seen) == ids
    assert all(10**14 < each < 10**16 for each in seen)
    assert any(int(float(each)) != each for each in seen)


def test_a_token_belongs_to_its_query(workspace, api, remote):
    for number in range(21):
        workspace.add_git_folder(f"/Repos/team/{number}", remote.url, source=remote.path)
    token = listed(api)["next_page_token"]

    answer = api.get("/api/2.0/repos", path_prefix="/Users", next_page_token=token)

    assert answer.status_code == 400
    assert answer.json()["error_code"] == "INVALID_PARAMETER_VALUE"


@pytest.mark.parametrize("query", [{}, {"path_prefix": "/"}, {"path_prefix": "/Workspace"}])
def test_without_a_prefix_only_repos_is_served(filled, api, query):
    assert paths_of(listed(api, **query)) == {"/Repos/team/etl", "/Repos/other/etl"}


@pytest.mark.parametrize(
    ("form", "prefix", "expected"),
    [
        ("both", "/Users", {"/Users/ada@octo.example/etl"}),
        ("both", "/Workspace/Users", {"/Users/ada@octo.example/etl"}),
        ("both", "/Custom", {"/Custom/etl"}),
        ("plain", "/Users", {"/Users/ada@octo.example/etl"}),
        ("plain", "/Workspace/Users", set()),
        ("workspace", "/Users", set()),
        ("workspace", "/Workspace/Users", {"/Users/ada@octo.example/etl"}),
    ],
)
def test_other_roots_need_their_own_prefix(filled, api, form, prefix, expected):
    filled.behaviour.prefix_form = form

    assert paths_of(listed(api, path_prefix=prefix)) == expected


def test_folders_with_the_git_cli_are_left_out(filled, api, remote):
    filled.add_git_folder("/Shared/cli", remote.url, source=remote.path, git_cli=True)

    assert paths_of(listed(api, path_prefix="/Shared")) == {"/Shared/etl"}


def test_only_what_the_caller_may_manage_is_listed(filled, api):
    bob = filled.add_user("bob@octo.example", admin=False)
    filled.grant("bob@octo.example", "/Repos/team")
    filled.grant("bob@octo.example", "/Repos/other", "CAN_EDIT")

    assert paths_of(listed(api, token=bob)) == {"/Repos/team/etl"}


def test_nothing_to_list_is_an_empty_object(workspace, api):
    assert listed(api) == {}


def test_a_folder_without_a_provider_can_be_listed(workspace, api, remote):
    workspace.add_git_folder("/Repos/team/etl", remote.url, source=remote.path, provider=None)

    (shown,) = listed(api)["repos"]

    assert "provider" not in shown
