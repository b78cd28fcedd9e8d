"""The pre-push hook of `git promote install`: it spares what was there before."""

from __future__ import annotations

import shutil
import subprocess

import pytest

OLDER = '#!/bin/sh\ncat > older.input\necho "$@" > older.arguments\nexit ${OLDER_CODE:-0}\n'


@pytest.fixture
def hook(clone, monkeypatch):
    """The hook's path in a clone where nothing is promoted: only the installing is looked at."""
    monkeypatch.setenv("BRICKPUSH_SKIP", "1")
    monkeypatch.delenv("CI", raising=False)  # there the hook says nothing at all
    path = clone / ".git" / "hooks" / "pre-push"
    path.unlink(missing_ok=True)
    return path


def write_older(hook):
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(OLDER)
    hook.chmod(0o755)


def git(*arguments, check=True):
    return subprocess.run(("git", *arguments), check=check, capture_output=True, text=True)


def push():
    git("commit", "--quiet", "--allow-empty", "-m", "Nothing")
    return git("push", "--quiet", check=False)


def test_it_runs_at_a_push_and_goes_without_a_trace(hook, git_promote):
    installed = git_promote("install")
    pushed = push()
    removed = git_promote("uninstall")

    assert installed.output == f"wrote {hook}\n"
    assert pushed.returncode == 0
    assert "brickpush: skipped, as BRICKPUSH_SKIP asks" in pushed.stdout + pushed.stderr
    assert removed.output == f"removed {hook}\n"
    assert not hook.exists()


def test_an_older_hook_runs_first_with_its_input_and_its_say(hook, clone, git_promote, monkeypatch):
    write_older(hook)
    git_promote("install")
    again = git_promote("install")

    allowed = push()
    monkeypatch.setenv("OLDER_CODE", "1")
    refused = push()
    git_promote("uninstall")

    assert again.output == f"wrote {hook}\n"
    assert (allowed.returncode, refused.returncode) == (0, 1)
    assert (clone / "older.input").read_text().startswith("refs/heads/main ")
    assert (clone / "older.arguments").read_text().startswith("origin https://")
    assert hook.read_text() == OLDER
    assert not list(hook.parent.glob("pre-push.before*"))


def test_it_never_overwrites_a_second_hook(hook, git_promote):
    write_older(hook)
    git_promote("install")
    write_older(hook)

    ended = git_promote("install")

    assert ended.code == 2
    assert "both exist: remove the one that is not needed" in ended.progress
    assert hook.read_text() == OLDER


def test_a_shared_directory_of_hooks_is_left_alone(hook, tmp_path, git_promote):
    git("config", "core.hooksPath", str(tmp_path / "shared"))

    ended = git_promote("install")

    assert ended.code == 2
    assert "add this line to its pre-push hook yourself" in ended.progress
    assert not (tmp_path / "shared").exists()


def test_git_that_can_configure_hooks_gets_no_file(hook, program, git_promote):
    real = shutil.which("git")
    program("git", f'[ "$1" = version ] && echo "git version 2.54.0" && exit; exec {real} "$@"')

    installed = git_promote("install")
    configured = git("config", "--get", "hook.brickpush.command").stdout
    event = git("config", "--get", "hook.brickpush.event").stdout
    removed = git_promote("uninstall")

    assert installed.output == "git runs it as hook.brickpush, beside other hooks\n"
    assert configured.endswith(" -I -m brickpush promote-after-push\n")
    assert event == "pre-push\n"
    assert removed.output == "removed hook.brickpush from git's configuration\n"
    assert not hook.exists()


def test_uninstalling_what_is_not_there_says_so(hook, git_promote):
    assert git_promote("uninstall").output == "it was not installed here\n"


@pytest.mark.parametrize("command", ["install", "uninstall"])
def test_a_repository_is_needed(home, git_promote, command):
    ended = git_promote(command)

    assert ended.code == 2
    assert "is not in a git repository" in ended.progress
