"""`git promote --url --branch` with the four AZURE_* names: the drop-in for a CI step."""

from __future__ import annotations

from pathlib import Path

import pytest
from nobody import NOBODY
from variants import slow_after


@pytest.fixture(autouse=True)
def _signed_in(service_principal):
    """Isolation: every test here is a CI step of the service principal."""


def test_every_following_git_folder_is_at_the_commit_and_the_others_stay(repository, git_promote):
    repository.stage.github.commit(repository.name, "dev", {"a": "b"}, "Begin dev")
    following = [repository.add_git_folder(name) for name in ("one", "two", "three")]
    other = repository.add_git_folder("other", branch="dev")
    before = repository.at(other)
    after = repository.commit()

    ended = git_promote("--url", repository.url, "--branch", "main")

    assert ended.code == 0
    assert [repository.at(path) for path in following] == [after] * 3
    assert repository.at(other) == before
    assert f"{following[0]}  at {after[:7]} (was " in ended.output
    assert f"{other}  follows dev" in ended.output
    assert "4 Git folders of this repository: 3 promoted, 1 left unchanged" in ended.output
    assert f"as service principal {repository.stage.principal.client_id}" in ended.progress
    assert repository.stage.principal.client_secret not in ended.output + ended.progress


def test_a_dry_run_gives_the_reason_for_every_folder_and_moves_nothing(repository, git_promote):
    repository.stage.github.commit(repository.name, "dev", {"a": "b"}, "Begin dev")
    following = repository.add_git_folder("one")
    repository.add_git_folder("other", branch="dev")
    before = repository.at(following)
    repository.commit()

    ended = git_promote("--url", repository.url, "--branch", "main", "--dry-run", "--json")

    workspace = ended.json["workspaces"][0]
    assert ended.code == 0
    assert workspace["moves"] == [{"path": following, "reason": "follows main"}]
    assert workspace["unchanged"] == [{"path": f"{repository.root}/other", "reason": "follows dev"}]
    assert workspace["outcomes"] == []
    assert repository.at(following) == before


def test_a_dry_run_in_words_says_what_would_move(repository, git_promote):
    following = repository.add_git_folder("one")
    repository.commit()

    ended = git_promote("--url", repository.url, "--branch", "main", "-n")

    assert f"{following}  would move: follows main" in ended.output
    assert "1 Git folder of this repository: 1 would move" in ended.output


def test_json_goes_to_stdout_alone(repository, git_promote):
    path = repository.add_git_folder("one")
    after = repository.commit()

    ended = git_promote("--url", repository.url, "--branch", "main", "--json")

    assert ended.json["commit"] == after
    assert ended.json["ref"] == "refs/heads/main"
    outcome = ended.json["workspaces"][0]["outcomes"][0]
    assert (outcome["path"], outcome["conclusion"], outcome["after"]) == (path, "success", after)


def test_github_actions_tells_the_commit_where_git_may_not_ask(
    repository, git_promote, monkeypatch
):
    path = repository.add_git_folder("one")
    after = repository.commit()
    monkeypatch.setenv("GITHUB_SERVER_URL", repository.stage.github.url)
    monkeypatch.setenv("GITHUB_REPOSITORY", repository.name.upper())
    monkeypatch.setenv("GITHUB_REF", "refs/heads/main")
    monkeypatch.setenv("GITHUB_SHA", after)

    ended = git_promote("--url", repository.url, "--branch", "main")

    assert ended.code == 0
    assert f"{repository.name}: main at {after[:7]}" in ended.progress
    assert repository.at(path) == after


def test_the_workflows_commit_is_not_taken_for_another_branch(repository, git_promote, monkeypatch):
    repository.add_git_folder("one")
    after = repository.commit()
    monkeypatch.setenv("GITHUB_SERVER_URL", repository.stage.github.url)
    monkeypatch.setenv("GITHUB_REPOSITORY", repository.name)
    monkeypatch.setenv("GITHUB_REF", "refs/heads/dev")
    monkeypatch.setenv("GITHUB_SHA", "0" * 40)

    ended = git_promote("--url", repository.url, "--branch", "main", "--json")

    assert ended.json["commit"] == after


def test_a_branch_that_is_not_there_is_a_configuration_error(clone, repository, git_promote):
    ended = git_promote("--url", repository.url, "--branch", "nowhere")

    assert ended.code == 2
    assert ended.progress == (
        f"git promote: {repository.name} has no branch 'nowhere': is it pushed?\n"
    )


def test_a_full_ref_is_a_branch_as_well(repository, git_promote):
    path = repository.add_git_folder("one")
    after = repository.commit()

    ended = git_promote("--url", repository.url, "--branch", "refs/heads/main\n", "--json")

    assert (ended.code, repository.at(path)) == (0, after)
    assert ended.json["ref"] == "refs/heads/main"


