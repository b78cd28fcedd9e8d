"""PATCH /repos/{id}, with real git between the Git folder and its remote."""

from __future__ import annotations

import hashlib
import itertools
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest
from nobody import NOBODY

PATH = "/Repos/team/etl"
ADA = "ada@octo.example"


def error(answer):
    return answer.status_code, answer.json()["error_code"]


def test_a_git_folder_follows_its_branch(workspace, api, remote, folder_id):
    before = api.get(f"/api/2.0/repos/{folder_id}").json()

    answer = api.update(folder_id, branch="main")

    assert (answer.status_code, answer.json()) == (200, {})
    assert before == {
        "id": folder_id,
        "path": PATH,
        "url": remote.url,
        "provider": "gitHub",
        "branch": "main",
        "head_commit_id": remote.old,
        "git_cli_enabled": False,
    }
    assert api.get(f"/api/2.0/repos/{folder_id}").json() == before | {"head_commit_id": remote.new}
    assert workspace.read_file(PATH, "a.txt") == "2\n"


def test_every_pull_is_recorded_with_a_hash_of_the_token(workspace, api, remote, folder_id):
    api.update(folder_id, branch="main")
    api.update(folder_id, branch="nowhere")

    used = hashlib.sha256(remote.token.encode()).hexdigest()[:12]
    assert [(pull.path, pull.principal, pull.token_hash, pull.ok) for pull in workspace.pulls] == [
        (PATH, ADA, used, True),
        (PATH, ADA, used, False),
    ]
    assert all(pull.started <= pull.ended for pull in workspace.pulls)


def test_every_request_is_recorded(workspace, api, folder_id):
    api.update(folder_id, branch="main")

    seen = workspace.requests[-1]
    assert (seen.method, seen.path, seen.query) == ("PATCH", f"/api/2.0/repos/{folder_id}", {})
    assert (seen.principal, seen.status, seen.body) == (ADA, 200, {"branch": "main"})


def test_the_answer_may_be_the_folder(workspace, api, remote, folder_id):
    workspace.behaviour.update_answers_with = "folder"

    answer = api.update(folder_id, branch="main")

    assert answer.json()["head_commit_id"] == remote.new


def test_another_branch_is_checked_out_and_tracked(workspace, api, remote, folder_id):
    tip = remote.commit("release/1.0", c="1\n")

    answer = api.update(folder_id, branch="release/1.0")

    assert answer.status_code == 200
    seen = workspace.folder(PATH)
    assert (seen.branch, seen.head_commit_id) == ("release/1.0", tip)
    config = (workspace.directory_of(PATH) / ".git" / "config").read_text()
    assert 'branch "release/1.0"' in config


@pytest.mark.parametrize("annotated", [False, True])
def test_a_tag_is_checked_out_on_no_branch(workspace, api, remote, folder_id, annotated):
    options = ("-a", "-m", "One") if annotated else ()
    remote.git("-c", "user.name=A", "-c", "user.email=a@b", "tag", *options, "v1", remote.new)

    answer = api.update(folder_id, tag="v1")

    assert answer.status_code == 200
    shown = api.get(f"/api/2.0/repos/{folder_id}").json()
    assert "branch" not in shown
    assert shown["head_commit_id"] == remote.new
    assert api.update(folder_id, branch="main").status_code == 200
    assert workspace.folder(PATH).branch == "main"


def test_a_folder_can_begin_on_a_tag(workspace, api, remote):
    remote.git("tag", "v1", remote.old)

    workspace.add_git_folder("/Repos/team/fixed", remote.url, source=remote.path, tag="v1")

    seen = workspace.folder("/Repos/team/fixed")
    assert (seen.branch, seen.head_commit_id) == (None, remote.old)


