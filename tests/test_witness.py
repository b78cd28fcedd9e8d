"""Each lie is told once by hand, and seen; its true counterpart is not objected to."""

from __future__ import annotations

import itertools
import time

import pytest
import requests
from running import Developer, wait_until
from sightings import Rule
from verdicts import (
    BEHIND,
    FALSE_FAILURE,
    FALSE_SUCCESS,
    FALSE_SUPERSEDED,
    FALSE_TITLE,
    LEFT_OPEN,
    MADE_TWICE,
    MISSING,
    RULE_BROKEN,
    STRAY,
    UNIDENTIFIED,
    WORK_LOST,
    Identity,
    columns,
    identity_of,
)
from witness import Witness

from sandbox import world
from sandbox.github.state.check_runs import CheckRun
from sandbox.sandbox import ADMIN, Options, open_sandbox

MAIN, DEV = "refs/heads/main", "refs/heads/dev"
RULES = {
    "dev": [
        Rule("/Repos/tags/", follow="tag:v*"),
        Rule("/Repos/frozen/", follow="nothing"),
        Rule("/Repos/mirror/", discards=True),
    ]
}


class Stage:
    """A repository of its own, a Git folder that follows it, and somebody who reports by hand."""

    def __init__(self, sandbox, directory, number):
        self.sandbox, self.github = sandbox, sandbox.github
        self.workspace = sandbox.workspace("dev")
        self.name = f"{world.ORGANIZATION}/story-{number}"
        self.github.add_repository(self.name)
        self.developer = Developer(sandbox, directory, repository=self.name)
        self.path = self.add_folder("ada")
        self.witness = Witness(
            sandbox, RULES, slack_seconds=0, hands_seconds=0, discovery_seconds=0
        )

    def add_folder(self, whose, branch="main", tag=None):
        path = f"/Repos/{whose}/{self.name.partition('/')[2]}"
        repository = self.github.repository(self.name)
        self.workspace.add_git_folder(
            path, repository.clone_url, branch=branch, source=repository.path, tag=tag
        )
        return path

    def push(self, *refspecs):
        """Commit, push, and return the commit."""
        sha = self.developer.commit()
        self.developer.push("-f", "origin", *(refspecs or ("HEAD:main",)))
        return sha

    def amend(self):
        """Force-push another commit in place of the last one."""
        self.developer.git("reset", "-q", "--hard", "HEAD~1")
        return self.push()

    def update(self, path=None, **wanted):
        """Bring a Git folder to a branch or tag, as the API does."""
        wanted = wanted or {"branch": "main"}
        [place] = [each for each in self.sandbox.places if each.workspace is self.workspace]
        answer = requests.patch(
            f"{self.workspace.url}/api/2.0/repos/{self.workspace.folder(path or self.path).id}",
            json=wanted,
            headers={"Authorization": f"Bearer {place.token}"},
            timeout=30,
            verify=str(self.sandbox.certificate.ca_path),
        )
        return answer.status_code

    def report(self, sha, conclusion="success", title=None, *, ref=MAIN, run=None, **fields):
        """Write a check run of the workspace; without a conclusion it is in progress."""
        usual = {"head_sha": sha, "name": f"Brickpush / dev / {ref}", "external_id": f"{ref} dev"}
        usual |= {"conclusion": conclusion} if conclusion else {"status": "in_progress"}
        usual |= {"output": {"title": title or "Something", "summary": "-"}}
        return self.github.write_check_run(self.name, {**usual, **fields}, run and run.id)

    def promote(self):
        """Push, and do all that the product should; return the commit."""
        sha = self.push()
        self.update()
        self.report(sha)
        return sha

    def seen(self):
        """Return the kinds of faults that were seen at their moment."""
        return [fault.kind for fault in self.witness.faults]

    def wrong_at_the_end(self):
        """Return the kinds of what is wrong as if nothing were to come."""
        return [fault.kind for fault in self.witness.final()]


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory):
    with open_sandbox(tmp_path_factory.mktemp("sandbox"), Options(empty=True)) as opened:
        for workspace in opened.workspaces:
            workspace.store_git_credential(ADMIN, "gitHub", "octocat", opened.user_token)
        yield opened


