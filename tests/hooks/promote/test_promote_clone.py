"""`git promote` inside a clone, and what is remembered of it."""

from __future__ import annotations

import json
import os
import subprocess

import pytest

from hooks.output.notify import notify


@pytest.fixture(autouse=True)
def _signed_in(service_principal):
    """Isolation: every test here signs in as the service principal."""


def git(*arguments):
    return subprocess.run(
        ("git", *arguments), check=True, capture_output=True, text=True
    ).stdout.strip()


def commit(clone, words):
    (clone / "job.py").write_text(words)
    git("add", "job.py")
    git("commit", "--quiet", "-m", words)
    return git("rev-parse", "HEAD")


def test_the_pushed_commit_is_promoted_and_not_the_local_one(repository, clone, git_promote):
    path = repository.add_git_folder("one")
    pushed = commit(clone, "pushed")
    git("push", "--quiet")
    local = commit(clone, "not pushed")

    ended = git_promote()

    assert (ended.code, repository.at(path)) == (0, pushed)
    assert (
        f"your main is ahead, at {local[:7]}: promoting what is pushed, {pushed[:7]}"
        in ended.progress
    )


def test_a_clone_that_is_behind_says_so(repository, clone, git_promote):
    path = repository.add_git_folder("one")
    local = git("rev-parse", "HEAD")
    pushed = commit(clone, "pushed")
    git("push", "--quiet")
    git("reset", "--quiet", "--hard", local)

    ended = git_promote()

    assert f"your main is behind, at {local[:7]}" in ended.progress
    assert repository.at(path) == pushed


def test_another_branch_by_name_needs_no_upstream(repository, clone, git_promote):
    git("push", "--quiet", "origin", "main:refs/heads/dev")
    path = repository.add_git_folder("one", branch="dev")
    git("switch", "--quiet", "-c", "dev", "--no-track")
    pushed = commit(clone, "on dev")
    git("push", "--quiet", "origin", "dev")
    git("switch", "--quiet", "main")

    ended = git_promote("--branch", "dev")

    assert (ended.code, repository.at(path)) == (0, pushed)


def test_a_branch_that_was_never_pushed_says_what_to_run(clone, git_promote):
    git("switch", "--quiet", "-c", "wip")

    ended = git_promote()

    assert ended.code == 2
    assert "has no branch 'wip': run `git push -u origin wip` first" in ended.progress


def test_no_branch_checked_out_says_what_to_give(clone, git_promote):
    git("switch", "--quiet", "--detach")

    ended = git_promote()

    assert ended.code == 2
    assert "no branch is checked out here: name one with --branch" in ended.progress


def test_outside_a_clone_an_address_is_needed(git_promote):
    ended = git_promote()

    assert ended.code == 2
    assert "no clone to promote from; give --url and --branch" in ended.progress


def test_a_folder_that_is_newer_counts_as_done(repository, clone, git_promote):
    pushed = commit(clone, "pushed")
    git("push", "--quiet")
    path = repository.add_git_folder("one")

    ended = git_promote()

    assert ended.code == 0
    assert f"{path}  already at {pushed[:7]}" in ended.output


def test_status_wait_and_log_tell_of_it_afterwards(repository, clone, git_promote):
    path = repository.add_git_folder("one")
    pushed = commit(clone, "pushed")
    git("push", "--quiet")
    git_promote()

    status, wait, log = git_promote("status"), git_promote("wait"), git_promote("log")
    told = json.loads(git_promote("status", "--json").output)

    title = f"{repository.name} main at {pushed[:7]}: done, 1 Git folder, just now\n"
    assert status.output.startswith(title)
    assert f"{path}  at {pushed[:7]}" in status.output
    assert (wait.code, wait.output) == (0, status.output)
    assert log.output == title
    assert (told["after"], told["state"]) == (pushed, "done")


def test_a_failed_promotion_is_waited_for_with_its_exit_code(
    repository, clone, git_promote, monkeypatch
):
    monkeypatch.setenv("AZURE_SP_CLIENT_SECRET", "wrong")
    first = git_promote()

    status, wait = git_promote("status"), git_promote("wait")

    assert (first.code, status.code, wait.code) == (2, 0, 1)
    assert "AADSTS7000215" in status.output


def test_nothing_remembered_is_said(clone, git_promote):
    for command in ("status", "wait"):
        ended = git_promote(command)
        assert (ended.code, ended.output) == (0, "no promotion has run here yet\n")


def test_another_repositorys_promotions_are_shown_on_demand(
    repository, clone, git_promote, tmp_path, monkeypatch
):
    git_promote()
    monkeypatch.chdir(tmp_path)
    git("init", "--quiet", "other")
    monkeypatch.chdir(tmp_path / "other")
    git("remote", "add", "origin", "https://github.com/octo-org/other.git")

    here, everywhere = git_promote("log", "--json"), git_promote("log", "--json", "--all")

    assert json.loads(here.output) == []
    assert [each["repository"] for each in json.loads(everywhere.output)] == [repository.name]