def test_a_folder_with_the_git_cli_is_updated_too(workspace, api, remote, folder_id):
    cli_id = workspace.add_git_folder(
        "/Users/ada@octo.example/etl", remote.url, source=remote.path, at=remote.old, git_cli=True
    )

    answer = api.update(cli_id, branch="main")

    assert answer.status_code == 200
    shown = api.get(f"/api/2.0/repos/{cli_id}").json()
    assert (shown["git_cli_enabled"], shown["head_commit_id"]) == (True, remote.new)


def test_without_a_stored_credential_nothing_is_pulled(workspace, api, remote):
    folder_id = workspace.add_git_folder(PATH, remote.url, source=remote.path, at=remote.old)
    workspace.store_git_credential(ADA, "gitLab", "ada", remote.token)

    answer = api.update(folder_id, branch="main")

    assert error(answer) == (403, "PERMISSION_DENIED")
    assert answer.json()["message"].startswith("Missing Git provider credentials. Go to User Sett")
    assert workspace.folder(PATH).head_commit_id == remote.old


def test_a_token_that_github_refuses_is_an_invalid_credential(workspace, api, remote):
    folder_id = workspace.add_git_folder(PATH, remote.url, source=remote.path, at=remote.old)
    workspace.store_git_credential(ADA, "github", "ada", "ghs_not_a_token")

    answer = api.update(folder_id, branch="main")

    assert error(answer) == (403, "PERMISSION_DENIED")
    assert answer.json()["message"].startswith("Invalid Git provider credentials.")
    assert "token has not expired" in answer.json()["message"]
    assert "ghs_not_a_token" not in answer.text


def test_a_repository_that_the_token_cannot_see_is_not_found(workspace, api, remote, folder_id):
    gone = remote.url.replace("/etl-", "/gone-")
    lost_id = workspace.add_git_folder("/Repos/team/lost", gone, source=remote.path)

    answer = api.update(lost_id, branch="main")

    assert error(answer) == (400, "BAD_REQUEST")
    assert answer.json()["message"].startswith("Remote repo not found. Please ensure that: 1. ")


@pytest.mark.parametrize("reference", [{"branch": "gone"}, {"tag": "gone"}])
def test_a_ref_that_the_remote_does_not_have_is_unknown(api, folder_id, reference):
    answer = api.update(folder_id, **reference)

    assert error(answer) == (404, "GIT_UNKNOWN_REF")


def test_a_git_host_that_does_not_answer_is_a_remote_error(workspace, api, remote, folder_id):
    closed = f"http://{NOBODY}/octo-org/etl.git"
    lost_id = workspace.add_git_folder("/Repos/team/lost", closed, source=remote.path)

    answer = api.update(lost_id, branch="main")

    assert error(answer) == (500, "GIT_REMOTE_ERROR")


def test_an_url_with_a_user_in_it_works(workspace, api, remote, folder_id):
    url = remote.url.replace("://", "://octocat@").removesuffix(".git")
    typed_id = workspace.add_git_folder("/Repos/team/typed", url, source=remote.path, at=remote.old)

    answer = api.update(typed_id, branch="main")

    assert answer.status_code == 200
    assert workspace.folder("/Repos/team/typed").head_commit_id == remote.new


def test_an_edit_in_the_way_is_a_conflict_that_names_the_file(workspace, api, remote, folder_id):
    workspace.write_file(PATH, "a.txt", "9\n")  # as long as the old text, in the same second

    answer = api.update(folder_id, branch="main")

    assert error(answer) == (409, "GIT_CONFLICT")
    assert "a.txt" in answer.json()["message"]
    assert workspace.read_file(PATH, "a.txt") == "9\n"
    assert workspace.folder(PATH).head_commit_id == remote.old


def test_an_untracked_file_in_the_way_is_a_conflict(workspace, api, remote, folder_id):
    remote.commit(c="theirs\n")
    workspace.write_file(PATH, "c.txt", "mine\n")

    answer = api.update(folder_id, branch="main")

    assert error(answer) == (409, "GIT_CONFLICT")
    assert "c.txt" in answer.json()["message"]