@pytest.mark.parametrize(
    ("branch", "next_step"),
    slow_after(
        1,
        [
            ("heads/main", "check the branch's name; did you mean 'main'?"),
            ("origin/main", "check the branch's name; did you mean 'main'?"),
            ("nonexistent", "check the branch's name"),
        ],
    ),
)
@pytest.mark.parametrize("option", [(), ("--dry-run",)], ids=["promote", "dry run"])
def test_a_branch_that_nobody_knows_is_no_success(
    repository, git_promote, branch, next_step, option
):
    path = repository.add_git_folder("one")
    before = repository.at(path)
    repository.commit()

    ended = git_promote("--url", repository.url, "--branch", branch, *option)

    assert ended.code == 2
    assert f"no Git folder follows {branch} ({repository.name} has 1 Git folder)" in ended.output
    assert f"git could not ask whether there is a branch {branch}" in ended.output
    assert f"{next_step}\n" in ended.output
    assert repository.at(path) == before


def test_a_branch_that_is_there_and_that_nobody_follows_is_a_success_in_plain_words(
    clone, repository, git_promote, tmp_path, monkeypatch
):
    repository.stage.github.commit(repository.name, "dev", {"a": "b"}, "Begin dev")
    repository.add_git_folder("one")
    summary = tmp_path / "summary.md"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    words = f"no Git folder follows dev ({repository.name} has 1 Git folder)"

    ended = git_promote("--url", repository.url, "--branch", "dev")

    assert ended.code == 0
    assert f"! {words}\n" in ended.output
    assert "! no Git folder follows dev" in summary.read_text()
    assert words in git_promote("status", "--all").output


@pytest.mark.parametrize("branch", ["origin/main", "heads/main"])
def test_a_branch_under_a_name_that_only_git_gives_it_is_asked_about(
    clone, repository, git_promote, branch
):
    by_url = git_promote("--url", repository.url, "--branch", branch)
    in_clone = git_promote("--branch", branch)

    assert (by_url.code, in_clone.code) == (2, 2)
    assert f"has no branch '{branch}'; did you mean 'main'?" in by_url.progress
    assert "did you mean 'main'?" in in_clone.progress


@pytest.mark.parametrize("branch", ["refs/tags/v1", "refs/pull/7/merge", "a b", "-x"])
def test_what_can_be_no_branch_is_refused(repository, git_promote, branch):
    ended = git_promote("--url", repository.url, f"--branch={branch}")

    assert ended.code == 2
    assert f"'{branch}' is not a branch: give a branch's name, like main" in ended.progress


@pytest.mark.parametrize("option", ["--branch", "--url", "--workspace"])
def test_an_option_whose_variable_was_not_set_becomes_nothing_else(clone, git_promote, option):
    ended = git_promote(option, "")

    assert ended.code == 2
    assert f"{option} must not be empty" in ended.progress


def test_a_folder_that_fails_has_a_next_step_and_exit_code_1(repository, git_promote):
    path = repository.add_git_folder("one")
    repository.stage.workspace.write_file(path, "job.py", "rows = 'mine'\n")
    repository.stage.workspace.commit_in_folder(path, {"job.py": "rows = 0\n"}, "Mine")
    good = repository.add_git_folder("two")
    after = repository.commit()

    ended = git_promote("--url", repository.url, "--branch", "main")

    assert ended.code == 1
    assert repository.at(good) == after
    assert "1 promoted, 1 failed" in ended.output
    assert "then re-run" in ended.output


def test_the_summary_of_the_job_is_a_table(repository, git_promote, tmp_path, monkeypatch):
    path = repository.add_git_folder("one")
    after = repository.commit()
    summary = tmp_path / "summary.md"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))

    git_promote("--url", repository.url, "--branch", "main")

    text = summary.read_text()
    assert f"main at `{after[:7]}`" in text
    assert f"| ✓ | {path} | at {after[:7]} (was " in text


def test_a_summary_that_cannot_be_written_does_not_fail_the_step(
    repository, git_promote, tmp_path, monkeypatch
):
    repository.add_git_folder("one")
    repository.commit()
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path))

    ended = git_promote("--url", repository.url, "--branch", "main")

    assert ended.code == 0
    assert "the job summary can't be written: Is a directory" in ended.progress


BLIND = [
    pytest.param(403, {"error_code": 403, "message": "Invalid access token."}, id="token"),
    pytest.param(403, "<html><head><title>Forbidden</title></head></html>", id="a proxy's page"),
    pytest.param(404, "<html><head><title>Not Found</title></head></html>", id="no workspace"),
    pytest.param(404, {"error_code": "ENDPOINT_NOT_FOUND", "message": "No API"}, id="no API"),
    pytest.param(200, "<html><head><title>Sign in</title></head></html>", id="a sign-in page"),
]


