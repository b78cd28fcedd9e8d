"""The hook's small parts: what is being pushed, by which process, and where state is kept."""

from __future__ import annotations

import os
import subprocess
import sys

import platformdirs
import pytest

from hooks.background import push_end
from hooks.foreground import parent_process
from hooks.foreground.pushed_refs import from_git, from_pre_commit, without_secrets
from hooks.foreground.state_directory import state_directory
from hooks.foreground.tracking_refs import by_name
from hooks.system.git import remote_refs, tracking_ref

SHA, OTHER, ZERO = "a" * 40, "b" * 40, "0" * 40


def test_git_tells_of_every_ref_and_only_branches_that_stay_count():
    stdin = (
        f"refs/heads/main {SHA} refs/heads/main {OTHER}\n"
        f"HEAD~1 {OTHER} refs/heads/feature/a {ZERO}\n"
        f"(delete) {ZERO} refs/heads/old {OTHER}\n"
        f"refs/tags/v1 {SHA} refs/tags/v1 {ZERO}\n"
    )

    pushed = from_git(("origin", "git@github.com:octo-org/etl.git"), stdin)

    assert pushed.refs == {"refs/heads/main": SHA, "refs/heads/feature/a": OTHER}
    assert pushed.complete


@pytest.mark.parametrize(
    ("environ", "refs"),
    [
        pytest.param({"PRE_COMMIT_TO_REF": SHA}, {"refs/heads/main": SHA}, id="update"),
        pytest.param(
            {"PRE_COMMIT_LOCAL_BRANCH": "topic"}, {"refs/heads/main": "of topic"}, id="new"
        ),
        pytest.param({}, {"refs/heads/main": "of HEAD"}, id="nothing but the ref"),
        pytest.param({"PRE_COMMIT_REMOTE_BRANCH": "refs/tags/v1"}, {}, id="tag"),
    ],
)
def test_pre_commit_tells_of_one_ref(environ, refs):
    given = {"PRE_COMMIT_REMOTE_NAME": "origin", "PRE_COMMIT_REMOTE_BRANCH": "refs/heads/main"}

    pushed = from_pre_commit({**given, **environ}, lambda source: f"of {source}")

    assert (pushed.refs, pushed.url, pushed.complete) == (refs, "origin", False)


def test_outside_of_a_push_pre_commit_tells_nothing():
    assert from_pre_commit({"PRE_COMMIT": "1"}, str) is None


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://user:pa@ss@host/a@b.git", "https://host/a@b.git"),
        ("ssh://git@host:22/a/b", "ssh://host:22/a/b"),
        ("git@host:a/b.git", "git@host:a/b.git"),
        ("../b.git", "../b.git"),
    ],
)
def test_a_url_is_kept_without_its_secrets(url, kept):
    assert without_secrets(url) == kept


@pytest.mark.parametrize(
    ("command", "push", "dry_run"),
    [
        (["git", "push"], True, False),
        (["/usr/lib/git-core/git", "-C", "dir", "-c", "k=v", "push", "-n"], True, True),
        (["git", "push", "origin", "--dry-run"], True, True),
        (["git-push", "origin"], True, False),
        (["git", "commit", "-n"], False, False),
        (["sh", "-c", "git push"], False, False),
        (["/opt/push/git-gui"], False, False),
        ([], False, False),
    ],
)
def test_a_command_line_is_a_push_or_not(command, push, dry_run):
    assert parent_process.is_push(command) is push
    assert parent_process.Pusher(1, "1", command).dry_run is dry_run


def test_the_nearest_push_above_is_found():
    family = {
        40: (30, "400", ["python", "-m", "pre_commit"]),
        30: (20, "300", ["git", "push", "origin"]),
        20: (10, "200", ["git", "push-all", "push"]),
    }

    found = parent_process.nearest_push(40, family.get)

    assert (found.pid, found.started) == (30, "300")
    assert parent_process.nearest_push(99, family.get) is None


def test_a_loop_among_processes_ends():
    assert parent_process.nearest_push(1, lambda pid: (pid, "1", ["init"])) is None


@pytest.mark.skipif(sys.platform == "win32", reason="there is no ps on Windows")
def test_ps_and_proc_agree_about_this_process():
    parent, started, command = parent_process.processes(os.environ)[os.getpid()]

    assert parent == os.getppid()
    assert started
    assert command[0].rpartition("/")[2].startswith("python")
    if sys.platform == "linux":
        assert parent_process.process(os.getpid())[0] == parent


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_process_is_waited_for_until_it_ends():
    with subprocess.Popen(("cat",), stdin=subprocess.PIPE) as running:
        started = parent_process.process(running.pid)[1]
        assert not push_end.wait_for_end(running.pid, started, 0.01)
        assert not push_end._poll(running.pid, started, 0.01)
        assert push_end.wait_for_end(running.pid, "another time", 10)
        running.stdin.close()
        assert push_end.wait_for_end(running.pid, started, 10)
    assert push_end.wait_for_end(running.pid, started, 10)
    assert push_end._poll(running.pid, started, 10)


