"""Pushes to a host that no Git folder has: an ssh alias, a mirror, or nobody's repository."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from hooks.results.model import State

GITHUB = "git@github.com:octo-org/etl.git"
MIRROR = "git@gitlab.example:backup/etl.git"
ALIAS = "git@github-work:octo-org/etl.git"
NO_FOLDER_THERE = "those of your workspaces are at github.com"


def promote(machine, *arguments):
    """Run `git promote`; return its exit code, and what it prints."""
    ran = subprocess.run(
        (Path(sys.executable).with_name("git-promote"), *arguments),
        cwd=machine.clone,
        env=machine.environ,
        capture_output=True,
        text=True,
        check=False,
    )
    return ran.returncode, ran.stdout + ran.stderr


def put_ssh(machine, script):
    """Put a program called ssh first on the machine's PATH; return the file of its arguments."""
    path, noted = machine.root / "bin" / "ssh", machine.root / "ssh.arguments"
    path.parent.mkdir()
    path.write_text(f'#!/bin/sh\necho "$@" >> {noted}\n{script}\n')
    path.chmod(0o755)
    machine.environ["PATH"] = f"{path.parent}:{machine.environ['PATH']}"
    return noted


@pytest.fixture
def redirected(machine):
    """A remote that is read from GitHub and pushed to a mirror, as pushInsteadOf makes it."""
    machine.mirror(MIRROR)
    machine.git(
        "config", "url.git@gitlab.example:backup/.pushInsteadOf", "git@github.com:octo-org/"
    )
    machine.git("push", "--quiet", "--no-verify", "origin", "main")
    return machine


def pass_on(machine):
    """Let the mirror pass what it gets on to GitHub's repository, before the push ends."""
    script = (
        f'#!/bin/sh\nunset GIT_QUARANTINE_PATH\nexec git push --quiet "{machine.remote}" main\n'
    )
    machine.hook(script, "post-receive", machine.root / "remotes" / "backup" / "etl.git")


def test_what_a_mirror_passes_on_is_promoted_once_it_is_there(redirected):
    folder = redirected.workspace.add("main")
    pass_on(redirected)
    sha = redirected.commit()

    redirected.push()

    result = redirected.ended()["main"]
    assert (result.state, redirected.workspace.head(folder)) == (State.DONE, sha), result


def test_what_only_the_mirror_has_is_not_promoted(redirected):
    redirected.workspace.add("main")
    before = redirected.git("rev-parse", "HEAD")[:7]
    sha = redirected.commit()
    redirected.git("push", "--quiet", "--no-verify", "origin", "main")

    code, told = promote(redirected)

    assert code == 2
    assert "no Git folder has gitlab.example/backup/etl as its repository" in told
    there = "github.com/octo-org/etl, which the remote is fetched from,"
    assert f"{there} is at {before}, not at {sha[:7]}: {NO_FOLDER_THERE}" in told
    assert redirected.workspace.updates == []


def test_by_hand_what_a_mirror_has_passed_on_is_promoted(redirected):
    folder = redirected.workspace.add("main")
    sha = redirected.commit()
    redirected.git("push", "--quiet", "--no-verify", "origin", "main")
    redirected.git("push", "--quiet", "--no-verify", str(redirected.remote), "main")

    code, told = promote(redirected)

    assert (code, redirected.workspace.head(folder)) == (0, sha), told


def test_where_the_mirror_may_not_be_read_what_github_has_is_promoted(machine):
    folder = machine.workspace.add("main")
    machine.git("remote", "set-url", "--push", "origin", "git@gitlab.example:no/such.git")
    sha = machine.git("rev-parse", "HEAD")

    code, told = promote(machine)

    assert (code, machine.workspace.head(folder)) == (0, sha), told
    assert "promoting what github.com/octo-org/etl has" in told


def test_a_push_to_a_host_that_no_git_folder_has_is_not_done(machine):
    machine.workspace.add("main")
    machine.mirror(MIRROR)
    machine.git("remote", "add", "backup", MIRROR)
    sha = machine.commit()

    machine.push("backup", "main")

    result = machine.ended()["main"]
    assert (result.state, result.after) == (State.FAILED, sha)
    assert result.message == (
        f"no Git folder has gitlab.example/backup/etl as its repository: {NO_FOLDER_THERE}"
    )
    assert result.next_step == (
        "if gitlab.example is another name of one of these hosts, or a mirror, "
        "run `git promote --url https://HOST/backup/etl --branch main`"
    )
    assert machine.workspace.updates == []
    machine.commit()
    assert f"last time, the promotion of main@{sha[:7]}" in machine.push("backup", "main").stdout


