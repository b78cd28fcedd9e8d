"""Whatever is sent, the webhook's answer is no 5xx, and what is not signed is not taken."""

from __future__ import annotations

import asyncio
import copy
import itertools
import json
import os
import string

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from migrated import sqlite_with_tables
from postgres import postgres, postgres_url  # noqa: F401 - fixtures
from security.webhook_service import PATH, ListIntake, a_payload, an_app, headers_of, signature
from variants import slow_after

from github_app.runtime.metrics import Metrics
from github_app.webhooks.inbox import Intake

EXAMPLES = int(os.environ.get("BRICKPUSH_FUZZ_EXAMPLES", "1000"))
ANYHOW = {"deadline": None, "suppress_health_check": list(HealthCheck)}
EVENTS = ["push", "check_run", "check_suite", "installation", "repository", "ping", "watch"]
# What a database does not keep, if it is ever asked to.
UNKEPT = ["\0", "a\0b", "\ud800", "x" * 3000, -1, 0, 2**63, 10**30, True, 0.5]
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=50)
    | st.sampled_from([*UNKEPT, "", "refs/heads/../x"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)
FULL = a_payload(
    action="requested",
    sender={"login": "etl[bot]"},
    check_run={"head_sha": "0" * 40, "app": {"id": 1, "slug": "etl"}},
    check_suite={"head_sha": "0" * 40, "app": {"id": 1, "slug": "etl"}},
    requested_action={"identifier": "promote-again"},
    changes={"repository": {"name": {"from": "old"}}, "owner": {"from": {"user": {"login": "o"}}}},
)
FULL["installation"]["account"] = {"login": "octo-org"}
PLACES = [
    [name, *rest]
    for name, value in FULL.items()
    for rest in ([[]] + ([[inner] for inner in value] if isinstance(value, dict) else []))
]
ACTIONS = [
    "created",
    "deleted",
    "renamed",
    "transferred",
    "archived",
    "rerequested",
    "requested_action",
]


@st.composite
def changed_payloads(draw):
    """A payload of which up to three places hold something else, or nothing."""
    payload = copy.deepcopy(FULL)
    payload["action"] = draw(st.sampled_from(ACTIONS))
    for place in draw(st.lists(st.sampled_from(PLACES), max_size=3)):
        holder = payload
        for name in place[:-1]:
            holder = holder[name] if isinstance(holder.get(name), dict) else {}
        if draw(st.booleans()):
            holder[place[-1]] = draw(VALUES)
        else:
            holder.pop(place[-1], None)
    return json.dumps(payload).encode()


@st.composite
def broken_bodies(draw):
    """A body with some bytes cut out, put in or turned over."""
    body = bytearray(draw(changed_payloads()))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(body)))
        body[at : at + draw(st.integers(0, 20))] = draw(st.binary(max_size=20))
    return bytes(body)


BODIES = changed_payloads() | broken_bodies() | st.binary(max_size=300)
TYPES = st.sampled_from(
    ["application/json", "application/x-www-form-urlencoded", "application/json; charset=utf-16"]
) | st.text(st.characters(max_codepoint=255), max_size=40)
HEADER_TEXT = st.text(st.characters(max_codepoint=255), max_size=120)
PLAIN = st.text(string.ascii_letters + string.digits + '-=; /"', max_size=120)


def sender(app, loop):
    """Return a function that sends a request into the application, without a socket.

    It returns the answer's status.
    """

    def send(body, headers):
        sent = []
        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": "POST",
            "path": PATH,
            "raw_path": PATH.encode(),
            "query_string": b"",
            "root_path": "",
            "scheme": "http",
            "server": ("127.0.0.1", 80),
            "client": ("127.0.0.1", 1),
            "headers": [(n.lower().encode(), v.encode("latin-1")) for n, v in headers.items()],
        }
        scope["headers"].append((b"content-length", str(len(body)).encode()))

        async def receive():
            return {"type": "http.request", "body": body, "more_body": False}

        async def keep(message):
            sent.append(message)

        loop.run_until_complete(app(scope, receive, keep))
        return sent[0]["status"]

    return send