@pytest.fixture(scope="module")
def numbers():
    return itertools.count(1)


@pytest.fixture
def stage(sandbox, numbers, tmp_path):
    """Of each test one; afterwards no Git folder is left for the next one's witness."""
    yield Stage(sandbox, tmp_path / "clone", next(numbers))
    for workspace in sandbox.workspaces:
        for folder in workspace.folders():
            workspace.delete_git_folder(folder.path)


@pytest.mark.parametrize(
    ("name", "external_id", "identity"),
    [
        ("Brickpush / dev / x", "refs/heads/main dev", Identity(MAIN, "dev")),
        ("Brickpush / dev / v1 (tag)", "refs/tags/v1 dev", Identity("refs/tags/v1", "dev")),
        ("Brickpush / main", MAIN, Identity(MAIN, None)),
        ("Brickpush / dev / v1 (tag)", "", Identity("refs/tags/v1", "dev")),
        ("Brickpush / dev / a/b", "", Identity("a/b", "dev")),
        ("Brickpush / dev", "17", Identity(None, "dev")),
        ("Brickpush", "", Identity(None, None)),
        ("Somebody else's", "job 17", None),
    ],
)
def test_a_check_run_says_what_it_is_about(name, external_id, identity):
    run = CheckRun(1, 1, 1, "octo-org/etl", "0" * 40, 1, name, "", "", external_id=external_id)

    assert identity_of(run) == identity


def test_a_success_that_is_so_is_fine(stage):
    sha = stage.push()
    run = stage.report(sha, None)
    stage.update()

    stage.report(sha, title=f"1 of 1 Git folder at {sha[:7]}", run=run)

    assert stage.seen() == []
    assert stage.wrong_at_the_end() == []
    assert stage.witness.successes == 1


def test_a_success_that_comes_true_later_is_a_lie(stage):
    sha = stage.push()

    stage.report(sha)
    stage.update()

    assert stage.seen() == [FALSE_SUCCESS]
    assert stage.wrong_at_the_end() == []


def test_a_success_that_is_not_so_any_more_when_it_is_written_is_a_lie(stage):
    old = stage.push()
    stage.update()
    stage.amend()
    stage.update()

    stage.report(old)

    assert stage.seen() == [FALSE_SUCCESS]


def test_a_newer_commit_that_contains_it_will_do(stage):
    old = stage.push()
    new = stage.push()
    stage.update()

    stage.report(old)
    stage.report(new)

    assert stage.seen() == []


def test_one_git_folder_of_several_is_enough_for_a_lie(stage):
    other = stage.add_folder("alan")
    sha = stage.push()
    stage.update()

    stage.report(sha)

    assert stage.seen() == [FALSE_SUCCESS]
    assert other in stage.witness.faults[0].what


def test_a_success_where_nothing_follows_is_a_lie(stage):
    sha = stage.push("HEAD:feature")

    stage.report(sha, ref="refs/heads/feature")

    assert stage.seen() == [STRAY, FALSE_SUCCESS]


def test_a_report_on_a_branch_that_nobody_follows_is_a_stray(stage):
    sha = stage.push("HEAD:main", "HEAD:feature")
    stage.update()

    stage.report(sha)
    assert stage.seen() == []
    run = stage.report(sha, "neutral", "No Git folder moves", ref="refs/heads/feature")
    stage.report(sha, "neutral", "No Git folder moves", ref="refs/heads/feature", run=run)

    assert stage.seen() == [STRAY]


def test_a_report_on_a_commit_where_the_branch_never_was_is_a_stray(stage):
    sha = stage.push("HEAD:feature")

    stage.report(sha, "failure")

    assert stage.seen() == [STRAY]


