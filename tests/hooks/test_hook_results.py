from __future__ import annotations

import json
import stat
from dataclasses import replace

import pytest

from hooks.foreground import last_failure
from hooks.results.model import Result, State, as_json, from_json, repository_name
from hooks.results.store import KEPT, Results, new_key

TOKEN = "ghp_" + "x" * 36


def a_result(**changes) -> Result:
    values = {
        "key": "1000-1",
        "repository": "octo-org/etl",
        "remote": "origin",
        "url": "https://github.com/octo-org/etl",
        "ref": "refs/heads/main",
        "after": "a" * 40,
        "state": State.DONE,
        "started_at": 1000.0,
    }
    return Result(**{**values, **changes})


def test_a_result_is_read_as_it_was_written(tmp_path):
    results = Results(tmp_path)
    result = a_result(ended_at=1001.5, workspaces=[{"workspace": "dev"}], message="at aaaaaaa")

    results.write(result)

    assert results.read("1000-1") == result
    assert results.all() == [result]
    assert results.latest("octo-org/etl") == result
    assert results.latest("octo-org/other") is None


def test_a_result_is_its_owners_alone_and_holds_no_token(tmp_path):
    results = Results(tmp_path)

    results.write(a_result(message=f"said {TOKEN}", workspaces=[{"outcomes": [{"reason": TOKEN}]}]))

    (path,) = results.directory.glob("*.json")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert TOKEN not in path.read_text()


def test_the_last_twenty_results_are_kept_newest_first(tmp_path):
    results = Results(tmp_path)

    for number in range(KEPT + 5):
        with results.lock(f"{number}-1") as lock:
            assert lock.acquire()
            results.write(a_result(key=f"{number}-1", started_at=float(number)))

    assert [result.started_at for result in results.all()] == [float(n) for n in range(24, 4, -1)]
    assert len(list(results.directory.glob("*.lock"))) == KEPT


def test_a_result_that_somebody_works_on_is_not_settled(tmp_path):
    results = Results(tmp_path)
    running = a_result(state=State.RUNNING)
    results.write(running)

    with results.lock("1000-1") as lock:
        assert lock.acquire()
        assert results.settle(now=2000.0) == []

    (settled,) = results.settle(now=2000.0)
    assert settled == replace(
        running,
        state=State.INTERRUPTED,
        ended_at=2000.0,
        message="the process that promoted was ended before it was done",
        next_step="run `git promote`",
    )
    assert results.settle(now=2001.0) == []


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"key": "1"}', '{"state": "odd"}'], ids=repr)
def test_a_file_that_is_no_result_is_passed_over(tmp_path, text):
    results = Results(tmp_path)
    results.write(a_result())
    (results.directory / "odd.json").write_text(text)

    assert results.all() == [a_result()]


def test_a_result_of_a_later_version_is_read_as_far_as_it_is_known():
    body = {**as_json(a_result()), "colour": "blue"}

    assert from_json(json.loads(json.dumps(body))) == a_result()


def test_keys_sort_by_time():
    assert new_key() <= new_key()


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("git@github.com:Octo-Org/etl.git", "octo-org/etl"),
        ("https://user:secret@github.com/octo-org/etl", "octo-org/etl"),
        ("https://user:secret@host/a/b/c", "https://host/a/b/c"),
        ("file:///srv/etl.git", "file:///srv/etl.git"),
        ("/srv/etl.git", "/srv/etl.git"),
    ],
)
def test_a_repository_is_named_without_secrets(url, name):
    assert repository_name(url) == name


def test_a_notice_is_taken_once(tmp_path):
    last_failure.leave(str(tmp_path), "octo-org/etl refs/heads/main", "it \x1b[31mfailed\n badly")

    assert last_failure.take(str(tmp_path)) == "it [31mfailed badly"
    assert last_failure.take(str(tmp_path)) == ""


def test_a_notice_is_withdrawn_by_a_success_of_the_same_ref_only(tmp_path):
    last_failure.leave(str(tmp_path), "octo-org/etl refs/heads/main", "it failed")

    last_failure.withdraw(str(tmp_path), "octo-org/etl refs/heads/dev")
    assert (tmp_path / "last-failure").exists()
    last_failure.withdraw(str(tmp_path), "octo-org/etl refs/heads/main")
    assert last_failure.take(str(tmp_path)) == ""