@pytest.mark.parametrize(("status", "body"), slow_after(2, BLIND))
def test_a_workspace_in_which_nothing_can_be_read_is_a_failure(
    repository, git_promote, tmp_path, monkeypatch, status, body
):
    repository.add_git_folder("one")
    after = repository.commit()
    summary = tmp_path / "summary.md"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    monkeypatch.setenv("GITHUB_SERVER_URL", repository.stage.github.url)
    monkeypatch.setenv("GITHUB_REPOSITORY", repository.name)
    monkeypatch.setenv("GITHUB_REF", "refs/heads/main")
    monkeypatch.setenv("GITHUB_SHA", after)
    arguments = ("--url", repository.url, "--branch", "main")
    faults = repository.stage.workspace.faults
    faults.add(status=status, body=body, times=None, path="/api/*")

    try:
        ended = [git_promote(*arguments), git_promote(*arguments, "-n"), git_promote("doctor")]
    finally:
        faults.clear()
    remembered = git_promote("status", "--all", "--json").json

    assert [each.code for each in ended] == [1, 1, 2]
    for each in ended:
        assert "✗" in each.output
        assert "→" in each.output
        assert "nothing to do" not in each.output
        assert "no Git folder" not in each.output
    assert summary.read_text().count("✗") >= 2
    assert remembered["state"] == "failed"
    assert remembered["next_step"]


def test_a_given_git_token_becomes_the_principals_credential(repository, git_promote, monkeypatch):
    path = repository.add_git_folder("one")
    after = repository.commit()
    monkeypatch.setenv("BRICKPUSH_GIT_TOKEN", repository.stage.github.user_token("hubot"))
    monkeypatch.setenv("BRICKPUSH_GIT_USERNAME", "hubot")

    ended = git_promote("--url", repository.url, "--branch", "main")

    assert (ended.code, repository.at(path)) == (0, after)
    assert "hubot" in git_promote("doctor").output


def test_a_missing_secret_is_named_and_becomes_no_other_identity(git_promote, monkeypatch):
    monkeypatch.setenv("AZURE_SP_CLIENT_SECRET", "")

    ended = git_promote("--url", "https://github.com/octo-org/etl", "--branch", "main")

    assert ended.code == 2
    assert "AZURE_SP_CLIENT_SECRET is not set: set all of AZURE_SP_TENANT_ID" in ended.progress


def test_a_wrong_secret_is_a_configuration_error(repository, git_promote, monkeypatch):
    monkeypatch.setenv("AZURE_SP_CLIENT_SECRET", "wrong")

    ended = git_promote("--url", repository.url, "--branch", "main")

    assert ended.code == 2
    assert "AADSTS7000215" in ended.output
    assert "use the secret's value, not its id" in ended.output


def test_a_sign_in_host_that_does_not_answer_is_a_failure(repository, git_promote, monkeypatch):
    monkeypatch.setenv("AZURE_AUTHORITY_HOST", f"https://{NOBODY}")

    ended = git_promote("--url", repository.url, "--branch", "main")

    assert ended.code == 1
    assert "check the network and the proxy" in ended.output


def test_an_address_of_no_repository_is_a_configuration_error(git_promote):
    ended = git_promote("--url", "nonsense", "--branch", "main")

    assert ended.code == 2
    assert "no repository of a host" in ended.progress


def test_a_file_of_authorities_that_is_not_there_is_a_configuration_error(
    repository, git_promote, monkeypatch
):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere/ca.pem")

    ended = git_promote("--url", repository.url, "--branch", "main")

    assert ended.code == 2
    assert "REQUESTS_CA_BUNDLE names /nowhere/ca.pem, which does not exist" in ended.progress


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(("--url", "https://github.com/octo-org/etl"), id="no branch"),
        pytest.param(("--nonsense",), id="unknown option"),
        pytest.param(("nonsense",), id="unknown command"),
    ],
)
def test_arguments_that_make_no_sense_end_with_2(git_promote, arguments):
    assert git_promote(*arguments).code == 2


def test_what_nobody_expected_ends_with_3(git_promote, monkeypatch):
    monkeypatch.setattr(Path, "cwd", lambda: 1 / 0)

    ended = git_promote("--url", "https://github.com/octo-org/etl", "--branch", "main")

    assert ended.code == 3
    assert "something unexpected happened: ZeroDivisionError" in ended.progress


def test_unknown_keys_and_bad_values_are_listed_at_once(service_principal, git_promote):
    path = service_principal / "config" / "brickpush" / "promote.toml"
    path.parent.mkdir(parents=True)
    path.write_text('nonsense = 1\nnotify = "often"\n[[workspaces]]\nhost = "http://x"\n')

    ended = git_promote("--url", "https://github.com/octo-org/etl", "--branch", "main")

    assert ended.code == 2
    assert "nonsense is not a known key" in ended.progress
    assert "notify: " in ended.progress
    assert "workspaces.0.host: it must start with https://" in ended.progress


def test_the_example_workflow_needs_the_four_names_and_one_command():
    text = (Path(__file__).parents[3] / "examples" / "promote.yml").read_text()

    assert "git promote --url" in text
    assert [name for name in ("AZURE_SP_TENANT_ID", "AZURE_SP_CLIENT_ID") if name not in text] == []