def test_an_edit_elsewhere_is_carried_over(workspace, api, remote, folder_id):
    workspace.write_file(PATH, "b.txt", "mine\n")

    answer = api.update(folder_id, branch="main")

    assert answer.status_code == 200
    assert workspace.folder(PATH).head_commit_id == remote.new
    assert workspace.read_file(PATH, "b.txt") == "mine\n"


def test_discarding_wipes_edits_and_untracked_files(workspace, api, remote, folder_id):
    for name in ("a.txt", "b.txt", "new.txt"):
        workspace.write_file(PATH, name, "mine\n")

    answer = api.update(folder_id, branch="main", dangerously_force_discard_all=True)

    assert answer.status_code == 200
    assert workspace.read_file(PATH, "a.txt") == "2\n"
    assert workspace.read_file(PATH, "b.txt") == "1\n"
    assert not (workspace.directory_of(PATH) / "new.txt").exists()


def test_discarding_keeps_local_commits(workspace, api, remote):
    workspace.store_git_credential(ADA, "gitHub", "ada", remote.token)
    folder_id = workspace.add_git_folder(PATH, remote.url, source=remote.path)
    mine = workspace.commit_in_folder(PATH, {"c.txt": "mine\n"}, "Mine")
    workspace.write_file(PATH, "c.txt", "again\n")

    answer = api.update(folder_id, branch="main", dangerously_force_discard_all=True)

    assert answer.status_code == 200
    assert workspace.folder(PATH).head_commit_id == mine
    assert workspace.read_file(PATH, "c.txt") == "mine\n"


def test_local_commits_that_diverge_are_a_conflict(workspace, api, remote, folder_id):
    mine = workspace.commit_in_folder(PATH, {"c.txt": "mine\n"}, "Mine")

    answer = api.update(folder_id, branch="main")

    assert error(answer) == (409, "GIT_CONFLICT")
    assert workspace.folder(PATH).head_commit_id == mine


def test_a_force_push_is_followed_when_there_are_no_local_commits(workspace, api, remote):
    workspace.store_git_credential(ADA, "gitHub", "ada", remote.token)
    folder_id = workspace.add_git_folder(PATH, remote.url, source=remote.path)
    remote.git("update-ref", "refs/heads/main", remote.old)
    rewritten = remote.commit(a="rewritten\n")

    answer = api.update(folder_id, branch="main")

    assert answer.status_code == 200
    assert workspace.folder(PATH).head_commit_id == rewritten
    assert workspace.read_file(PATH, "a.txt") == "rewritten\n"


def test_a_force_push_is_followed_once_edits_are_out_of_its_way(workspace, api, remote):
    workspace.store_git_credential(ADA, "gitHub", "ada", remote.token)
    folder_id = workspace.add_git_folder(PATH, remote.url, source=remote.path)
    workspace.write_file(PATH, "a.txt", "mine\n")
    remote.git("update-ref", "refs/heads/main", remote.old)
    rewritten = remote.commit(a="rewritten\n")

    refused = [api.update(folder_id, branch="main") for _ in range(2)]
    workspace.discard_edits(PATH)
    api.update(folder_id, branch="main")

    assert [error(answer) for answer in refused] == [(409, "GIT_CONFLICT")] * 2
    assert workspace.folder(PATH).head_commit_id == rewritten


def test_a_branch_that_somebody_switched_is_switched_back(workspace, api, remote, folder_id):
    tip = remote.commit("dev", c="1\n")
    workspace.switch_branch(PATH, "dev")
    on_dev = workspace.folder(PATH)

    api.update(folder_id, branch="main")

    assert (on_dev.branch, on_dev.head_commit_id) == ("dev", tip)
    seen = workspace.folder(PATH)
    assert (seen.branch, seen.head_commit_id) == ("main", remote.new)


