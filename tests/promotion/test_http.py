"""Calls over real sockets to something that answers wrongly."""

from __future__ import annotations

import pytest
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from promotion.errors import ApiError, BrokenAnswerError, UnreachableError
from promotion.http import Http, open_session
from sandbox.faults import HTML, Faults
from sandbox.serving import Listener


class Api:
    """An API with one thing in it."""

    def __init__(self):
        self.faults, self.calls = Faults(), []
        self.listener = Listener(None)
        routes = [
            Route("/thing", self._thing, methods=["GET", "PATCH"]),
        ]
        self.listener.serve(self.faults.wrap(Starlette(routes=routes)))

    async def _thing(self, request):
        self.calls.append(request.method)
        await request.body()  # who closes without having read it all resets the connection
        return JSONResponse({"id": 7})


@pytest.fixture(scope="module")
def running_api():
    api = Api()
    yield api
    api.listener.close()


@pytest.fixture
def api(running_api):
    running_api.faults.clear()
    running_api.calls.clear()
    return running_api


@pytest.fixture
def http(api):
    with open_session(None) as session:
        yield Http(api.listener.url, session=session)


@pytest.mark.parametrize("status", ["half", "reset", "html", "empty", 500, 504])
def test_a_read_that_broke_is_sent_again(api, http, status):
    fault = api.faults.add(status=status)

    answer = http.call("GET", "/thing")

    assert (answer.body, fault.hits) == ({"id": 7}, 1)


def test_an_answer_that_always_ends_in_the_middle_is_an_error(api, http):
    api.faults.add(status="half", times=None)

    with pytest.raises(BrokenAnswerError, match="failed: the answer ended in the middle"):
        http.call("GET", "/thing")


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ({"status": "half"}, "failed: the answer ended in the middle"),
        ({"status": "reset"}, "failed: the connection was (reset|closed without an answer)"),
        ({"status": "reset", "when": "after"}, "failed: the connection was (reset|closed)"),
        ({"status": 200, "body": HTML, "when": "after"}, "answered 200 without JSON"),
    ],
)
def test_a_write_whose_answer_was_lost_is_not_sent_again(api, http, fault, reason):
    struck = api.faults.add(method="PATCH", **fault)

    with pytest.raises(BrokenAnswerError, match=reason):
        http.call("PATCH", "/thing", json={})

    assert struck.hits == 1
    assert len(api.calls) <= 1


@pytest.mark.parametrize(
    ("method", "body"),
    [
        ("GET", ""),
        ("POST", ""),
        *((method, body) for method in ("GET", "PATCH") for body in (HTML, '{"id": ')),
    ],
)
def test_a_success_that_says_nothing_is_none(api, http, method, body):
    api.faults.add(status=200, body=body, times=None)

    with pytest.raises(BrokenAnswerError) as told:
        http.call(method, "/thing")

    assert str(told.value) == (
        f"{method} {api.listener.url}/thing answered 200 without JSON: "
        "does something else answer in its place?"
    )


@pytest.mark.parametrize("status", [200, 204])
def test_a_change_may_be_answered_with_nothing(api, http, status):
    api.faults.add(status=status, body="", times=2)

    assert http.call("PATCH", "/thing").body == {}
    assert http.call("DELETE", "/thing").body == {}


def test_who_refuses_connections_was_never_asked(api, http):
    with api.listener.refusing(), pytest.raises(UnreachableError) as told:
        http.call("PATCH", "/thing", json={})

    assert type(told.value) is UnreachableError
    assert str(told.value) == f"PATCH {api.listener.url}/thing failed: the connection was refused"
    assert http.call("GET", "/thing").body == {"id": 7}


@pytest.mark.parametrize("status", [429, 503])
def test_who_is_asked_to_wait_is_told_for_how_long(api, http, status):
    api.faults.add(status=status, headers={"Retry-After": "3"})

    with pytest.raises(ApiError) as told:
        http.call("GET", "/thing")

    assert (told.value.throttled, told.value.retry_after) == (True, 3.0)
