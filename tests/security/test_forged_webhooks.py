"""Who has not the secret changes nothing; who replays what was signed turns nothing back."""

from __future__ import annotations

import json

import pytest
from migrated import sqlite_with_tables
from security.webhook_service import a_body, headers_of, signature

from github_app.runtime.metrics import Metrics
from github_app.storage import branches
from github_app.webhooks.delivery import Delivery, parse_push
from github_app.webhooks.inbox import Intake


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"X-Hub-Signature-256": ""}, id="empty"),
        pytest.param({"X-Hub-Signature-256": "sha256="}, id="no digest"),
        pytest.param({"X-Hub-Signature-256": "sha1=" + "0" * 40}, id="the older kind"),
        pytest.param({"X-Hub-Signature-256": signature(b"another body")}, id="another body's"),
        pytest.param({"X-Hub-Signature-256": signature(a_body(), "guess")}, id="another secret's"),
        pytest.param({"X-Hub-Signature-256": signature(a_body()).upper()}, id="upper case"),
        pytest.param({"X-Hub-Signature-256": signature(a_body())[:-1]}, id="cut short"),
    ],
)
def test_a_body_that_is_not_signed_with_our_secret_is_refused(service, change):
    status, _ = service.post(a_body(), {**headers_of(a_body()), **change})

    assert status == 401
    assert service.intake.deliveries == []


def test_the_older_signature_counts_for_nothing(service):
    headers = {**headers_of(a_body()), "X-Hub-Signature": signature(a_body())}
    del headers["X-Hub-Signature-256"]

    status, _ = service.post(a_body(), headers)

    assert status == 401


def test_an_answer_repeats_nothing_of_a_forged_request(service):
    marker = b"<script>alert(1)</script>"

    status, content = service.post(marker, {"X-GitHub-Delivery": marker.decode()})

    assert status == 401
    assert b"script" not in content


@pytest.fixture
def intake(tmp_path):
    url = sqlite_with_tables(tmp_path / "brickpush.sqlite")
    intake = Intake(url, metrics=Metrics())
    intake.start()
    yield intake
    intake.stop()


def delivery(number, guid):
    """A push; no two have the same body, for that alone would make the second a duplicate."""
    body = a_body(before=f"{number - 1:040x}", after=f"{number:040x}")
    payload = {**json.loads(body), "signed_for": guid}
    payload["repository"]["pushed_at"] = 1_700_000_000 + number
    body = json.dumps(payload).encode()
    return Delivery(guid, "push", None, body, push=parse_push(body))


def test_a_replayed_push_turns_no_branch_back_even_under_a_new_guid(intake):
    first, second = delivery(2, "g-2"), delivery(3, "g-3")
    intake.store_now(first)
    intake.store_now(second)

    same = intake.store_now(first)
    intake.store_now(delivery(2, "invented"))

    with intake._engine.connect() as reader:
        newest = branches.current(reader, 7, "refs/heads/main")
    assert same.value == "duplicate"
    assert newest.push.after == second.push.push.after