@pytest.mark.parametrize("order", [(GITHUB, MIRROR), (MIRROR, GITHUB)], ids=["first", "second"])
def test_of_two_push_urls_githubs_is_promoted_and_the_mirrors_says_so(machine, order):
    folder = machine.workspace.add("main")
    machine.mirror(MIRROR)
    for url in order:
        machine.git("remote", "set-url", "--add", "--push", "origin", url)
    sha = machine.commit()

    machine.push("origin", "main")

    machine.ended(2)
    results = {result.url: result for result in machine.results}
    assert [results[url].state for url in order] == [State.DONE, State.DONE]
    assert machine.workspace.updates == [(folder, "main")]
    assert results[MIRROR].message == (
        f"main at {sha[:7]}: no Git folder has gitlab.example/backup/etl as its repository; "
        "github.com/octo-org/etl is promoted separately"
    )


def test_a_repository_of_github_without_git_folders_is_told_from_one_with_nothing_to_move(machine):
    machine.workspace.add("main", url="https://github.com/octo-org/other")
    sha = machine.commit()

    machine.push()

    result = machine.ended()["main"]
    words = "no Git folder has github.com/octo-org/etl as its repository"
    assert (result.state, result.message) == (State.DONE, f"main at {sha[:7]}: {words}")
    code, told = promote(machine)
    assert (code, words in told) == (0, True)
    assert words in promote(machine, "doctor")[1]
    assert words in promote(machine, "status")[1]


def test_a_branch_that_no_git_folder_follows_is_told_from_one_with_nothing_to_move(machine):
    machine.workspace.add("release")
    sha = machine.commit()

    machine.push()

    result = machine.ended()["main"]
    words = "no Git folder follows main (octo-org/etl has 1 Git folder)"
    assert (result.state, result.message) == (State.DONE, f"main at {sha[:7]}: {words}")
    code, told = promote(machine)
    assert (code, words in told) == (0, True)
    assert words in promote(machine, "doctor")[1]


def test_an_ssh_alias_is_the_host_that_ssh_takes_it_for(machine):
    folder = machine.workspace.add("main", url="https://github.com/octo-org/etl")
    noted = put_ssh(machine, "printf 'user git\\nhostname github.com\\nport 22\\n'")
    machine.git("remote", "set-url", "origin", ALIAS)
    sha = machine.commit()

    machine.push()

    result = machine.ended()["main"]
    assert (result.state, machine.workspace.head(folder)) == (State.DONE, sha), result
    assert set(noted.read_text().splitlines()) == {"-G git@github-work"}
    code, told = promote(machine)
    assert (code, f"already at {sha[:7]}" in told) == (0, True), told
    assert "(github-work/octo-org/etl or github.com/octo-org/etl)" in promote(machine, "doctor")[1]


@pytest.mark.skipif(shutil.which("ssh") is None, reason="there is no ssh here")
def test_ssh_itself_is_asked_with_the_options_that_git_gives_it(machine):
    folder = machine.workspace.add("main")
    config = machine.root / "home" / "work"
    config.write_text("Host github-work\n  HostName GitHub.com\n")
    machine.git("remote", "set-url", "--push", "origin", ALIAS)
    machine.git("config", "--unset", "ssh.variant")
    machine.environ["GIT_SSH_COMMAND"] = f"{machine.root / 'ssh'} -F ~/work"
    ssh = machine.root / "ssh"
    real, other = shutil.which("ssh"), ssh.read_text()
    ssh.write_text(
        other.replace(
            "#!/bin/sh\n", f'#!/bin/sh\ncase " $* " in *" -G "*) exec {real} "$@";; esac\n', 1
        )
    )
    sha = machine.commit()

    machine.push()

    result = machine.ended()["main"]
    assert (result.state, machine.workspace.head(folder)) == (State.DONE, sha), result


@pytest.mark.parametrize(
    "script",
    [
        pytest.param("exit 255", id="an error"),
        pytest.param('shift; echo "hostname ${1#*@}"', id="no alias", marks=pytest.mark.slow),
        pytest.param("printf 'hostname git hub\\n'", id="nonsense", marks=pytest.mark.slow),
        pytest.param("sleep 60", id="no answer", marks=pytest.mark.slow),
    ],
)
def test_an_alias_that_ssh_does_not_know_is_named_and_not_done(machine, script):
    machine.workspace.add("main")
    put_ssh(machine, script)
    machine.git("remote", "set-url", "origin", ALIAS)
    machine.commit()

    machine.push()

    result = machine.ended()["main"]
    assert result.state is State.FAILED
    assert result.message == (
        f"no Git folder has github-work/octo-org/etl as its repository: {NO_FOLDER_THERE}"
    )
    if script != "sleep 60":
        code, told = promote(machine)
        assert (code, result.message in told) == (2, True)
        code, told = promote(machine, "doctor")
        assert (code, result.message in told) == (2, True)