@pytest.mark.parametrize(
    ("title", "lies"),
    [
        ("1 of 2 Git folders at {sha}", []),
        ("2 of 2 Git folders at {sha}", [FALSE_TITLE]),
        ("0 of 1 Git folder at {sha}", []),
        ("1 of 3 Git folders at {sha}", [FALSE_TITLE]),
        ("1 of 2 Git folders at {old}", [FALSE_TITLE]),
        ("Something went wrong", []),
    ],
)
def test_what_a_title_counts_is_there(stage, title, lies):
    stage.add_folder("alan")
    old = stage.github.head(stage.name, "main")
    sha = stage.push()
    stage.update()

    stage.report(sha, "failure", title.format(sha=sha[:7], old=old[:7]))

    assert stage.seen() == lies


def test_a_superseded_commit_says_by_which(stage):
    old = stage.push()
    new = stage.push()

    stage.report(old, "cancelled", f"Superseded by {new[:7]}")
    assert stage.seen() == []
    stage.report(old, "cancelled", f"Superseded by {'f' * 7}")

    assert stage.seen() == [FALSE_TITLE]


def test_the_newest_commit_is_not_superseded(stage):
    old = stage.push()
    new = stage.push()

    stage.report(new, "cancelled", f"Superseded by {old[:7]}")

    assert stage.seen() == [FALSE_SUPERSEDED, FALSE_TITLE]


def test_a_commit_that_is_the_newest_again_is_not_superseded(stage):
    old = stage.push()
    new = stage.push()
    stage.report(old, "cancelled", f"Superseded by {new[:7]}")
    assert stage.seen() == []
    stage.developer.push("-f", "origin", f"{old}:main")

    stage.report(old, "cancelled", f"Superseded by {new[:7]}")
    stage.report(new, "cancelled", f"Superseded by {old[:7]}")

    assert stage.seen() == [FALSE_SUPERSEDED]


def test_what_has_just_come_back_may_not_be_known_yet(stage):
    stage.witness.slack_seconds = 60
    old = stage.push()
    new = stage.push()
    stage.developer.push("-f", "origin", f"{old}:main")
    stage.update()

    stage.report(old, "cancelled", f"Superseded by {new[:7]}")

    assert stage.seen() == []
    assert FALSE_FAILURE in stage.wrong_at_the_end()  # but it can't stay so


def test_one_report_for_all_workspaces_may_only_be_of_a_superseded_push(stage):
    old = stage.push()
    new = stage.push()
    stage.update()
    plain = {"name": "Brickpush / main", "external_id": MAIN}

    stage.report(old, "cancelled", f"Superseded by {new[:7]}", **plain)
    stage.report(new)
    assert (stage.seen(), stage.wrong_at_the_end()) == ([], [])
    stage.report(new, "success", **plain)
    stage.report(new, "cancelled", **plain)

    assert stage.seen() == [FALSE_SUCCESS, FALSE_SUPERSEDED]


def test_of_two_branches_at_one_commit_each_has_its_own_report(stage):
    stage.developer.push("origin", "HEAD:dev")
    other = stage.add_folder("alan", "dev")
    sha = stage.push("HEAD:main", "HEAD:dev")
    stage.update()

    stage.report(sha, ref=MAIN)
    assert stage.seen() == []
    run = stage.report(sha, ref=DEV)
    assert stage.seen() == [FALSE_SUCCESS]
    stage.update(other, branch="dev")
    stage.report(sha, ref=DEV, run=run)

    assert stage.seen() == [FALSE_SUCCESS]
    assert stage.wrong_at_the_end() == []


def test_a_report_that_could_be_of_both_of_them_is_none(stage):
    sha = stage.push()
    stage.update()
    nameless = {"name": "Brickpush / dev", "external_id": ""}
    run = stage.report(sha, **nameless)
    assert stage.seen() == []
    stage.developer.push("origin", "HEAD:feature")

    stage.report(sha, "neutral", "No Git folder moves for feature", run=run, **nameless)

    assert stage.seen() == [UNIDENTIFIED]
    assert stage.wrong_at_the_end() == [FALSE_FAILURE]