def test_a_password_in_the_remotes_address_is_shown_to_nobody(
    repository, clone, git_promote, service_principal
):
    url = repository.url.replace("https://", "https://octocat:hunter2hunter2@")
    git("remote", "set-url", "origin", url)

    ended = git_promote()
    kept = "".join(
        path.read_text() for path in (service_principal / "state").rglob("*") if path.is_file()
    )

    assert ended.code == 0
    assert "hunter2" not in ended.output + ended.progress + kept


def test_a_notification_is_shown_where_it_was_asked_for(
    repository, clone, git_promote, program, monkeypatch
):
    noted = program("notify-send", "exit 0")
    repository.add_git_folder("one")
    git_promote()
    silent = not noted.exists()
    monkeypatch.setenv("BRICKPUSH_NOTIFY", "1")

    git_promote()

    assert silent
    assert noted.read_text().splitlines()[2:] == [
        "--",
        f"{repository.name} main",
        "1 Git folder of this repository: 1 promoted, 1 not readable",
    ]


def test_doctor_proves_every_link(repository, clone, git_promote):
    repository.add_git_folder("one")

    ended = git_promote("doctor")

    assert ended.code == 0
    assert f"repository: {repository.name}, main at {repository.head[:7]}" in ended.output
    assert "as service principal" in ended.output
    assert "stored Git credentials: gitHub" in ended.output
    assert f"1 of {repository.name}" in ended.output


def test_doctor_names_the_broken_link(clone, git_promote, monkeypatch):
    monkeypatch.setenv("AZURE_SP_CLIENT_SECRET", "wrong")

    ended = git_promote("doctor")

    assert ended.code == 2
    assert "use the secret's value, not its id" in ended.output


def test_doctor_outside_a_clone_names_what_is_missing(git_promote, monkeypatch, home, stage):
    for part in ("TENANT_ID", "CLIENT_ID", "CLIENT_SECRET"):
        monkeypatch.delenv(f"AZURE_SP_{part}")
    monkeypatch.delenv("AZURE_DATABRICKS_WORKSPACE_INSTANCE_NAME")

    ended = git_promote("doctor")

    assert ended.code == 2
    assert "repository: none here, so --url and --branch are needed" in ended.output
    assert "no workspace is configured" in ended.output


def test_doctor_explains_a_token_that_is_refused(git_promote, monkeypatch, stage):
    monkeypatch.setenv("DATABRICKS_HOST", stage.workspace.url)
    monkeypatch.setenv("DATABRICKS_TOKEN", "dapi-wrong")

    ended = git_promote("doctor")

    assert ended.code == 2
    assert "Databricks did not accept the access token" in ended.output


def test_doctor_stops_at_settings_that_cannot_be_read(git_promote, home):
    path = home / "config" / "brickpush" / "promote.toml"
    path.parent.mkdir(parents=True)
    path.write_text("not toml")

    ended = git_promote("doctor")

    assert ended.code == 2
    assert "promote.toml is not TOML" in ended.output


def test_one_workspace_that_lets_nobody_in_does_not_stop_the_other(
    repository, git_promote, home, monkeypatch, tmp_path, stage
):
    for part in ("TENANT_ID", "CLIENT_ID", "CLIENT_SECRET"):
        monkeypatch.delenv(f"AZURE_SP_{part}")
    monkeypatch.delenv("AZURE_DATABRICKS_WORKSPACE_INSTANCE_NAME")
    (home / ".databrickscfg").write_text(
        f"[good]\nhost = {stage.workspace.url}\ntoken = {stage.token}\n"
        f"[bad]\nhost = {stage.workspace.url}\nauth_type = azure-cli\n"
    )
    path = home / "config" / "brickpush" / "promote.toml"
    path.parent.mkdir(parents=True)
    path.write_text('[[workspaces]]\nprofile = "bad"\n[[workspaces]]\nprofile = "good"\n')
    folder = repository.add_git_folder("one")
    after = repository.commit()

    ended = git_promote("--url", repository.url, "--branch", "main")

    assert (ended.code, repository.at(folder)) == (2, after)
    assert "nobody is signed in to" in ended.output
    assert "1 promoted" in ended.output


def test_on_a_mac_the_notification_is_apples(program, home, monkeypatch, tmp_path):
    noted = program("osascript", "exit 0")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))

    shown = notify("a title", "words", dict(os.environ))

    assert shown
    assert noted.read_text().splitlines()[-2:] == ["a title", "words"]
    assert not notify("a title", "words", {"PATH": ""})