def test_refs_are_known_by_the_names_that_the_remote_gives_them():
    refspecs = ["+refs/heads/*:refs/remotes/origin/*", "refs/notes/x:refs/remotes/notes", "^refs/x"]
    known = {
        "refs/remotes/origin/feature/a": SHA,
        "refs/remotes/notes": OTHER,
        "refs/remotes/other/main": SHA,
    }

    assert remote_refs(refspecs, known) == {"refs/heads/feature/a": SHA, "refs/notes/x": OTHER}
    assert tracking_ref(refspecs, "refs/heads/main") == "refs/remotes/origin/main"
    assert tracking_ref(refspecs, "refs/tags/v1") is None


@pytest.mark.parametrize(
    ("refspecs", "ref", "tracked"),
    [
        pytest.param(["+refs/*:refs/*"], "refs/heads/main", None, id="mirror"),
        pytest.param(["+refs/heads/*:refs/heads/*"], "refs/heads/main", None, id="bare"),
        pytest.param(["refs/heads/main:refs/heads/main"], "refs/heads/main", None, id="one branch"),
        pytest.param(["+refs/heads/*:refs/upstream/*"], "refs/heads/main", None, id="elsewhere"),
        pytest.param(["+refs/heads/*:refs/tags/*"], "refs/heads/main", None, id="tags"),
        pytest.param([], "refs/heads/main", None, id="none"),
        pytest.param(
            ["+refs/heads/*:refs/remotes/origin/*", "^refs/heads/secret"],
            "refs/heads/secret",
            None,
            id="excluded",
        ),
        pytest.param(
            ["+refs/heads/*:refs/remotes/origin/*", "^refs/heads/secret/*"],
            "refs/heads/main",
            "refs/remotes/origin/main",
            id="another one excluded",
        ),
        pytest.param(
            ["+refs/heads/*:refs/remotes/origin/*", "+refs/pull/*/head:refs/remotes/origin/pr/*"],
            "refs/heads/pr/7",
            None,
            id="shared with a pull request",
        ),
        pytest.param(
            ["+refs/heads/*:refs/upstream/*", "+refs/heads/*:refs/remotes/origin/*"],
            "refs/heads/main",
            None,
            id="git moves the first alone",
        ),
    ],
)
def test_only_a_ref_under_refs_remotes_that_follows_one_ref_tracks_it(refspecs, ref, tracked):
    assert tracking_ref(refspecs, ref) == tracked


def test_what_is_excluded_or_follows_two_refs_tells_of_neither():
    refspecs = [
        "+refs/heads/*:refs/remotes/origin/*",
        "+refs/pull/*/head:refs/remotes/origin/pr/*",
        "^refs/heads/secret",
    ]
    known = {f"refs/remotes/origin/{name}": SHA for name in ("main", "secret", "pr/7")}

    assert remote_refs(refspecs, known) == {"refs/heads/main": SHA}


def test_symbolic_refs_are_left_out_of_a_snapshot():
    listing = (
        f"{SHA} refs/remotes/origin/main\nrefs/remotes/origin/main{SHA} refs/remotes/origin/HEAD\n"
    )

    assert by_name(listing) == {"refs/remotes/origin/main": SHA}


def test_state_is_where_platformdirs_would_keep_it(monkeypatch, tmp_path):
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert state_directory(os.environ) == platformdirs.user_state_dir("brickpush", appauthor=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "xdg"))
    assert state_directory(os.environ) == platformdirs.user_state_dir("brickpush", appauthor=False)


@pytest.mark.parametrize(
    ("environ", "platform", "directory"),
    [
        ({"HOME": "/home/dev"}, "linux", "/home/dev/.local/state/brickpush"),
        (
            {"HOME": "/home/dev", "XDG_STATE_HOME": "here"},
            "linux",
            "/home/dev/.local/state/brickpush",
        ),
        ({"HOME": "/Users/dev"}, "darwin", "/Users/dev/Library/Application Support/brickpush"),
        ({"LOCALAPPDATA": "/C/Local"}, "win32", "/C/Local/brickpush"),
        ({"BRICKPUSH_STATE_DIR": "/var/state"}, "linux", "/var/state"),
    ],
)
def test_each_system_has_its_place_for_state(environ, platform, directory):
    assert state_directory(environ, platform) == directory


@pytest.mark.parametrize(
    "environ", [{"BRICKPUSH_STATE_DIR": "state"}, {"HOME": "somewhere"}], ids=str
)
def test_a_relative_directory_is_refused(environ):
    with pytest.raises(OSError, match="there is no absolute directory"):
        state_directory(environ, "linux")