def test_a_push_that_moves_something_has_a_report(stage):
    first = stage.push()
    stage.update()
    assert stage.wrong_at_the_end() == [MISSING]
    run = stage.report(first, None)
    assert stage.wrong_at_the_end() == [LEFT_OPEN]
    stage.report(first, run=run)
    assert stage.wrong_at_the_end() == []

    stage.push()
    second = stage.push()
    stage.update()
    stage.report(second)

    assert stage.wrong_at_the_end() == [MISSING]  # of the one in between


def test_a_push_that_moves_nothing_has_none(stage):
    sha = stage.push()
    stage.update()
    stage.report(sha)
    stage.developer.push("origin", "HEAD:dev")
    stage.workspace.switch_branch(stage.path, "dev")

    assert stage.wrong_at_the_end() == []


def test_a_push_that_was_taken_back_before_anything_moved_has_none(stage):
    old = stage.promote()
    stage.push()
    stage.developer.push("-f", "origin", f"{old}:main")
    assert stage.wrong_at_the_end() == []

    stage.push()
    stage.update()

    assert stage.wrong_at_the_end() == [MISSING, MISSING]  # as it has moved in the end


def test_a_push_whose_git_folders_a_person_took_away_needs_none(stage):
    stage.push()
    stage.workspace.move_git_folder(stage.path, f"/Repos/frozen/{stage.path[-3:]}")
    stage.push()

    assert stage.wrong_at_the_end() == []


def test_in_the_end_every_git_folder_is_at_its_head(stage):
    sha = stage.push()
    stage.report(sha, "failure", "Not promoted")
    assert stage.wrong_at_the_end() == [BEHIND, FALSE_FAILURE]

    stage.update()
    assert stage.wrong_at_the_end() == [FALSE_FAILURE]


@pytest.mark.parametrize("conclusion", ["failure", "neutral", "cancelled", "action_required"])
def test_in_the_end_the_newest_commit_has_succeeded(stage, conclusion):
    stage.witness.slack_seconds = 60
    sha = stage.push()
    stage.update()
    run = stage.report(sha, conclusion)
    assert stage.wrong_at_the_end() == [FALSE_FAILURE]

    stage.report(sha, run=run)

    assert stage.wrong_at_the_end() == []


def test_a_check_run_that_there_is_twice_is_counted(stage):
    sha = stage.push()
    stage.update()
    stage.report(sha)
    stage.report(sha, ref=DEV, external_id="refs/heads/dev dev")
    assert MADE_TWICE not in stage.wrong_at_the_end()

    stage.report(sha)

    assert stage.wrong_at_the_end() == [MADE_TWICE]


def test_a_branch_that_is_gone_asks_for_nothing_and_one_that_comes_again_does(stage):
    stage.push("HEAD:dev")
    path = stage.add_folder("alan", "dev")
    sha = stage.push("HEAD:dev")
    stage.update(path, branch="dev")
    stage.report(sha, ref=DEV)
    stage.developer.push("origin", ":dev")
    assert stage.wrong_at_the_end() == []

    stage.push("HEAD:dev")

    assert stage.wrong_at_the_end() == [BEHIND, MISSING]


def test_git_folders_may_follow_tags(stage):
    stage.developer.git("tag", "v1.0")
    stage.developer.push("origin", "v1.0")
    path = stage.add_folder("tags", tag="v1.0")
    sha = stage.promote()
    stage.developer.git("tag", "-a", "-m", "Release", "v1.1")
    stage.developer.push("origin", "v1.1")
    tag = {"ref": "refs/tags/v1.1"}

    run = stage.report(sha, **tag)
    assert (stage.seen(), stage.wrong_at_the_end()) == ([FALSE_SUCCESS], [BEHIND])
    stage.update(path, tag="v1.1")
    stage.report(sha, run=run, **tag)

    assert (stage.seen(), stage.wrong_at_the_end()) == ([FALSE_SUCCESS], [])


