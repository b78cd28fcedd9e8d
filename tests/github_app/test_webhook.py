from __future__ import annotations

import json
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from github_app.github.events import PushEvent, Rerequest
from github_app.github.payload import PayloadError
from github_app.webhooks.delivery import (
    ContentTypeError,
    Delivery,
    SignatureError,
    parse_delivery,
    parse_push,
    verify_signature,
)
from promotion.model import Push

# The vector of GitHub's page "Validating webhook deliveries".
SECRET = "It's a Secret to Everybody"
BODY = b"Hello, World!"
SIGNATURE = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"


@pytest.mark.parametrize(
    "secrets",
    [
        pytest.param([SECRET], id="one secret"),
        pytest.param(["new", SECRET], id="an older secret while rotating"),
    ],
)
def test_githubs_own_test_vector_is_accepted(secrets):
    verify_signature(BODY, SIGNATURE, secrets)


@pytest.mark.parametrize(
    "signature",
    [
        pytest.param("", id="missing"),
        pytest.param(SIGNATURE.removeprefix("sha256="), id="without the scheme"),
        pytest.param(SIGNATURE[:-1] + "8", id="one digit off"),
        pytest.param(SIGNATURE.replace("sha256", "sha1"), id="another scheme"),
        pytest.param("sha256=ÿ", id="not ASCII"),
        pytest.param("sha256=\udcff", id="not Unicode"),
    ],
)
def test_any_other_signature_is_refused(signature):
    with pytest.raises(SignatureError):
        verify_signature(BODY, signature, [SECRET])


@pytest.mark.parametrize("secrets", [[], [""], [SECRET, ""]])
def test_an_empty_secret_verifies_nothing(secrets):
    with pytest.raises(ValueError, match="empty secret"):
        verify_signature(BODY, SIGNATURE, secrets)


def test_a_push_says_what_moved_where(a_body):
    event = parse_push(a_body(2, branch="feature/ä b"))

    assert event == PushEvent(
        push=Push("octo-org/etl", "refs/heads/feature/ä b", "0" * 39 + "1", "0" * 39 + "2"),
        repository_id=7,
        repository_url="https://github.com/octo-org/etl",
        default_branch="main",
        installation_id=11,
        pusher="octocat",
        forced=False,
    )


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"after": "0" * 40}, id="deleted branch"),
        pytest.param({"ref": "refs/tags/v1"}, id="tag"),
        pytest.param({"after": "a" * 64, "before": "0" * 64}, id="SHA-256 repository"),
        pytest.param({"installation": None}, id="plain webhook"),
        pytest.param({"pusher": {"name": None}}, id="nameless pusher"),
    ],
)
def test_pushes_that_are_unusual_but_right(a_body, changes):
    assert parse_push(a_body(**changes))


REPOSITORY = {"id": 7, "full_name": "o/r", "html_url": "https://github.com/o/r"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ref": None}, "ref is missing"),
        ({"ref": "main"}, "ref must start with refs/ and contain a name"),
        ({"ref": "refs/heads/"}, "ref must start with refs/ and contain a name"),
        ({"ref": ["refs/heads/main"]}, "ref must be of type str"),
        ({"ref": "refs/heads/\0"}, "ref must be at most 1000 bytes without NUL"),
        ({"ref": "refs/heads/" + "ä" * 500}, "ref must be at most 1000 bytes without NUL"),
        ({"ref": "refs/heads/\ud800"}, "ref is not valid Unicode"),
        ({"before": "0"}, "before must be 40 or 64 lower-case hex digits"),
        ({"after": "G" * 40}, "after must be 40 or 64 lower-case hex digits"),
        ({"after": 1}, "after must be of type str"),
        ({"forced": "yes"}, "forced must be of type bool"),
        ({"pusher": "octocat"}, "pusher.name is missing"),
        ({"repository": None}, "repository.full_name is missing"),
        ({"repository": "o/r"}, "repository.full_name is missing"),
        ({"repository": {**REPOSITORY, "full_name": ""}}, "repository.full_name is empty"),
        ({"repository": {**REPOSITORY, "id": True}}, "repository.id must be of type int"),
        (
            {"repository": {**REPOSITORY, "id": 2**63}},
            "repository.id must be a positive 64-bit number",
        ),
        (
            {"repository": {**REPOSITORY, "html_url": "file:///etc"}},
            "repository.html_url must be the URL of a repository",
        ),
        ({"installation": {}}, "installation.id is missing"),
        ({"installation": {"id": "11"}}, "installation.id must be of type int"),
    ],
)
def test_a_push_of_another_shape_is_refused_by_the_fields_name(a_body, changes, message):
    with pytest.raises(PayloadError) as refused:
        parse_push(a_body(**changes))

    assert str(refused.value) == message
    assert message.startswith(refused.value.field)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        pytest.param(b"", "the body is not JSON", id="empty"),
        pytest.param(b"\xff{}", "the body is not JSON", id="not UTF-8"),
        pytest.param(b"[" * 200_000, "the body is not JSON", id="nested without end"),
        pytest.param(b'{"a": ' + b"9" * 5000 + b"}", "the body is not JSON", id="huge number"),
        pytest.param(b"[]", "the body must be a JSON object", id="list"),
        pytest.param(b"null", "the body must be a JSON object", id="null"),
    ],
)
def test_a_body_that_is_no_json_object_is_refused(body, message):
    with pytest.raises(PayloadError, match=message):
        parse_push(body)


