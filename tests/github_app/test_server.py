from __future__ import annotations

import contextlib
import http.client
import json
import socket
import threading
from contextlib import closing
from urllib.parse import urlencode, urlsplit

import pytest
import structlog
from running import wait_until

from github_app.runtime.metrics import Metrics
from github_app.server.http import build_server, create_app
from github_app.webhooks import endpoint
from github_app.webhooks.delivery import MAX_BODY_BYTES
from github_app.webhooks.inbox import IntakeUnavailable, Stored

SECRET = "It's a Secret to Everybody"
PATH = "/webhooks/github"


class InMemoryIntake:
    """Keeps deliveries in a list; unavailable on demand."""

    def __init__(self):
        self.deliveries = []
        self.available = True

    async def store(self, delivery):
        if not self.available:
            raise IntakeUnavailable("the database can't be written")
        known = any(delivery.guid == other.guid for other in self.deliveries)
        self.deliveries.append(delivery)
        return Stored.DUPLICATE if known else Stored.ACCEPTED


class Service:
    """The HTTP side of the service, on a free port."""

    def __init__(self):
        self.intake = InMemoryIntake()
        self.problems = {}
        self.metrics = Metrics()
        app = create_app(
            intake=self.intake,
            secrets=["new secret", SECRET],
            metrics=self.metrics,
            ready=lambda: self.problems,
        )
        urls = []
        self._server = build_server(app, host="127.0.0.1", port=0, on_listening=urls.append)
        self._thread = threading.Thread(target=self._server.run)
        self._thread.start()
        self.address = urlsplit(wait_until(lambda: urls, what="the URL")[0])

    def forget(self):
        self.intake.deliveries.clear()
        self.intake.available = True
        self.problems.clear()

    def counted(self, sample):
        lines = self.metrics.render().decode().splitlines()
        return sum(float(line.split()[-1]) for line in lines if line.startswith(sample))

    def stop(self):
        self._server.should_exit = True
        self._thread.join()

    def request(self, method, path, body=None, headers=None):
        connection = http.client.HTTPConnection(self.address.hostname, self.address.port)
        with closing(connection):
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.read()

    def post(self, body, headers):
        status, content = self.request("POST", PATH, body, headers)
        return status, json.loads(content)

    def connect(self):
        return socket.create_connection((self.address.hostname, self.address.port), timeout=10)


@pytest.fixture(scope="module")
def running_service():
    service = Service()
    yield service
    service.stop()


@pytest.fixture
def service(running_service):
    running_service.forget()
    return running_service


def read_answer(connection):
    """Return the status, and whether the server closed the connection after it."""
    received = b""
    try:
        while chunk := connection.recv(65536):
            received += chunk
    except ConnectionResetError:
        pass
    return int(received.split()[1]), b"connection: close" in received.lower()


def test_a_push_is_stored_and_then_accepted(service, a_body, signed):
    body = a_body()

    with structlog.testing.capture_logs() as logged:
        answer = service.post(body, signed(body, guid="g-1"))

    assert answer == (202, {"guid": "g-1", "status": "accepted"})
    assert [delivery.push.push.after for delivery in service.intake.deliveries] == ["0" * 39 + "2"]
    assert logged == [
        {
            "event": "delivery.stored",
            "log_level": "info",
            "status": "accepted",
            "guid": "g-1",
            "github_event": "push",
            "repository": "octo-org/etl",
            "ref": "refs/heads/main",
            "after": "0" * 39 + "2",
        }
    ]


def test_a_form_encoded_push_is_accepted_too(service, a_body, signed):
    body = urlencode({"payload": a_body()}).encode()

    status, _ = service.post(body, signed(body, content_type="application/x-www-form-urlencoded"))

    assert status == 202


def test_a_guid_seen_before_is_called_a_duplicate(service, a_body, signed):
    body = a_body()
    service.post(body, signed(body))

    answer = service.post(body, signed(body))

    assert answer == (202, {"guid": "a-guid", "status": "duplicate"})


@pytest.mark.parametrize(
    ("event", "status", "word"),
    [("ping", 200, "pong"), ("watch", 202, "ignored"), ("x" * 90, 202, "ignored")],
)
def test_other_events_are_counted_and_left(service, signed, event, status, word):
    label = event if event == "ping" else "other"
    counter = f'brickpush_deliveries_total{{event="{label}"}}'
    before = service.counted(counter)

    answer = service.post(b"{}", signed(b"{}", event=event))

    assert answer == (status, {"guid": "a-guid", "status": word})
    assert service.intake.deliveries == []
    assert service.counted(counter) == before + 1


@pytest.mark.parametrize(
    "signature",
    [
        pytest.param(None, id="missing"),
        pytest.param("sha256=" + "0" * 64, id="wrong"),
        pytest.param("garbage", id="malformed"),
        pytest.param(b"sha256=\xff\xfe", id="not ASCII"),
    ],
)
def test_an_unsigned_request_gets_401(service, a_body, signed, signature):
    body = a_body()

    status, _ = service.post(body, signed(body, **{"X-Hub-Signature-256": signature}))

    assert status == 401
    assert service.intake.deliveries == []


