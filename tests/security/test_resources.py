"""What one sender may use up: every limit through a real socket."""

from __future__ import annotations

import contextlib
import time

import pytest
from security.webhook_service import PATH, WebhookService, a_body, headers_of, received

from github_app.server.limits import HEADER_BYTES, LimitedHttp
from github_app.webhooks import endpoint
from github_app.webhooks.delivery import MAX_BODY_BYTES

HEAD = f"POST {PATH} HTTP/1.1\r\nHost: x\r\n".encode()


def status_of(answer):
    return int(answer.split()[1])


def still_serves(service):
    return service.post(a_body(), headers_of(a_body()))[0] == 202


@pytest.fixture
def hasty(monkeypatch):
    """A service whose times are short."""
    monkeypatch.setattr(LimitedHttp, "header_seconds", 0.3)
    monkeypatch.setattr(endpoint, "READ_SECONDS", 0.3)
    service = WebhookService(connections=4)
    yield service
    service.stop()


@pytest.mark.parametrize(
    "header",
    [
        pytest.param(b"X: " + b"x" * HEADER_BYTES * 4, id="one field that does not end"),
        pytest.param(b"X: " + b"x" * HEADER_BYTES + b"\r\n\r\n", id="one field"),
        pytest.param(b"X: y\r\n" * HEADER_BYTES + b"\r\n", id="many fields"),
    ],
)
def test_a_header_is_of_a_limited_size(service, header, monkeypatch):
    monkeypatch.setattr(LimitedHttp, "header_seconds", 600.0)  # it is not that which ends it
    with service.connect() as connection:
        with contextlib.suppress(ConnectionError):  # it did not even read all of it
            connection.sendall(HEAD + header)
        answer = received(connection)

    assert not answer or status_of(answer) == 400
    assert still_serves(service)


def test_an_address_is_of_a_limited_size(service):
    with service.connect(
        b"GET /" + b"x" * HEADER_BYTES + b" HTTP/1.1\r\nHost: x\r\n\r\n"
    ) as sender:
        assert status_of(received(sender)) == 400


@pytest.mark.parametrize("sent", [b"", b"POST", HEAD, b"\r\n"])
def test_a_header_that_does_not_come_ends_the_connection(hasty, sent):
    with hasty.connect(sent) as connection:
        assert received(connection) == b""


def drip(connection, drop):
    """Send *drop* again and again until the server ends the connection; return what it said."""
    answer, began = b"", time.monotonic()
    connection.settimeout(0.05)
    with contextlib.suppress(ConnectionError):
        while time.monotonic() - began < 5:
            connection.sendall(drop)
            with contextlib.suppress(TimeoutError):
                said = connection.recv(1000)
                if not said:
                    return answer
                answer += said
        raise AssertionError("the connection goes on")
    return answer


@pytest.mark.parametrize("begun", [b"", HEAD])
def test_a_header_that_drips_in_ends_the_connection(hasty, begun):
    with hasty.connect(begun) as connection:
        assert drip(connection, b"\r\n" if not begun else b"X: y\r\n") == b""


def test_a_body_that_does_not_come_is_answered_and_the_connection_ends(hasty):
    with hasty.connect(HEAD + b"Content-Length: 100\r\n\r\nhalf") as connection:
        answer = received(connection)

    assert status_of(answer) == 408


def test_who_was_answered_in_the_middle_of_a_body_is_not_listened_to_for_long(hasty):
    request = b"GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n"
    with hasty.connect(request) as connection:
        answer = drip(connection, b"x")

    assert status_of(answer) == 200


def test_a_body_is_of_a_limited_size(service):
    with service.connect(HEAD + f"Content-Length: {MAX_BODY_BYTES + 1}\r\n\r\n".encode()) as sender:
        assert status_of(received(sender)) == 413


def test_large_bodies_wait_for_each_other_and_small_ones_do_not(service):
    size = endpoint.LARGE_BODY_BYTES + 1
    begun = HEAD + f"Content-Length: {size}\r\nX-GitHub-Delivery: x\r\n\r\n".encode()
    held = [service.connect(begun + b"x") for _ in range(endpoint.LARGE_BODIES_AT_ONCE)]
    try:
        with service.connect(begun + b"x" * size) as one_more:
            one_more.settimeout(0.5)
            with pytest.raises(TimeoutError):
                one_more.recv(1)
            small = still_serves(service)
            held.pop().close()  # its place is free again
            one_more.settimeout(20)
            answer = one_more.recv(1000)
    finally:
        for connection in held:
            connection.close()

    assert small
    assert status_of(answer) == 401


def test_connections_beyond_the_limit_are_turned_away_and_the_others_served(hasty):
    held = [hasty.connect() for _ in range(6)]
    try:
        held[-1].sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        refused = status_of(received(held[-1]))
    finally:
        for connection in held:
            received(connection)  # until they are ended for want of a header
            connection.close()

    assert refused == 503
    assert still_serves(hasty)


@pytest.mark.parametrize("open_mark", [b"[", b'{"a":'])
def test_json_of_any_depth_is_the_senders_error(service, open_mark):
    body = open_mark * 200_000

    status, _ = service.post(body, headers_of(body))

    assert status == 400
    assert still_serves(service)


@pytest.mark.parametrize("number", ["1" * 5000, "1e400", "-0", "9" * 25])
def test_absurd_numbers_are_the_senders_error_or_left_aside(service, number):
    body = a_body().replace(b"1700000000", number.encode())

    status, _ = service.post(body, headers_of(body))

    assert status in (202, 400)
    assert all(
        delivery.push.pushed_at is None or delivery.push.pushed_at < 2**63
        for delivery in service.intake.deliveries
    )