def test_a_lower_tag_moves_nothing_and_needs_no_report(stage):
    stage.developer.git("tag", "v1.0")
    stage.promote()
    stage.developer.git("tag", "v1.1")
    stage.developer.push("origin", "v1.1")
    stage.add_folder("tags", tag="v1.1")
    stage.developer.push("origin", "v1.0")

    assert stage.wrong_at_the_end() == []


def test_a_git_folder_that_leads_to_another_repository_follows_that(stage):
    other = stage.github.add_repository(f"{stage.name}-other")
    stage.workspace.point_git_folder(stage.path, other.clone_url, source=other.path)
    sha = stage.push()

    stage.report(sha)

    assert stage.seen() == [STRAY, FALSE_SUCCESS]
    assert stage.wrong_at_the_end() == [BEHIND, MISSING]  # of the other repository


def test_a_git_folder_with_a_former_name_in_its_url_follows_still(stage):
    stage.github.rename_repository(stage.name, f"{stage.name.partition('/')[2]}-new")
    stage.name += "-new"
    sha = stage.push()

    stage.report(sha)

    assert stage.seen() == [FALSE_SUCCESS]


@pytest.mark.parametrize(("seconds", "lies"), [(60, []), (0, [FALSE_SUCCESS])])
def test_what_a_person_does_while_it_is_reported_is_no_lie(stage, seconds, lies):
    other = stage.add_folder("alan")
    stage.workspace.switch_branch(other, "dev")
    sha = stage.push()
    stage.update()
    stage.witness.hands_seconds = stage.witness.discovery_seconds = seconds
    stage.workspace.switch_branch(other, "main")  # which is behind there
    stage.workspace.switch_branch(stage.path, "mine")

    stage.report(sha, title=f"1 of 1 Git folder at {sha[:7]}")

    assert stage.seen() == lies


@pytest.mark.parametrize(("seconds", "lies"), [(60, []), (0, [FALSE_SUCCESS])])
def test_what_a_person_has_just_taken_away_may_be_counted_still(stage, seconds, lies):
    sha = stage.push()
    stage.update()
    stage.witness.hands_seconds = seconds
    stage.workspace.switch_branch(stage.path, "mine")

    stage.report(sha, title=f"1 of 1 Git folder at {sha[:7]}")

    assert stage.seen() == lies


@pytest.mark.parametrize(("seconds", "lies"), [(60, []), (0, [FALSE_SUCCESS])])
def test_a_git_folder_that_has_just_begun_to_follow_may_not_be_known(stage, seconds, lies):
    stage.witness.discovery_seconds = seconds
    sha = stage.push()
    stage.update()
    other = stage.add_folder("alan")
    stage.workspace.switch_branch(other, "mine")
    sha = stage.push()
    stage.update()
    stage.workspace.switch_branch(other, "main")

    stage.report(sha, title=f"1 of 1 Git folder at {sha[:7]}")

    assert stage.seen() == lies


def test_a_git_folder_that_began_to_follow_just_before_the_promotion_may_not_be_known(stage):
    other = stage.add_folder("alan")
    stage.workspace.switch_branch(other, "mine")
    sha = stage.push()
    stage.update()
    before = time.monotonic()
    stage.workspace.switch_branch(other, "main")
    run = stage.report(sha, None)
    gap = time.monotonic() - before
    stage.witness.discovery_seconds = gap

    wait_until(lambda: time.monotonic() > before + 3 * gap, what="a promotion that takes longer")
    stage.report(sha, title=f"1 of 1 Git folder at {sha[:7]}", run=run)

    assert stage.seen() == []


