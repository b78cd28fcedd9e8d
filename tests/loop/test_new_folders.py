"""`brickpush folders add`: no Git folder follows a branch that nobody asked for."""

from __future__ import annotations

import pytest

from github_app.__main__ import main
from sandbox import world
from sandbox.sandbox import Options, open_sandbox

PATH = "/Shared/team/etl"


@pytest.fixture
def sandbox(tmp_path):
    with open_sandbox(tmp_path / "sandbox", Options(empty=True)) as opened:
        yield opened


@pytest.fixture
def dev(sandbox):
    return sandbox.workspace("dev")


@pytest.fixture
def add(sandbox, capsys):
    """Return a function that adds a Git folder, and returns the exit code and what was said."""

    def run(branch, *, path=PATH, repository=world.MAIN):
        code = main(
            [
                *("folders", "add", "--config", str(sandbox.config_path), "--workspace", "dev"),
                *("--repository", repository, "--branch", branch, "--provider", "gitHub", path),
            ]
        )
        said = capsys.readouterr()
        return code, said.out + said.err

    return run


def changes(workspace):
    """Return the calls that change something, but for the stored Git credential."""
    return [
        (request.method, request.path.rpartition("/2.0")[2])
        for request in workspace.requests
        if request.method != "GET" and "git-credentials" not in request.path
    ]


def followed(workspace):
    return {folder.path: folder.branch for folder in workspace.folders()}


def there(sandbox, branch="dev", path=PATH):
    return (
        f"{path} follows {branch} of octo-org/etl, at {sandbox.github.head(world.MAIN, branch)}\n"
    )


def a_folder(sandbox, path=PATH, *, repository=world.MAIN, branch="main"):
    found = sandbox.github.repository(repository)
    sandbox.workspace("dev").add_git_folder(path, found.clone_url, branch=branch, source=found.path)


def test_a_branch_that_is_not_there_makes_nothing(dev, add):
    code, said = add("nope")

    assert code == 2
    assert said == "brickpush: octo-org/etl has no branch 'nope' on GitHub: push it first\n"
    assert (changes(dev), followed(dev)) == ([], {})


def test_a_repository_without_the_app_is_said_in_plain_words(dev, add):
    code, said = add("main", repository="octo-org/nothing")

    assert code == 2
    assert said == (
        "brickpush: the App is not installed on octo-org/nothing, or there is no such repository: "
        "correct the name, or add it to the installation's repositories\n"
    )
    assert changes(dev) == []


def test_a_clone_that_was_said_to_have_failed_is_taken_up(sandbox, dev, add):
    dev.faults.add(
        status=400,
        method="POST",
        path="/api/2.0/repos",
        when="after",
        body={"error_code": "GIT_REMOTE_ERROR", "message": "Failed to clone repo."},
    )

    assert add("dev") == (0, there(sandbox))
    assert followed(dev) == {PATH: "dev"}


def test_what_a_broken_clone_left_is_removed_and_the_next_try_works(sandbox, dev, add):
    dev.behaviour.broken_clones_stay = True
    sandbox.github_faults.add(status=500, path="/*.git/*", times=None)

    code, said = add("dev")
    left = followed(dev)
    sandbox.github_faults.clear()

    assert code == 1
    assert said.startswith("brickpush: dev: ")
    assert "; " in said  # a next step
    assert left == {}
    assert add("dev") == (0, there(sandbox))


def test_what_a_broken_clone_left_is_taken_up_by_the_next_try(sandbox, dev, add):
    dev.behaviour.broken_clones_stay = True
    sandbox.github_faults.add(status=500, path="/*.git/*", times=None)
    dev.faults.add(status=500, method="DELETE", path="/api/2.0/repos/*", times=None)

    code, said = add("dev")
    left = dev.folder(PATH)
    sandbox.github_faults.clear()

    assert (code, left.head_commit_id) == (1, None)
    assert f"{PATH} is left behind and follows" in said
    assert "remove it with `brickpush folders remove`, then run this again" in said
    assert add("dev") == (0, there(sandbox))
    assert [call for call in changes(dev) if call[0] == "POST" and "repos" in call[1]] == [
        ("POST", "/repos")
    ]