@pytest.fixture(scope="module")
def loop():
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


@pytest.fixture(scope="module")
def post(loop):
    """Return a function that sends a request; it returns the status and what was taken in."""
    intake = ListIntake()
    send = sender(an_app(intake), loop)

    def sent(body, headers):
        intake.deliveries.clear()
        return send(body, headers), list(intake.deliveries)

    return sent


@pytest.fixture(params=["sqlite", "postgresql"])
def keep(request, loop, tmp_path):
    """Return a function that sends a request to a service with a database; it returns the status."""
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_url")
    else:
        url = sqlite_with_tables(tmp_path / "brickpush.sqlite")
    intake = Intake(url, metrics=Metrics())
    intake.start()
    yield sender(an_app(intake), loop)
    intake.stop()


@settings(max_examples=EXAMPLES, **ANYHOW)
@given(body=BODIES, event=st.sampled_from(EVENTS), content_type=TYPES)
def test_whatever_is_signed_is_taken_or_refused_with_4xx(post, body, event, content_type):
    status, taken = post(body, headers_of(body, event=event, content_type=content_type))

    assert status in (200, 202, 400, 415)
    assert all(status == 202 for _ in taken)


@pytest.mark.parametrize(
    ("event", "action"),
    slow_after(
        1,
        [
            ("push", None),
            ("check_run", "rerequested"),
            ("repository", "renamed"),
            ("installation", "created"),
        ],
    ),
)
def test_whatever_is_taken_can_be_kept(keep, event, action):
    refused = []
    for number, (place, value) in enumerate(itertools.product(PLACES, UNKEPT)):
        payload = copy.deepcopy(FULL) | {"action": action}
        holder = payload if len(place) == 1 else payload[place[0]]
        holder[place[-1]] = value
        body = json.dumps(payload).encode()
        if keep(body, headers_of(body, event=event, guid=f"{event}-{number}")) >= 500:
            refused.append((place, value))

    assert refused == []


@settings(max_examples=EXAMPLES, **ANYHOW)
@given(
    body=BODIES,
    other=st.binary(max_size=50),
    headers=st.dictionaries(
        st.sampled_from(
            ["X-Hub-Signature-256", "X-GitHub-Event", "X-GitHub-Delivery", "Content-Type"]
        ),
        HEADER_TEXT,
    ),
)
def test_whatever_is_not_signed_gets_401(post, body, other, headers):
    given_headers = {**headers_of(body), "X-Hub-Signature-256": signature(body + b"x" + other)}
    given_headers |= headers

    status, taken = post(body, given_headers)

    assert (status, taken) == (401, [])


@settings(max_examples=max(EXAMPLES // 10, 50), **ANYHOW)
@given(
    headers=st.dictionaries(
        st.sampled_from(["X-GitHub-Event", "X-GitHub-Delivery", "Content-Type", "Content-Length"]),
        HEADER_TEXT,
    )
)
def test_whatever_stands_in_the_other_headers_is_answered(post, headers):
    body = json.dumps(FULL).encode()

    status, _ = post(body, {**headers_of(body), **headers})

    assert status in (200, 202, 400, 413, 415)


@settings(max_examples=max(EXAMPLES // 10, 50), **ANYHOW)
@given(body=BODIES, signed=st.booleans(), event=PLAIN, guid=PLAIN, content_type=PLAIN)
def test_the_same_holds_through_a_socket(service, body, signed, event, guid, content_type):
    headers = headers_of(body, event=event, guid=guid, content_type=content_type)
    if not signed:
        headers["X-Hub-Signature-256"] = signature(body + b"x")

    status, _ = service.post(body, headers)

    assert status in ((200, 202, 400, 415) if signed else (401,))


@settings(max_examples=max(EXAMPLES // 20, 30), **ANYHOW)
@given(noise=st.binary(min_size=1, max_size=400))
def test_noise_in_place_of_a_request_gets_no_5xx(service, noise):
    with service.connect(noise + b"\r\n\r\n") as connection:
        connection.shutdown(1)
        answer = connection.recv(200)

    assert not answer or 400 <= int(answer.split()[1]) < 500
