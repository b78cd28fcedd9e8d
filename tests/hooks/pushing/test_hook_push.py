"""Every way to push that a developer has, each with the real `git push`."""

from __future__ import annotations

import pytest
from variants import slow_after

from hooks.results.model import State

# git itself calls the hook in the short form; the long form adds the two runners.
pytestmark = pytest.mark.parametrize(
    "runner",
    [
        "git",
        pytest.param("pre-commit", marks=pytest.mark.slow),
        pytest.param("prek", marks=pytest.mark.slow),
    ],
    indirect=True,
)
BY_URL = "ssh://git@github.com/octo-org/etl.git"


def test_a_push_moves_the_git_folders_that_follow_the_branch(machine):
    following = machine.workspace.add("main")
    other = machine.workspace.add("release")
    sha = machine.commit()

    pushed = machine.push()

    assert pushed.returncode == 0
    assert f"brickpush: promotion of main@{sha[:7]} queued" in pushed.stdout
    result = machine.ended()["main"]
    assert (result.state, result.after) == (State.DONE, sha), result
    assert result.workspaces[0]["outcomes"][0]["after"] == sha
    assert machine.workspace.head(following) == sha
    assert machine.workspace.updates == [(following, "main")]
    assert machine.workspace.head(other) != sha


@pytest.mark.parametrize("option", ["--dry-run", "-n"])
def test_a_dry_run_promotes_nothing(machine, option):
    machine.workspace.add("main")
    machine.commit()

    pushed = machine.push(option)

    assert pushed.returncode == 0
    assert "a dry run promotes nothing" in pushed.stdout
    assert machine.results == []
    assert machine.processes() == []


def test_a_dry_run_that_is_not_recognised_is_proved_not_to_have_happened(machine):
    machine.workspace.add("main")
    sha = machine.commit()

    machine.push("--dry-ru")

    result = machine.ended()["main"]
    assert (result.state, result.after) == (State.NOT_PUSHED, sha)
    assert machine.workspace.updates == []


def test_a_push_that_the_server_rejects_promotes_nothing(machine):
    machine.workspace.add("main")
    machine.hook("#!/bin/sh\nexit 1\n", "pre-receive", machine.remote)
    machine.commit()

    pushed = machine.push()

    assert pushed.returncode == 1
    assert machine.ended()["main"].state is State.NOT_PUSHED
    assert machine.workspace.updates == []


# As `git clone --mirror` has it, and forms of it: git follows the remote's branches by the local
# branches themselves, or by refs that the snapshot before the push does not hold.
NO_TRACKING = [
    "+refs/*:refs/*",
    "+refs/heads/*:refs/heads/*",
    "refs/heads/main:refs/heads/main",
    "+refs/heads/*:refs/upstream/*",
    "",
]


@pytest.mark.parametrize("refspec", slow_after(2, NO_TRACKING))
@pytest.mark.parametrize("rejected", [True, False], ids=["rejected", "accepted"])
def test_where_no_ref_tracks_the_remote_it_is_asked(machine, refspec, rejected):
    folder = machine.workspace.add("main")
    machine.git("config", "--unset-all", "remote.origin.fetch")
    if refspec:
        machine.git("config", "remote.origin.fetch", refspec)
    if rejected:
        machine.hook("#!/bin/sh\nexit 1\n", "pre-receive", machine.remote)
    sha = machine.commit()

    machine.push("origin", "main")

    result = machine.ended()["main"]
    there = machine.git("ls-remote", "origin", "refs/heads/main").startswith(sha)
    assert (result.state is State.DONE, there) == (not rejected, not rejected), result
    assert (machine.workspace.head(folder) == sha) == (not rejected)
    assert rejected == (result.state is State.NOT_PUSHED)


def test_where_no_ref_tracks_a_remote_that_may_not_be_read_nothing_is_claimed(machine):
    machine.workspace.add("main")
    machine.git("config", "remote.origin.fetch", "+refs/*:refs/*")
    machine.hook("#!/bin/sh\nexit 1\n", "pre-receive", machine.remote)
    machine.commit()
    (machine.root / "unreadable").touch()

    machine.push("origin", "main")

    assert machine.ended()["main"].state is State.UNKNOWN
    assert machine.workspace.updates == []


