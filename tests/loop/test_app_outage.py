"""Three and a half days without the service: what GitHub's log still holds, and what it has lost.

The clocks of GitHub and of the service are moved on together.
"""

from __future__ import annotations

import pytest
from app_world import FAST, commit, completed, counted, fill, heads, settled, wait_for_heads
from nobody import NOBODY
from running import Developer, running_service, wait_until

from sandbox import world
from sandbox.sandbox import Options, open_sandbox

DAY = 24 * 3600.0
OUTAGE = 3.5  # days; GitHub's log goes back three
LAKE = "octo-org/lake"
BRANCHES = [(world.MAIN, "main"), (world.MAIN, "dev"), (LAKE, "main"), (LAKE, "release")]
IN_LOG = "found in the App's log of deliveries"
BY_COMPARING = "found by comparing the branch on GitHub with the Git folders"


@pytest.fixture
def sandbox(tmp_path):
    """Two repositories, and in each workspace a Git folder for each of their branches."""
    with open_sandbox(tmp_path / "sandbox", Options(empty=True)) as opened:
        opened.github.add_repository(LAKE)
        commit(opened, 0, repository=LAKE, branch="release")
        for repository, branch in BRANCHES:
            fill(opened, repository=repository, branch=branch, people=("ada",))
        yield opened


@pytest.fixture
def push(sandbox, tmp_path):
    """Push one commit at some day of the outage; return it once its delivery has failed."""
    clones = {
        name: Developer(sandbox, tmp_path / name.partition("/")[2], name)
        for name in (world.MAIN, LAKE)
    }

    def at(day, repository, branch):
        github, developer = sandbox.github, clones[repository]
        github.clock_skew = day * DAY
        failed = len(github.deliveries)
        developer.git("checkout", "-q", branch)
        sha = developer.commit(f"{branch}-{day}.txt")
        developer.push()
        wait_until(lambda: len(github.deliveries) > failed, what="the failed delivery")
        return sha

    return at


def folder_of(repository, branch):
    return f"{repository.rpartition('/')[2]}-{branch}"


def pushed_over_three_days(push):
    """Return each branch's newest commit, and how it can be found."""
    first = [push(0.1, *where) for where in BRANCHES]
    assert len(set(first)) == len(BRANCHES)
    return {
        (world.MAIN, "main"): (first[0], BY_COMPARING),
        (world.MAIN, "dev"): (push(1.5, world.MAIN, "dev"), IN_LOG),
        (LAKE, "main"): (push(0.2, LAKE, "main"), BY_COMPARING),
        (LAKE, "release"): ([push(day, LAKE, "release") for day in (1.6, 3.4)][-1], IN_LOG),
    }


@pytest.mark.slow
@pytest.mark.parametrize(
    "ran_before",
    [False, True],
    ids=["never ran", "read the log before"],
)
def test_after_three_days_every_folder_is_at_its_head_and_each_newest_commit_says_how(
    sandbox, push, ran_before
):
    github = sandbox.github
    if ran_before:
        with running_service(sandbox, **FAST) as service:
            wait_until(lambda: f"/{LAKE}/git/ref" in repr(github.requests), what="a comparison")
            settled(service)
    github.hook_url = f"http://{NOBODY}/"
    newest = pushed_over_three_days(push)
    github.clock_skew = OUTAGE * DAY
    kept = {one.payload["after"] for one in github.app.deliveries.retained() if one.event == "push"}

    with running_service(sandbox, ahead=OUTAGE * DAY, **FAST) as service:
        for where, (sha, _) in newest.items():
            wait_for_heads(sandbox, sha, folder_of(*where))
        found = {where: completed(sandbox, sha) for where, (sha, _) in newest.items()}
        recovered = counted(service, "brickpush_recovered_deliveries_total")

    assert "github.clock_differs" not in service.log.read_text()
    assert {where: sha in kept for where, (sha, _) in newest.items()} == {
        where: how is IN_LOG for where, (_, how) in newest.items()
    }
    assert recovered == len(kept) == 3
    for where, (_, how) in newest.items():
        runs = found[where].values()
        assert {(run.conclusion, how in run.summary) for run in runs} == {("success", True)}, where
    assert heads(sandbox) == {sha for sha, _ in newest.values()}