def test_a_superseded_push_is_asked_for_only_where_the_git_folder_was_known(stage):
    stage.add_folder("alan")
    stage.workspace.delete_git_folder(stage.path)
    stage.push()
    sha = stage.push()
    stage.update(f"/Repos/alan/{stage.name.partition('/')[2]}")
    stage.report(sha)
    assert stage.wrong_at_the_end() == []
    stage.witness.wait_until_settled(seconds=5, quiet=0)

    stage.push()
    sha = stage.push()
    stage.update(f"/Repos/alan/{stage.name.partition('/')[2]}")
    stage.report(sha)

    assert stage.wrong_at_the_end() == [MISSING]


def test_who_waits_for_the_end_is_told_what_is_missing_and_what_was_done(stage):
    stage.push()

    with pytest.raises(AssertionError) as failed:
        stage.witness.wait_until_settled(seconds=0.1, quiet=0, told=lambda: "1. a push")

    assert "not settled within 0.1 s: 1 behind, 1 missing reports" in str(failed.value)
    assert f"{stage.path} is at" in str(failed.value)
    assert str(failed.value).endswith("1. a push")


def test_what_is_known_already_is_not_held_against_anybody(stage):
    sha = stage.push()
    stage.report(sha)
    stage.update()
    known = set(stage.witness.all_faults())

    stage.witness.wait_until_settled(seconds=5, quiet=0, known=known)
    stage.witness.check(known=known)
    with pytest.raises(AssertionError, match="1 false successes"):
        stage.witness.check()
    assert columns(stage.witness.all_faults())["false successes"] == 1


@pytest.mark.parametrize(("seconds", "lies"), [(60, []), (0, [RULE_BROKEN])])
def test_where_a_rule_leaves_a_git_folder_alone_it_stays(stage, seconds, lies):
    stage.witness.work.sent_seconds = seconds
    path = f"/Repos/frozen/{stage.name.partition('/')[2]}"
    stage.workspace.move_git_folder(stage.path, path)
    stage.push()

    stage.update(path)

    assert stage.seen() == lies


def test_edits_that_come_along_and_commits_that_stay_are_not_lost(stage):
    stage.workspace.write_file(stage.path, "notes.md", "mine\n")
    stage.push()
    assert stage.update() == 200
    stage.workspace.commit_in_folder(stage.path, {"notes.md": "mine\n"}, "Keep")
    stage.push()
    assert stage.update() == 409
    stage.workspace.write_file(stage.path, "more.md", "dropped by its owner\n")
    stage.workspace.discard_edits(stage.path)

    stage.update()

    assert stage.seen() == []


def test_edits_that_vanish_are_a_fault(stage):
    stage.workspace.write_file(stage.path, "notes.md", "mine\n")

    stage.update(branch="main", dangerously_force_discard_all=True)
    stage.update()

    assert stage.seen() == [WORK_LOST, WORK_LOST]  # nothing allowed it, and it is gone
    assert columns(stage.witness.faults)["work lost"] == 2


def test_edits_may_vanish_where_a_rule_says_so_but_not_beside_commits(stage):
    path = stage.add_folder("mirror")
    stage.workspace.write_file(path, "notes.md", "mine\n")
    stage.update(path, branch="main", dangerously_force_discard_all=True)
    assert stage.seen() == []
    stage.workspace.commit_in_folder(path, {"kept.md": "mine\n"}, "Keep")
    stage.workspace.write_file(path, "notes.md", "mine\n")
    stage.push()

    stage.update(path, branch="main", dangerously_force_discard_all=True)

    assert stage.seen() == [WORK_LOST]


def test_a_commit_that_no_branch_has_any_more_is_lost(stage):
    stage.workspace.commit_in_folder(stage.path, {"kept.md": "mine\n"}, "Keep")
    clone = stage.workspace.directory_of(stage.path)
    Developer.git(_At(clone, stage.developer), "reset", "-q", "--hard", "HEAD~1")

    stage.update()

    assert stage.seen() == [WORK_LOST]


class _At:
    """A place where a developer's git may run."""

    def __init__(self, directory, developer):
        self.directory, self.environ = directory, developer.environ
