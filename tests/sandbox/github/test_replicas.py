"""Reads of REST that are answered by a replica which has not caught up."""

from __future__ import annotations

import pytest

ETL = "/repos/octo-org/etl"


@pytest.fixture
def get(story, rest):
    """Return a function that reads as the App; a 404 or 422 is told by its number."""
    token = rest.token(story.installation_id)

    def read(path):
        answer = rest("GET", ETL + path, token=token)
        return answer.json() if answer.ok else answer.status_code

    read.token = token
    return read


def commit(story, number):
    return story.github.commit("octo-org/etl", "main", {"a": f"{number}\n"}, "Change")


def head(get):
    return get("/git/ref/heads/main")["object"]["sha"]


def report(rest, get, sha, **fields):
    body = {"name": "ours", "head_sha": sha, **fields}
    answer = rest("POST", f"{ETL}/check-runs", token=get.token, json=body)
    assert answer.status_code == 201
    return answer.json()["id"]


def test_a_branch_is_where_it_was_until_the_replicas_catch_up(story, get):
    old = commit(story, 1)
    story.github.replicas.freeze()
    new = commit(story, 2)

    seen = head(get), get(f"/compare/{old}...main")["ahead_by"], get(f"/compare/{old}...{new}")
    story.github.replicas.catch_up()

    assert seen == (old, 0, 404)
    assert head(get) == new
    assert get(f"/compare/{old}...{new}")["ahead_by"] == 1


def test_the_first_reads_may_lag_and_no_more(story, get):
    old = commit(story, 1)
    story.github.replicas.freeze(reads=2)
    new = commit(story, 2)

    assert [head(get) for _ in range(4)] == [old, old, new, new]


def test_check_runs_are_there_later_although_they_can_be_written(story, rest, get):
    sha = commit(story, 1)
    story.github.replicas.freeze()
    number = report(rest, get, sha)
    listed, shown = get(f"/commits/{sha}/check-runs"), get(f"/check-runs/{number}")
    done = {"status": "completed", "conclusion": "success"}
    changed = rest("PATCH", f"{ETL}/check-runs/{number}", token=get.token, json=done)
    story.github.replicas.catch_up()

    assert (listed["total_count"], shown, changed.status_code) == (0, 404, 200)
    assert get(f"/commits/{sha}/check-runs")["check_runs"][0]["conclusion"] == "success"


def test_a_change_of_a_check_run_shows_later(story, rest, get):
    sha = commit(story, 1)
    number = report(rest, get, sha)
    story.github.replicas.freeze()
    done = {"status": "completed", "conclusion": "success"}
    rest("PATCH", f"{ETL}/check-runs/{number}", token=get.token, json=done)

    assert get(f"/check-runs/{number}")["status"] == "queued"
    assert get(f"/commits/{sha}/check-runs")["check_runs"][0]["status"] == "queued"


def test_a_commit_that_has_not_arrived_yet_has_no_list_of_check_runs(story, get):
    story.github.replicas.freeze()
    sha = commit(story, 1)

    assert get(f"/commits/{sha}/check-runs") == 422


def test_a_share_of_the_reads_lags_by_a_while(story, rest, get):
    report(rest, get, commit(story, 1), name="before")
    story.github.replicas.lag(share=0.5, seconds=30.0, seed=2)
    sha = commit(story, 2)
    number = report(rest, get, sha)

    seen = [get(f"/check-runs/{number}") for _ in range(40)]

    assert 10 < seen.count(404) < 30


def test_watchers_are_told_of_every_ref_that_moves(story):
    told = []
    story.github.watch_refs(lambda repository, change: told.append((repository.name, change)))
    sha = commit(story, 1)
    story.github.tag("octo-org/etl", "v1", "main")
    story.git("push", "-q", "-f", "origin", "main", "main:two", cwd=story.work)
    story.git("push", "-q", "origin", ":two", cwd=story.work)
    old = story.git("rev-parse", "main", cwd=story.work)

    assert {name for name, _ in told} == {"etl"}
    zero = "0" * 40
    assert [(change.ref, change.before, change.after) for _, change in told] == [
        ("refs/heads/main", old, sha),
        ("refs/tags/v1", zero, sha),
        ("refs/heads/main", sha, old),
        ("refs/heads/two", zero, old),
        ("refs/heads/two", old, zero),
    ]