@pytest.mark.parametrize("github_first", [True, False], ids=["GitHub first", "mirror first"])
def test_of_two_push_urls_one_that_accepts_proves_nothing_of_one_that_rejects(
    machine, github_first
):
    machine.workspace.add("main")
    machine.mirror("git@gitlab.example:backup/mirror.git")
    urls = ["git@github.com:octo-org/etl.git", "git@gitlab.example:backup/mirror.git"]
    for url in urls if github_first else reversed(urls):
        machine.git("remote", "set-url", "--add", "--push", "origin", url)
    machine.hook("#!/bin/sh\nexit 1\n", "pre-receive", machine.remote)
    sha = machine.commit()

    machine.push("origin", "main")

    machine.ended(2)
    states = {result.url: result.state for result in machine.results}
    assert states["git@github.com:octo-org/etl.git"] is State.NOT_PUSHED
    assert machine.git("ls-remote", urls[1], "refs/heads/main").startswith(sha)
    assert machine.workspace.updates == []


def test_a_push_that_git_itself_rejects_starts_nothing(machine):
    machine.commit("one")
    machine.push("--no-verify")
    machine.git("reset", "--quiet", "--hard", "HEAD~1")
    machine.commit("another")

    pushed = machine.push()

    assert pushed.returncode == 1
    assert machine.results == []


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["--delete", "origin", "old"], id="delete"),
        pytest.param(["origin", "v1"], id="tag"),
        pytest.param([], id="nothing new"),
    ],
)
def test_pushes_that_move_no_branch_start_nothing(machine, arguments):
    machine.git("push", "--quiet", "--no-verify", "origin", "main:old")
    machine.git("tag", "v1")

    pushed = machine.push(*arguments)

    assert pushed.returncode == 0
    assert "brickpush" not in pushed.stdout
    assert machine.results == []


def test_every_branch_of_a_push_is_promoted_on_its_own(machine):
    folders = {branch: machine.workspace.add(branch) for branch in ("main", "dev", "feature/a")}
    sha = machine.commit()
    machine.git("branch", "dev")
    machine.git("branch", "feature/a", "HEAD~1")
    machine.git("tag", "v1")

    machine.push("origin", "main", "dev", "feature/a", "v1")

    results = machine.ended(3)
    assert {branch: result.state for branch, result in results.items()} == dict.fromkeys(
        folders, State.DONE
    )
    assert machine.workspace.head(folders["dev"]) == sha
    assert machine.workspace.head(folders["feature/a"]) == results["feature/a"].after != sha


def test_a_delete_beside_an_update_promotes_the_update(machine):
    folder = machine.workspace.add("main")
    machine.git("push", "--quiet", "--no-verify", "origin", "main:old")
    sha = machine.commit()

    machine.push("origin", "main", ":old")

    assert list(machine.ended()) == ["main"]
    assert machine.workspace.head(folder) == sha


def test_the_first_push_of_a_new_history_is_promoted(machine):
    folder = machine.workspace.add("fresh")
    machine.git("checkout", "--quiet", "--orphan", "fresh")
    sha = machine.commit("a new root")

    machine.push("-u", "origin", "fresh")

    assert machine.ended()["fresh"].state is State.DONE
    assert machine.workspace.head(folder) == sha


@pytest.mark.parametrize("option", ["--force", "--force-with-lease"])
def test_a_force_push_is_promoted(machine, option):
    folder = machine.workspace.add("main")
    machine.commit("one")
    machine.push("--no-verify")
    machine.git("commit", "--quiet", "--amend", "--allow-empty", "-m", "one, rewritten")

    machine.push(option)

    assert machine.ended()["main"].state is State.DONE
    assert machine.workspace.head(folder) == machine.git("rev-parse", "HEAD")