@pytest.mark.parametrize("body", [b"", b"\xff\x00", b"{", b"[" * 100_000])
def test_unsigned_garbage_gets_401_and_nothing_else(service, body):
    status, _ = service.post(body, {"X-Hub-Signature-256": "sha256=0", "Content-Type": "x"})

    assert status == 401


@pytest.mark.parametrize("content_type", [None, "text/plain", "multipart/form-data"])
def test_other_media_types_get_415(service, a_body, signed, content_type):
    body = a_body()

    status, _ = service.post(body, signed(body, content_type=content_type))

    assert status == 415


@pytest.mark.parametrize(
    ("headers", "field"),
    [
        ({"X-GitHub-Delivery": None}, "X-GitHub-Delivery"),
        ({"X-GitHub-Delivery": "g" * 101}, "X-GitHub-Delivery"),
        ({"X-GitHub-Delivery": "tab\tin it"}, "X-GitHub-Delivery"),
        ({"X-GitHub-Event": None}, "X-GitHub-Event"),
    ],
)
def test_a_missing_or_absurd_header_gets_400(service, a_body, signed, headers, field):
    body = a_body()

    status, content = service.post(body, signed(body, **headers))

    assert (status, content["field"]) == (400, field)


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"not json", "the body is not JSON"),
        (b"[]", "the body must be a JSON object"),
        (b"{}", "repository.full_name is missing"),
    ],
)
def test_a_malformed_payload_gets_400_which_names_the_field(service, signed, body, error):
    with structlog.testing.capture_logs() as logged:
        status, content = service.post(body, signed(body))

    assert (status, content["error"]) == (400, error)
    assert logged == [
        {
            "event": "delivery.refused",
            "log_level": "warning",
            "status": 400,
            "reason": "payload",
            "field": content["field"],
        }
    ]


def test_a_body_announced_as_too_large_is_not_read(service):
    with service.connect() as connection:
        head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: {MAX_BODY_BYTES + 1}\r\n\r\n"
        connection.sendall(head.encode())

        answer = read_answer(connection)

    assert answer == (413, True)


def test_a_chunked_body_is_cut_at_the_limit(service):
    chunk = b"100000\r\n" + b"x" * 0x100000 + b"\r\n"
    with service.connect() as connection:
        head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        connection.sendall(head.encode())
        for _ in range(MAX_BODY_BYTES // 0x100000):
            connection.sendall(chunk)
        connection.sendall(b"1\r\nx\r\n")

        answer = read_answer(connection)

    assert answer == (413, True)


@pytest.mark.parametrize("length", ["-1", "many", "9" * 30])
def test_an_absurd_content_length_is_the_senders_error(service, length):
    with service.connect() as connection:
        head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n"
        connection.sendall(head.encode())

        status, _ = read_answer(connection)

    assert 400 <= status < 500


def test_a_sender_that_goes_away_in_the_middle_does_no_harm(service, a_body, signed):
    with service.connect() as connection:
        head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf"
        connection.sendall(head.encode())
    body = a_body()

    status, _ = service.post(body, signed(body))

    assert status == 202


def test_a_body_that_drips_in_gets_408_and_is_not_taken(service, a_body, signed, monkeypatch):
    monkeypatch.setattr(endpoint, "READ_SECONDS", 0.3)
    body = a_body()
    head = "".join(f"{name}: {value}\r\n" for name, value in signed(body).items())
    before = service.counted('brickpush_refused_total{reason="slow"}')

    with service.connect() as connection, structlog.testing.capture_logs() as logged:
        connection.sendall(
            f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n{head}\r\n".encode()
        )
        connection.settimeout(0.02)
        for place in range(len(body) - 1):
            connection.sendall(body[place : place + 1])
            with contextlib.suppress(TimeoutError):
                answer = connection.recv(65536)
                break

    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"connection: close" in answer.lower()
    assert service.intake.deliveries == []
    assert service.counted('brickpush_refused_total{reason="slow"}') == before + 1
    assert [(line["event"], line["reason"]) for line in logged] == [("delivery.refused", "slow")]
    assert service.post(body, signed(body))[0] == 202


def test_a_large_signed_push_is_accepted(service, a_body, signed):
    body = a_body(commits=["x" * 1000] * 2048)

    status, _ = service.post(body, signed(body))

    assert status == 202


def test_what_cannot_be_stored_gets_503(service, a_body, signed):
    service.intake.available = False
    body = a_body()

    answer = service.post(body, signed(body))

    assert answer == (503, {"error": "the database can't be written"})


def test_health_readiness_and_metrics_are_served(service):
    assert service.request("GET", "/healthz") == (200, b"ok\n")
    assert service.request("GET", "/readyz") == (200, b'{"problems":{}}')
    assert b"brickpush_pending_branches 0.0" in service.request("GET", "/metrics")[1]
    assert service.request("GET", PATH)[0] == 405


def test_a_service_that_cannot_work_is_not_ready(service):
    service.problems["database"] = "locked"

    answer = service.request("GET", "/readyz")

    assert answer == (503, b'{"problems":{"database":"locked"}}')


@pytest.mark.parametrize("secrets", [[], [""]])
def test_without_a_secret_there_is_no_service(secrets):
    with pytest.raises(ValueError, match="no webhook secret"):
        create_app(intake=InMemoryIntake(), secrets=secrets, metrics=Metrics(), ready=dict)
