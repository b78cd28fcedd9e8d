"""Wrong, late and missing answers."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from running import wait_until

REPOS = "/api/2.0/repos"


def test_a_fault_strikes_as_often_as_it_is_told(workspace, api):
    fault = workspace.faults.add(path=REPOS, status=429, times=2, headers={"Retry-After": "3"})

    answers = [api.get(REPOS) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [429, 429, 200]
    assert answers[0].headers["Retry-After"] == "3"
    assert answers[0].json() == {
        "error_code": "REQUEST_LIMIT_EXCEEDED",
        "message": "Too Many Requests",
    }
    assert fault.hits == 2
    assert [seen.status for seen in workspace.requests] == [429, 429, 200]


def test_a_fault_strikes_only_what_it_matches(workspace, api, folder_id):
    workspace.faults.add(method="PATCH", path=f"{REPOS}/*", status=503, times=None)

    assert api.get(f"{REPOS}/{folder_id}").status_code == 200
    assert api.update(folder_id, branch="main").status_code == 503
    workspace.faults.clear()
    assert api.update(folder_id, branch="main").status_code == 200


def test_before_nothing_happens_and_after_it_has_happened(workspace, api, remote, folder_id):
    workspace.faults.add(method="PATCH", status=500)
    workspace.faults.add(method="PATCH", status=504, when="after")

    before = api.update(folder_id, branch="main")
    between = workspace.folder("/Repos/team/etl").head_commit_id
    after = api.update(folder_id, branch="main")

    assert (before.status_code, after.status_code) == (500, 504)
    assert between == remote.old
    assert workspace.folder("/Repos/team/etl").head_commit_id == remote.new


def test_a_body_can_be_given(workspace, api):
    workspace.faults.add(status=400, body={"error_code": "BAD_REQUEST", "message": "no"})
    workspace.faults.add(status=500, body="INTERNAL_ERROR: no")

    assert api.get(REPOS).json() == {"error_code": "BAD_REQUEST", "message": "no"}
    assert api.get(REPOS).text == "INTERNAL_ERROR: no"


def test_a_proxys_page_and_an_empty_error(workspace, api):
    workspace.faults.add(status="html")
    workspace.faults.add(status="empty")

    page, empty = api.get(REPOS), api.get(REPOS)

    assert (page.status_code, page.headers["content-type"]) == (502, "text/html")
    assert "<title>502 Bad Gateway</title>" in page.text
    assert (empty.status_code, empty.content) == (500, b"")


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_reset_connection_has_no_answer(workspace, api, remote, folder_id, when):
    workspace.faults.add(method="PATCH", status="reset", when=when)

    with pytest.raises(requests.ConnectionError):
        api.update(folder_id, branch="main")

    seen = workspace.folder("/Repos/team/etl").head_commit_id
    assert seen == {"before": remote.old, "after": remote.new}[when]
    assert workspace.requests[-1].status is None
    assert api.get(REPOS).status_code == 200


def test_a_request_can_hang_until_the_client_gives_up(workspace, api):
    workspace.faults.add(path=REPOS, status="hang")

    with pytest.raises(requests.ReadTimeout):
        api("GET", REPOS, timeout=0.2)

    assert api.get(REPOS).status_code == 200


def test_a_request_hangs_no_longer_than_the_trouble(workspace, api):
    fault = workspace.faults.add(path=REPOS, status="hang", times=None)

    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(api.get, REPOS)
        wait_until(lambda: fault.hits, what="the request")
        workspace.faults.clear()
        with pytest.raises(requests.ConnectionError):
            asked.result(20)

    assert api.get(REPOS).status_code == 200


def test_answers_can_take_time(workspace, api, folder_id):
    workspace.latency.patch = 0.2
    workspace.faults.latency_seconds = 0.1

    started = time.monotonic()
    api.update(folder_id, branch="main")
    updated = time.monotonic()
    api.get(REPOS)

    assert updated - started >= 0.3
    assert time.monotonic() - updated >= 0.1


def test_a_body_can_end_in_the_middle(workspace, api, folder_id):
    workspace.faults.add(path=f"{REPOS}/*", status="half")

    with pytest.raises(requests.exceptions.ChunkedEncodingError, match="IncompleteRead"):
        api.get(f"{REPOS}/{folder_id}")

    assert workspace.requests[-1].status == 200
    assert api.get(f"{REPOS}/{folder_id}").json()["id"] == folder_id


def test_the_right_answer_can_be_late_and_what_was_asked_is_done_all_the_same(
    workspace, api, remote, folder_id
):
    workspace.faults.add(method="PATCH", status="late", seconds=3)
    workspace.faults.add(path=REPOS, status="late", seconds=0.2)

    with pytest.raises(requests.ReadTimeout):
        api.update(folder_id, branch="main", timeout=1)
    started = time.monotonic()
    listed = api.get(REPOS)
    seconds = time.monotonic() - started

    wait_until(lambda: workspace.folder("/Repos/team/etl").head_commit_id == remote.new)
    assert listed.status_code == 200
    assert seconds >= 0.2


def test_a_part_of_the_requests_is_struck_the_same_for_the_same_seed(workspace, api):
    def statuses():
        workspace.faults.clear()
        some = workspace.faults.add(path=REPOS, status=503, times=None, rate=0.3, seed=7)
        rest = workspace.faults.add(path=REPOS, status=429, times=2)
        seen = [api.get(REPOS).status_code for _ in range(40)]
        assert (seen.count(503), seen.count(429)) == (some.hits, rest.hits)
        return seen

    first, second = statuses(), statuses()

    assert first == second
    assert 4 <= first.count(503) <= 20
    assert first.count(429) == 2
    assert 200 in first
