"""Read a webhook delivery of GitHub: is it signed by us, and what does it say. Sans-I/O."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from email.message import Message
from typing import TypeVar
from urllib.parse import parse_qs

from promotion.errors import PromotionError
from promotion.push import Push
from promotion.repository_url import repository_key

MAX_BODY_BYTES = 25 * 1024 * 1024  # GitHub delivers nothing bigger
MAX_TEXT_BYTES = 1000  # of one field; GitHub's own limit for a ref is 255, PostgreSQL's key 2704
MAX_ID = 2**63 - 1
JSON_TYPE = "application/json"
FORM_TYPE = "application/x-www-form-urlencoded"

_SHA = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_Kind = TypeVar("_Kind", str, int, bool)


class SignatureError(PromotionError):
    """The body was not signed with a secret of ours."""


class ContentTypeError(PromotionError):
    """The body is of a media type that GitHub does not send."""


class PayloadError(PromotionError):
    """The body is not what GitHub sends; *field* names the part that is wrong."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field} {problem}")
        self.field = field


@dataclass(frozen=True)
class PushEvent:
    """One push event: the push, and what is needed to act on it."""

    push: Push
    repository_id: int  # stays when the repository is renamed or transferred
    repository_url: str  # "https://github.com/octo-org/etl"
    default_branch: str | None
    installation_id: int | None  # None in a delivery of a plain webhook
    pusher: str | None
    forced: bool = False


@dataclass(frozen=True)
class Rerequest:
    """Somebody pressed "Re-run" on a check of a commit."""

    repository: str
    repository_id: int
    installation_id: int | None
    head_sha: str


@dataclass(frozen=True)
class Delivery:
    """One webhook request, by its guid; a redelivery repeats the guid."""

    guid: str
    event: str
    action: str | None
    body: bytes = field(repr=False)
    push: PushEvent | None = None
    rerequest: Rerequest | None = None


def verify_signature(body: bytes, signature: str, secrets: Sequence[str]) -> None:
    """Raise SignatureError unless *signature* is the HMAC of *body* under one of *secrets*."""
    if not secrets or not all(secrets):
        raise ValueError("refusing to verify against an empty secret")
    given = signature.encode(errors="surrogateescape")
    matches = [hmac.compare_digest(_sign(body, secret), given) for secret in secrets]
    if not any(matches):
        raise SignatureError("X-Hub-Signature-256 does not match the body")


def parse_delivery(*, guid: str, event: str, body: bytes, content_type: str) -> Delivery:
    """Return what a delivery says; an event that asks nothing of us has neither push nor rerequest.

    Raises ContentTypeError, or PayloadError naming the field.
    """
    payload = _load(body, content_type)
    action = _optional(payload, "action", str)
    if event == "push":
        return Delivery(guid, event, action, body, push=_push_event(payload))
    if event in ("check_run", "check_suite") and action == "rerequested":
        return Delivery(guid, event, action, body, rerequest=_rerequest(payload, event))
    return Delivery(guid, event, action, body)


def parse_push(body: bytes, content_type: str = JSON_TYPE) -> PushEvent:
    """Return the push event in *body*, or raise PayloadError naming the field."""
    return _push_event(_load(body, content_type))


def _sign(body: bytes, secret: str) -> bytes:
    return b"sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest().encode()


def _load(body: bytes, content_type: str) -> Mapping[str, object]:
    media_type = _media_type(content_type)
    if media_type not in (JSON_TYPE, FORM_TYPE):
        raise ContentTypeError(f"Content-Type must be {JSON_TYPE} or {FORM_TYPE}")
    text = _form_field(body) if media_type == FORM_TYPE else body
    try:
        payload = json.loads(text)
    except (ValueError, RecursionError) as exc:
        raise PayloadError("the body", "is not JSON") from exc
    if not isinstance(payload, dict):
        raise PayloadError("the body", "must be a JSON object")
    return payload


def _media_type(content_type: str) -> str:
    """Return "type/subtype" in lower case, without parameters such as charset."""
    message = Message()
    message["Content-Type"] = content_type.replace("\r", "").replace("\n", "")
    return message.get_content_type() if content_type else ""


def _form_field(body: bytes) -> str:
    try:
        fields = parse_qs(body.decode(), errors="strict", max_num_fields=10)
    except ValueError as exc:
        raise PayloadError("the body", "is not a form of one field") from exc
    if "payload" not in fields:
        raise PayloadError("payload", "is missing")
    return fields["payload"][0]


def _push_event(payload: Mapping[str, object]) -> PushEvent:
    push = Push(
        repository=_text(payload, "repository.full_name"),
        ref=_text(payload, "ref"),
        before=_sha(payload, "before"),
        after=_sha(payload, "after"),
    )
    if not push.ref.startswith("refs/") or push.ref.endswith("/"):
        raise PayloadError("ref", "must start with refs/ and name something")
    url = _text(payload, "repository.html_url")
    if repository_key(url) is None:
        raise PayloadError("repository.html_url", "must be the URL of a repository")
    return PushEvent(
        push=push,
        repository_id=_id(payload, "repository.id"),
        repository_url=url,
        default_branch=_optional(payload, "repository.default_branch", str),
        installation_id=_installation_id(payload),
        pusher=_optional(payload, "pusher.name", str),
        forced=_optional(payload, "forced", bool) or False,
    )


def _rerequest(payload: Mapping[str, object], event: str) -> Rerequest:
    return Rerequest(
        repository=_text(payload, "repository.full_name"),
        repository_id=_id(payload, "repository.id"),
        installation_id=_installation_id(payload),
        head_sha=_sha(payload, f"{event}.head_sha"),
    )


def _installation_id(payload: Mapping[str, object]) -> int | None:
    return None if payload.get("installation") is None else _id(payload, "installation.id")


def _optional(payload: Mapping[str, object], path: str, kind: type[_Kind]) -> _Kind | None:
    """Return the value at *path*, None where it or what holds it is absent or null."""
    value: object = payload
    for name in path.split("."):
        if value is None:
            return None
        if not isinstance(value, dict):
            raise PayloadError(path, "is missing")
        value = value.get(name)
    if value is None:
        return None
    if type(value) is not kind:  # not isinstance: True is an int
        raise PayloadError(path, f"must be of type {kind.__name__}")
    if isinstance(value, str):
        _check_text(path, value)
    return value


def _required(payload: Mapping[str, object], path: str, kind: type[_Kind]) -> _Kind:
    value = _optional(payload, path, kind)
    if value is None:
        raise PayloadError(path, "is missing")
    return value


def _check_text(path: str, text: str) -> None:
    """Refuse what a database can't hold: NUL, half of a surrogate pair, endless texts."""
    try:
        size = len(text.encode())
    except UnicodeEncodeError as exc:
        raise PayloadError(path, "is not valid Unicode") from exc
    if "\0" in text or size > MAX_TEXT_BYTES:
        raise PayloadError(path, f"must be at most {MAX_TEXT_BYTES} bytes without NUL")


def _text(payload: Mapping[str, object], path: str) -> str:
    text = _required(payload, path, str)
    if not text:
        raise PayloadError(path, "is empty")
    return text


def _sha(payload: Mapping[str, object], path: str) -> str:
    sha = _required(payload, path, str)
    if not _SHA.fullmatch(sha):
        raise PayloadError(path, "must be 40 or 64 lower-case hex digits")
    return sha


def _id(payload: Mapping[str, object], path: str) -> int:
    number = _required(payload, path, int)
    if not 0 < number <= MAX_ID:
        raise PayloadError(path, "must be a positive 64-bit number")
    return number