def test_a_push_by_url_is_proved_by_asking_the_remote_and_its_password_is_kept_nowhere(machine):
    folder = machine.workspace.add("main")
    sha = machine.commit()

    machine.push("ssh://git:hunter2secret@github.com/octo-org/etl.git", "main")

    result = machine.ended()["main"]
    assert result.state is State.DONE, result
    assert result.repository == "octo-org/etl"
    assert result.url == result.remote == "ssh://github.com/octo-org/etl.git"
    assert machine.workspace.head(folder) == sha
    stored = [path.read_text() for path in machine.state.rglob("*") if path.is_file()]
    assert not any("hunter2secret" in text or "dapi" in text for text in stored)


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(["-C", "{clone}", "-c", "color.ui=always", "push"], id="git -C -c"),
        pytest.param(["-C", "{clone}", "pp"], id="alias"),
        pytest.param(["-C", "{clone}", "spp"], id="shell alias"),
        pytest.param(
            ["-C", "{clone}", "--git-dir", "{clone}/.git", "--work-tree", "{clone}", "push"],
            id="GIT_DIR",
        ),
    ],
)
def test_a_push_under_another_name_is_promoted(machine, command):
    folder = machine.workspace.add("main")
    machine.git("config", "alias.pp", "push --quiet")
    machine.git("config", "alias.spp", "!git push --quiet && true")
    sha = machine.commit()

    machine.git(*(word.format(clone=machine.clone) for word in command), directory=machine.root)

    assert machine.ended()["main"].state is State.DONE
    assert machine.workspace.head(folder) == sha


def test_a_push_from_a_linked_worktree_is_promoted(machine):
    folder = machine.workspace.add("side")
    tree = machine.root / "tree"
    machine.git("worktree", "add", "--quiet", "-b", "side", str(tree))
    sha = machine.commit(directory=tree)

    machine.push("-u", "origin", "side", directory=tree)

    assert machine.ended()["side"].state is State.DONE
    assert machine.workspace.head(folder) == sha


def test_a_clone_of_one_branch_has_its_other_branches_proved_by_the_remote(machine):
    folder = machine.workspace.add("dev")
    machine.git("config", "remote.origin.fetch", "+refs/heads/main:refs/remotes/origin/main")
    sha = machine.commit()

    machine.push("origin", "main:dev")

    assert machine.ended()["dev"].state is State.DONE
    assert machine.workspace.head(folder) == sha


def test_a_remote_that_may_not_be_read_is_proved_by_the_tracking_ref(machine):
    folder = machine.workspace.add("main")
    sha = machine.commit()
    (machine.root / "unreadable").touch()

    machine.push()

    assert machine.ended()["main"].state is State.DONE
    assert machine.workspace.head(folder) == sha


def test_a_push_that_nothing_can_prove_is_not_promoted_and_says_so(machine):
    machine.workspace.add("main")
    machine.commit()
    (machine.root / "unreadable").touch()

    machine.push(BY_URL, "main")

    result = machine.ended()["main"]
    assert result.state is State.UNKNOWN
    assert "Permission denied" in result.message
    assert result.next_step == "if the push succeeded, run `git promote`"
    assert machine.workspace.updates == []


def test_a_branch_that_others_moved_meanwhile_is_not_taken_for_ours(machine):
    machine.git("push", "--quiet", "--no-verify", "origin", "main:theirs")
    machine.git("push", "--quiet", "--no-verify", "origin", "main:stale")
    sha = machine.commit()
    machine.git("push", "--quiet", "--no-verify", BY_URL, "main:theirs")
    # While our push sends, a fetch brings in what somebody else has pushed.
    machine.hook(
        f"#!/bin/sh\nunset GIT_QUARANTINE_PATH GIT_DIR\n"
        f"exec git -C {machine.clone} fetch --quiet origin theirs >&2\n",
        "pre-receive",
        machine.remote,
    )

    machine.push("origin", "main")

    assert {branch: result.after for branch, result in machine.ended().items()} == {"main": sha}
    assert machine.git("rev-parse", "origin/theirs") == sha


def test_the_work_tree_stays_as_it_is(machine):
    machine.workspace.add("main")
    machine.commit()
    before = sorted(path.name for path in machine.clone.iterdir())

    machine.push()
    machine.ended()

    assert sorted(path.name for path in machine.clone.iterdir()) == before
    assert machine.git("status", "--porcelain") == ""
