"""Re-run, where two branches are at one commit: each has a promotion of its own."""

from __future__ import annotations

import contextlib
import sqlite3

import pytest
from app_world import (
    FAST,
    checks,
    commit,
    completed,
    counted,
    fill,
    heads,
    post,
    push_payload,
    settled,
    wait_for_heads,
)
from running import running_service, wait_until
from variants import slow_after

from sandbox import world
from sandbox.github.git import git
from sandbox.sandbox import Options, open_sandbox

FINISHED = 'brickpush_runs_total{ending="finished"}'
NEVER = {**FAST, "BRICKPUSH_RECONCILE_SECONDS": "3600"}
MAIN, DEV = "refs/heads/main", "refs/heads/dev"


@pytest.fixture
def sandbox(tmp_path):
    with open_sandbox(tmp_path / "sandbox", Options(empty=True)) as opened:
        fill(opened)
        fill(opened, branch="dev")
        yield opened


@pytest.fixture
def service(sandbox):
    with running_service(sandbox, **NEVER) as running:
        yield running


@pytest.fixture
def both(sandbox, service):
    """The commit to which main and dev were pushed, one after the other."""
    before = sandbox.github.head(world.MAIN, "main")
    sha = commit(sandbox, 1)
    git.run(sandbox.github.repository(world.MAIN).path, "update-ref", DEV, sha)
    post(sandbox, service, push_payload(sandbox, before, sha))
    post(sandbox, service, push_payload(sandbox, before, sha, branch="dev"))
    wait_for_heads(sandbox, sha)
    completed(sandbox, sha)
    settled(service)
    return sha


def outcomes(service, ref):
    """Return the seqs of which something is kept for a branch, each with how many Git folders.

    A report on a commit replaces the earlier one of the same branch.
    """
    query = "select seq, count(*) from outcomes where ref = ? group by seq order by seq"
    with contextlib.closing(sqlite3.connect(service.directory / "brickpush.sqlite")) as reader:
        return dict(reader.execute(query, (ref,)).fetchall())


def press(sandbox, service, sha, *, event="check_run", **check):
    """Deliver what a press on "Re-run" sends: the same bytes each time."""
    app = {"id": sandbox.github.app_id, "slug": sandbox.github.app_slug}
    payload = push_payload(sandbox, "0" * 40, sha, pushed_at=1_700_000_000)
    payload |= {"action": "rerequested", event: {"head_sha": sha, "app": app, **check}}
    return post(sandbox, service, payload, event=event)


def test_a_rerun_of_one_branchs_check_is_that_branchs_alone(sandbox, service, both):
    before, finished = outcomes(service, MAIN), counted(service, FINISHED)
    [old] = outcomes(service, DEV)

    press(sandbox, service, both, external_id=f"{DEV} prod")

    wait_until(lambda: counted(service, FINISHED) > finished, what="the run")
    settled(service)
    assert counted(service, FINISHED) == finished + 1
    assert outcomes(service, MAIN) == before
    [new] = outcomes(service, DEV)
    assert old < new


@pytest.mark.parametrize(
    ("event", "check"),
    slow_after(
        1,
        [
            pytest.param("check_suite", {}, id="all checks of the commit"),
            pytest.param("check_run", {}, id="a check of an older release"),
            pytest.param("check_run", {"external_id": "refs/heads/.. dev"}, id="an odd one"),
        ],
    ),
)
def test_a_rerun_of_all_gives_each_branch_a_promotion_of_its_own(
    sandbox, service, both, event, check
):
    finished = counted(service, FINISHED)
    old = {**outcomes(service, MAIN), **outcomes(service, DEV)}

    press(sandbox, service, both, event=event, **check)

    wait_until(lambda: counted(service, FINISHED) >= finished + 2, what="both runs")
    settled(service)
    kept = outcomes(service, MAIN), outcomes(service, DEV)
    assert [list(each.values()) for each in kept] == [[4], [4]]
    assert max(old) < min({**kept[0], **kept[1]})


def test_pressed_twice_it_runs_twice(sandbox, service, both):
    finished = counted(service, FINISHED)
    seen = [*outcomes(service, MAIN)]

    for number in (1, 2):
        answer = press(sandbox, service, both, external_id=f"{MAIN} dev")
        assert answer[1]["status"] == "accepted"
        wait_until(lambda n=number: counted(service, FINISHED) == finished + n, what="the run")
        settled(service)
        seen += outcomes(service, MAIN)

    assert seen == sorted(set(seen))


def test_a_rerun_of_a_branch_that_is_elsewhere_names_its_newest(sandbox, service, both):
    sha = commit(sandbox, 2, branch="dev")
    post(sandbox, service, push_payload(sandbox, both, sha, branch="dev"))
    wait_for_heads(sandbox, sha, "dev")
    settled(service)
    kept, finished = outcomes(service, MAIN), counted(service, FINISHED)

    press(sandbox, service, both, external_id=f"{DEV} dev")

    wait_until(
        lambda: any(
            run.title == f"Superseded by {sha[:7]}" for run in checks(sandbox, both, DEV).values()
        ),
        what="the answer on the check",
    )
    settled(service)
    assert counted(service, FINISHED) == finished
    assert (outcomes(service, MAIN), heads(sandbox, "main")) == (kept, {both})


def test_a_rerun_of_an_annotated_tags_check_is_the_tags(sandbox, service):
    path = sandbox.github.repository(world.MAIN).path
    git.run(path, "tag", "-a", "-m", "Version 2", "v2", "main")
    tag, sha = (git.run(path, "rev-parse", name).decode().strip() for name in ("v2", "v2^{}"))
    payload = push_payload(sandbox, "0" * 40, tag) | {"ref": "refs/tags/v2"}
    post(sandbox, service, payload)
    wait_until(lambda: counted(service, FINISHED) == 1, what="the tag's run")
    settled(service)

    press(sandbox, service, sha, external_id="refs/tags/v2 dev")

    wait_until(lambda: counted(service, FINISHED) == 2, what="the tag's next run")
