"""Calls over real sockets to something that answers wrongly."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading

import pytest
from builders import StillClock
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from promotion.errors import ApiError, BrokenAnswerError, UnreachableError
from promotion.http import CODE_LENGTH, Http, open_session
from promotion.throttle import AdaptiveLimiter
from sandbox.certificates import make_certificate
from sandbox.faults import HTML, Faults
from sandbox.serving import Listener

# Tokens as a server may quote them back.
SECRETS = [
    "ghs_123456_eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiIxMjM0NTYifQ.c2lnbmF0dXJl-_x",
    "dapi0123456789abcdef0123456789abcdef-2",
    "eyJhbGciOiJSUzI1NiJ9.eyJhdWQiOiIyZmY4MTRhNiJ9.c2lnbmF0dXJl",
]


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


@pytest.mark.parametrize(("method", "sent"), [("PATCH", 1), ("POST", 1), ("GET", 4)])
def test_a_write_whose_connection_broke_off_inside_tls_is_not_sent_again(tmp_path, method, sent):
    certificate, heard = make_certificate(tmp_path), []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.chain_path, certificate.key_path)
    body = {} if method == "GET" else {"json": {"x": "y" * 10_000_000}}

    def break_each_off(server):
        with contextlib.suppress(OSError):
            while True:
                connection = context.wrap_socket(server.accept()[0], server_side=True)
                heard.append(connection.recv(64).split(b" ")[0].decode())
                # Without TLS's own goodbye, while the client still sends.
                socket.socket(fileno=connection.detach()).close()

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=break_each_off, args=(server,))
        thread.start()
        with open_session(str(certificate.ca_path)) as session:
            http = Http(f"https://127.0.0.1:{server.getsockname()[1]}", session=session)
            with pytest.raises(BrokenAnswerError, match=r"closed without an answer|was reset"):
                http.call(method, "/thing", **body)
        server.shutdown(socket.SHUT_RDWR)
        thread.join(10)

    assert heard == [method] * sent


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


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize(
    "quoted",
    [
        lambda secret: {"message": f"the token {secret} is not valid"},
        lambda secret: {"error_code": f"BAD {secret}", "message": "no"},
        lambda secret: {"error": f"the token {secret} is not valid"},
        lambda secret: {"detail": f"the token {secret} is not valid"},
        lambda secret: f"BAD_REQUEST: the token {secret} is not valid",
        lambda secret: f"<html><title>no {secret}</title></html>",
        lambda secret: {"message": "x" * 380 + f" {secret}"},
    ],
)
@pytest.mark.parametrize("method", ["GET", "PATCH"])
def test_an_api_that_quotes_a_token_back_has_it_shown_to_nobody(api, http, method, quoted, secret):
    api.faults.add(status=400, body=quoted(secret), times=None)

    with pytest.raises(ApiError) as raised:
        http.call(method, "/thing", json={})

    told = f"{raised.value} {raised.value!r} {raised.value.message} {raised.value.error_code}"
    assert secret[:16] not in told
    assert "[hidden]" in told or "x" * 380 in told


def test_an_error_code_of_any_length_is_cut(api, http):
    api.faults.add(status=400, body={"error_code": "X" * 10_000})

    with pytest.raises(ApiError) as raised:
        http.call("GET", "/thing")

    assert raised.value.error_code == "X" * CODE_LENGTH


class Looks:
    """Notes at which time it was called, and may raise."""

    def __init__(self, clock):
        self.clock, self.at, self.error = clock, [], None

    def __call__(self):
        self.at.append(self.clock.time())
        if self.error is not None:
            raise self.error


def test_a_check_is_made_before_each_sending_and_after_each_wait(api):
    clock = StillClock()
    look = Looks(clock)
    api.faults.add(status=429, headers={"Retry-After": "7"}, times=2)
    with open_session(None) as session:
        http = Http(api.listener.url, session=session, limiter=AdaptiveLimiter(clock))

        http.call("PATCH", "/thing", json={}, check=look)

    assert (look.at, api.calls) == ([0.0, 7.0, 14.0], ["PATCH"])


def test_a_check_that_raises_keeps_the_call_from_being_sent(api):
    look = Looks(StillClock())
    look.error = LookupError("moved")
    with open_session(None) as session:
        http = Http(api.listener.url, session=session, limiter=AdaptiveLimiter(look.clock, cap=1))

        for _ in range(2):  # and its place among the calls is free again
            with pytest.raises(LookupError):
                http.call("PATCH", "/thing", json={}, check=look)

    assert api.calls == []