def test_a_form_holds_the_json_in_its_field_payload(a_body):
    text = json.dumps(json.loads(a_body(branch="ä+b&c")), ensure_ascii=False)
    form = urlencode({"payload": text}).encode()

    event = parse_push(form, "application/x-www-form-urlencoded; charset=utf-8")

    assert event == parse_push(a_body(branch="ä+b&c"))


@pytest.mark.parametrize(
    ("form", "message"),
    [
        (b"other=1", "payload is missing"),
        (b"&".join([b"payload=1"] * 20), "the body is not a form of one field"),
        (b"payload=%ff", "the body is not a form of one field"),
        (b"payload=%7B", "the body is not JSON"),
    ],
)
def test_a_form_without_a_good_payload_is_refused(form, message):
    with pytest.raises(PayloadError, match=message):
        parse_push(form, "application/x-www-form-urlencoded")


@pytest.mark.parametrize("content_type", ["", "text/plain", "json", "application/json\r\nx: y; a"])
def test_other_media_types_are_refused(content_type):
    with pytest.raises(ContentTypeError):
        parse_push(b"{}", content_type)


@pytest.mark.parametrize("event", ["check_run", "check_suite"])
def test_a_rerun_names_the_commit(event):
    payload = {
        "action": "rerequested",
        event: {"head_sha": "a" * 40},
        "repository": REPOSITORY,
        "installation": {"id": 11},
    }
    body = json.dumps(payload).encode()

    delivery = parse_delivery(guid="g", event=event, body=body, content_type="application/json")

    assert delivery.rerequest == Rerequest("o/r", 7, 11, "a" * 40)


@pytest.mark.parametrize(
    ("event", "payload"),
    [
        pytest.param("ping", {"zen": "Keep it simple."}, id="ping"),
        pytest.param("check_run", {"action": "created"}, id="an action that is not ours"),
        pytest.param("github_app_authorization", {"action": "revoked"}, id="no repository at all"),
        pytest.param("of_next_year", {}, id="unknown event"),
    ],
)
def test_events_that_ask_nothing_of_us_are_read_anyway(event, payload):
    body = json.dumps(payload).encode()

    delivery = parse_delivery(guid="g", event=event, body=body, content_type="application/json")

    assert delivery == Delivery("g", event, payload.get("action"), body)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)
FIELDS = ["ref", "before", "after", "forced", "repository", "installation", "pusher"]


@given(st.binary(), st.sampled_from(["application/json", "application/x-www-form-urlencoded"]))
def test_any_bytes_give_an_event_or_a_payload_error(body, content_type):
    with pytest.raises(PayloadError):
        parse_push(body, content_type)


@given(st.dictionaries(st.sampled_from(FIELDS), JSON_VALUES))
def test_any_values_give_an_event_or_a_payload_error(changes):
    good = {
        "ref": "refs/heads/main",
        "before": "0" * 40,
        "after": "1" * 40,
        "repository": REPOSITORY,
    }
    body = json.dumps({**good, **changes}).encode()

    try:
        event = parse_push(body)
    except PayloadError:
        return

    assert event.push.ref.startswith("refs/")