def test_a_git_folder_that_can_not_follow_its_branch_is_removed(sandbox, dev, add):
    dev.faults.add(
        status=400,
        method="PATCH",
        path="/api/2.0/repos/*",
        body={"error_code": "GIT_UNKNOWN_REF", "message": "no such ref"},
    )

    code, said = add("dev")

    assert code == 1
    assert said == (
        "brickpush: dev: the branch is not on GitHub any more; check out another branch in this "
        "Git folder\n"
    )
    assert followed(dev) == {}
    assert add("dev") == (0, there(sandbox))


def test_an_update_that_is_not_so_is_no_success(sandbox, dev, add):
    dev.faults.add(status=200, method="PATCH", path="/api/2.0/repos/*", body={})

    code, said = add("dev")

    assert code == 1
    assert "Databricks reported success, but the Git folder does not follow the branch" in said
    assert f"what {PATH} follows; if that is not dev, remove it" in said


def test_a_git_folder_that_git_still_works_in_is_left(sandbox, dev, add):
    dev.faults.add(
        status=409,
        method="PATCH",
        path="/api/2.0/repos/*",
        body={"error_code": "ABORTED", "message": "Another Git operation is in progress"},
    )

    code, said = add("dev")

    assert code == 1
    assert "git may still run in Databricks" in said
    assert followed(dev) == {PATH: "main"}
    assert "DELETE" not in {method for method, _ in changes(dev)}


def test_what_is_there_already_and_right_is_said(sandbox, dev, add):
    a_folder(sandbox, branch="dev")

    assert add("dev") == (0, there(sandbox))
    assert changes(dev) == []


def test_somebodys_git_folder_is_not_switched(sandbox, dev, add):
    a_folder(sandbox)

    code, said = add("dev")

    assert code == 2
    assert said == (
        f"brickpush: {PATH} exists already and follows main: check out dev in it, or remove it "
        "with `brickpush folders remove`, then run this again\n"
    )
    assert changes(dev) == []


def test_a_git_folder_of_another_repository_is_left_alone(sandbox, dev, add):
    a_folder(sandbox, repository="octo-org/ml")

    code, said = add("main")

    assert code == 2
    assert "exists already, a Git folder of https://" in said
    assert "octo-org/ml.git: choose another path" in said
    assert changes(dev) == []


def test_a_directory_at_the_path_is_left_alone(dev, add):
    dev.add_directory(PATH)

    code, said = add("main")

    assert code == 2
    assert said == f"brickpush: {PATH} exists already, a directory: choose another path\n"
    assert changes(dev) == []


def test_a_git_folder_that_somebody_made_meanwhile_is_not_taken_for_ours(sandbox, dev, add):
    dev.faults.add(
        status=400,
        method="POST",
        path="/api/2.0/repos",
        when="after",
        body={"error_code": "RESOURCE_ALREADY_EXISTS", "message": "Repo already exists"},
    )

    code, said = add("dev")

    assert code == 2
    assert said == (
        f"brickpush: {PATH} exists already: run `brickpush folders list` to see what it is\n"
    )
    assert followed(dev) == {PATH: "main"}
    assert "PATCH" not in {method for method, _ in changes(dev)}


def test_a_clone_without_an_answer_is_left_to_look_at(sandbox, dev, add):
    dev.faults.add(status="reset", method="POST", path="/api/2.0/repos", when="after")

    code, said = add("dev")

    assert code == 1
    assert "check in some minutes with `brickpush folders list`" in said


def test_a_path_that_is_none_is_said_before_anything_is_asked(dev, add):
    code, said = add("main", path="team/etl")

    assert code == 2
    assert said.endswith("is not a workspace path: give it like /Repos/team/etl\n")
    assert dev.requests == []


def test_githubs_words_are_not_taken_for_those_of_databricks(sandbox, dev, add):
    sandbox.github_faults.add(
        status=403,
        method="POST",
        path="/api/v3/app/installations/*/access_tokens",
        times=None,
        body={"message": "This installation has been suspended"},
    )

    code, said = add("main")

    assert code == 1
    assert "suspended" in said
    assert "Can Manage" not in said
    assert changes(dev) == []


def test_the_operators_own_credential_is_left_alone(sandbox, dev, add):
    text = sandbox.config_path.read_text()
    sandbox.config_path.write_text(
        text.replace("[workspaces.dev]\n", '[workspaces.dev]\ngit_credential = "existing"\n')
    )
    principal = sandbox.places[0].principal.client_id
    dev.store_git_credential(principal, "gitHub", "octocat", sandbox.user_token)

    assert add("dev") == (0, there(sandbox))
    assert not [r for r in dev.requests if "git-credentials" in r.path and r.method != "GET"]
