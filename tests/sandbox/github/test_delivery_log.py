"""The delivery log and the webhook's configuration."""

from __future__ import annotations

import hashlib
import hmac
import json
import urllib.parse

import pytest
from nobody import NOBODY

from sandbox.github.state.deliveries import Delivery, Hook, headers_of

LOG = "/app/hook/deliveries"


def push(story, *branches):
    refspecs = [f"main:refs/heads/{branch}" for branch in branches]
    story.git("push", "--quiet", "origin", *refspecs, cwd=story.work)


def test_a_delivery_can_be_read_back_whole(story, rest, hook, until):
    story.github.hook_url = hook.url
    push(story, "a")
    headers, body = hook.receive()
    until(lambda: len(story.github.deliveries) == 1)

    [item] = rest.app("GET", LOG).json()
    details = rest.app("GET", f"{LOG}/{item['id']}").json()

    assert (item["status"], item["status_code"], item["redelivery"]) == ("OK", 202, False)
    assert (item["event"], item["action"]) == ("push", None)
    assert item["guid"] == headers["x-github-delivery"]
    assert item["installation_id"] == story.installation_id
    assert item["repository_id"] == story.github.repository("octo-org/etl").id
    assert details["url"] == hook.url
    assert details["request"]["headers"]["X-GitHub-Delivery"] == item["guid"]
    assert details["request"]["payload"] == json.loads(body)
    assert details["response"]["payload"] == "noted"
    assert rest.app("GET", f"{LOG}/1").status_code == 404
    assert rest("GET", LOG, token=story.github.user_token()).status_code == 401


def test_a_redelivery_keeps_the_guid(story, rest, hook, until):
    hook.status = 503
    story.github.hook_url = hook.url
    push(story, "a")
    first_headers, first_body = hook.receive()
    until(lambda: len(story.github.deliveries) == 1)
    [failed] = rest.app("GET", f"{LOG}?status=failure").json()
    hook.status = 200

    answer = rest.app("POST", f"{LOG}/{failed['id']}/attempts")

    headers, body = hook.receive()
    until(lambda: len(story.github.deliveries) == 2)
    assert answer.status_code == 202
    assert (headers["x-github-delivery"], body) == (first_headers["x-github-delivery"], first_body)
    newest, oldest = rest.app("GET", LOG).json()
    assert (newest["guid"], newest["redelivery"], newest["status"]) == (failed["guid"], True, "OK")
    assert (oldest["status"], oldest["status_code"]) == ("Invalid HTTP Response: 503", 503)
    assert rest.app("GET", f"{LOG}?status=success").json() == [newest]


def test_the_log_is_paged_by_cursor(story, rest, until):
    push(story, "a", "b", "c", "d", "e")
    until(lambda: len(story.github.deliveries) == 5)

    first = rest.app("GET", f"{LOG}?per_page=2&status=failure")
    second = rest.app("GET", first.links["next"]["url"])
    third = rest.app("GET", second.links["next"]["url"])

    ids = [[one["id"] for one in page.json()] for page in (first, second, third)]
    assert ids == [[1_000_005, 1_000_004], [1_000_003, 1_000_002], [1_000_001]]
    assert "next" not in third.links
    for wrong in ("cursor=rubbish", "status=strange"):
        assert rest.app("GET", f"{LOG}?{wrong}").status_code == 422


def test_without_a_hook_or_without_anybody_there_deliveries_fail(story, until):
    push(story, "a")
    until(lambda: len(story.github.deliveries) == 1)
    story.github.hook_url = f"http://{NOBODY}/"

    push(story, "b")

    until(lambda: len(story.github.deliveries) == 2)
    assert [(one.status_code, one.status) for one in story.github.deliveries] == [
        (502, "no webhook URL is configured"),
        (502, "failed to connect to host"),
    ]


def test_the_configuration_is_changed_over_rest(story, rest, hook):
    empty = rest.app("GET", "/app/hook/config").json()
    change = {"url": hook.url, "secret": "rotated", "content_type": "form"}

    changed = rest.app("PATCH", "/app/hook/config", json=change).json()

    assert empty == {"content_type": "json", "insecure_ssl": "0", "secret": "********"}
    assert changed == {**empty, "url": hook.url, "content_type": "form"}
    assert (story.github.hook_url, story.github.webhook_secret) == (hook.url, "rotated")
    push(story, "a")
    headers, body = hook.receive()
    digest = hmac.new(b"rotated", body, hashlib.sha256).hexdigest()
    assert headers["x-hub-signature-256"] == f"sha256={digest}"
    assert headers["content-type"] == "application/x-www-form-urlencoded"
    [payload] = urllib.parse.parse_qs(body.decode())["payload"]
    assert json.loads(payload)["ref"] == "refs/heads/a"
    wrong = rest.app("PATCH", "/app/hook/config", json={"content_type": "xml"})
    assert wrong.status_code == 422


@pytest.mark.parametrize(("secret", "signed"), [("It's a Secret to Everybody", True), ("", False)])
def test_the_signature_is_githubs(secret, signed):
    delivery = Delivery(
        id=1,
        guid="0b989ba4-242f-11e5-81e1-c7b6966d2516",
        event="push",
        action=None,
        payload={},
        installation_id=1,
        repository_id=1,
    )

    headers = headers_of(delivery, b"Hello, World!", Hook(id=1, app_id=2, secret=secret))

    expected = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    assert headers.get("X-Hub-Signature-256") == (expected if signed else None)