def test_the_caller_and_nobody_else_lends_the_credential(workspace, api, remote, folder_id):
    bob = workspace.add_user("bob@octo.example")

    answer = api.update(folder_id, branch="main", token=bob)

    assert answer.json()["message"].startswith("Missing Git provider credentials.")


def test_a_credential_can_be_chosen(workspace, api, remote, folder_id):
    other = workspace.store_git_credential(ADA, "gitHub", "ada", "expired")

    by_default = api.update(folder_id, branch="main")
    chosen = api.update(folder_id, branch="main", git_credential_id=other)

    assert by_default.status_code == 200
    assert error(chosen) == (403, "PERMISSION_DENIED")


def test_updating_needs_manage(workspace, api, folder_id):
    bob = workspace.add_user("bob@octo.example", admin=False)
    workspace.grant("bob@octo.example", "/Repos/team", "CAN_EDIT")

    answer = api.update(folder_id, branch="main", token=bob)

    assert error(answer) == (403, "PERMISSION_DENIED")
    assert api.get(f"/api/2.0/repos/{folder_id}", token=bob).status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"branch": "main", "tag": "v1"}, id="branch and tag"),
        pytest.param({"branch": "main", "sparse_checkout": {"patterns": ["a"]}}, id="not sparse"),
    ],
)
def test_an_update_that_makes_no_sense_is_refused(api, folder_id, body):
    assert error(api.update(folder_id, **body)) == (400, "INVALID_PARAMETER_VALUE")


def test_an_unknown_folder_could_not_be_found(api):
    answer = api.update(1234567890123456, branch="main")

    assert answer.status_code == 404
    assert answer.json() == {
        "error_code": "RESOURCE_DOES_NOT_EXIST",
        "message": "Repo could not be found",
    }


def test_a_folder_without_a_remote_cannot_be_updated(workspace, api, remote):
    folder_id = workspace.add_git_folder(PATH, "", source=remote.path)

    assert "url" not in api.get(f"/api/2.0/repos/{folder_id}").json()
    assert error(api.update(folder_id, branch="main")) == (400, "INVALID_STATE")


def test_reads_can_be_stale_for_a_while(workspace, api, remote, folder_id):
    workspace.behaviour.stale_reads = 1
    api.update(folder_id, branch="main")

    seen = [api.get(f"/api/2.0/repos/{folder_id}").json()["head_commit_id"] for _ in range(2)]

    assert seen == [remote.old, remote.new]


def test_many_folders_are_updated_at_once(workspace, api, remote):
    workspace.store_git_credential(ADA, "gitHub", "ada", remote.token)
    ids = [
        workspace.add_git_folder(
            f"/Repos/team/etl-{number}", remote.url, source=remote.path, at=remote.old
        )
        for number in range(24)
    ]

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda folder_id: api.update(folder_id, branch="main"), ids))

    assert {answer.status_code for answer in answers} == {200}
    assert {folder.head_commit_id for folder in workspace.folders()} == {remote.new}


def test_updates_of_one_folder_take_turns(workspace, api, remote, folder_id):
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: api.update(folder_id, branch="main"), range(8)))

    assert {answer.status_code for answer in answers} == {200}
    pulls = sorted(workspace.pulls, key=lambda pull: pull.started)
    assert all(first.ended <= second.started for first, second in itertools.pairwise(pulls))


def test_a_second_update_can_be_aborted_instead(workspace, api, remote, folder_id):
    workspace.behaviour.concurrent_updates = "abort"
    with socket.create_server(("127.0.0.1", 0)) as silent, ThreadPoolExecutor(1) as pool:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/octo-org/etl.git"
        slow_id = workspace.add_git_folder("/Repos/team/slow", url, source=remote.path)
        first = pool.submit(api.update, slow_id, branch="main")
        connection, _ = silent.accept()  # git is at work, and waits

        second = api.update(slow_id, branch="main")
        connection.close()
        silent.close()

    assert error(second) == (409, "ABORTED")
    assert error(first.result()) == (500, "GIT_REMOTE_ERROR")
