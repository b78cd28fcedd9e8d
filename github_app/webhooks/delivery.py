"""Read a webhook delivery of GitHub: is it signed by us, and what does it say. Sans-I/O."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from email.message import Message
from urllib.parse import parse_qs

from github_app.github.events import (
    INSTALLATION_EVENTS,
    REPOSITORY_ACTIONS,
    InstallationChange,
    PushEvent,
    RepositoryChange,
    Rerequest,
    installation_change,
    is_rerequest,
    push_event,
    repository_change,
    rerequest,
)
from github_app.github.payload import PayloadError, optional
from promotion.errors import PromotionError

MAX_BODY_BYTES = 25 * 1024 * 1024  # GitHub delivers nothing bigger
JSON_TYPE = "application/json"
FORM_TYPE = "application/x-www-form-urlencoded"


class SignatureError(PromotionError):
    """The body was not signed with a secret of ours."""


class ContentTypeError(PromotionError):
    """The body is of a media type that GitHub does not send."""


@dataclass(frozen=True)
class Delivery:
    """One webhook request, by its guid; a redelivery repeats the guid."""

    guid: str
    event: str
    action: str | None
    body: bytes = field(repr=False)
    push: PushEvent | None = None
    rerequest: Rerequest | None = None
    change: InstallationChange | RepositoryChange | None = None
    recovered: bool = False  # read from GitHub's log, after GitHub could not deliver it

    @property
    def asks(self) -> bool:
        """Whether there is anything to do."""
        return (self.push or self.rerequest or self.change) is not None

    @property
    def owner(self) -> str | None:
        """The account whose repositories it is about."""
        if isinstance(self.change, InstallationChange):
            return self.change.account
        about = self.push.push if self.push is not None else self.rerequest or self.change
        return None if about is None else about.repository.partition("/")[0]


def verify_signature(body: bytes, signature: str, secrets: Sequence[str]) -> None:
    """Raise SignatureError unless *signature* is the HMAC of *body* under one of *secrets*."""
    if not secrets or not all(secrets):
        raise ValueError("refusing to verify against an empty secret")
    given = signature.encode(errors="surrogateescape")
    matches = [hmac.compare_digest(_sign(body, secret), given) for secret in secrets]
    if not any(matches):
        raise SignatureError("X-Hub-Signature-256 does not match the body")


def parse_delivery(*, guid: str, event: str, body: bytes, content_type: str) -> Delivery:
    """Return what a delivery says; an event that asks nothing of us is only named.

    Raises ContentTypeError, or PayloadError naming the field.
    """
    payload = _load(body, content_type)
    action = optional(payload, "action", str)
    said = Delivery(guid, event, action, body)
    if event == "push":
        return replace(said, push=push_event(payload))
    if is_rerequest(payload, event, action):
        return replace(said, rerequest=rerequest(payload, event))
    if event in INSTALLATION_EVENTS and action is not None:
        return replace(said, change=installation_change(payload, action))
    if event == "repository" and action in REPOSITORY_ACTIONS:
        return replace(said, change=repository_change(payload, action))
    return said


def parse_push(body: bytes, content_type: str = JSON_TYPE) -> PushEvent:
    """Return the push event in *body*, or raise PayloadError naming the field."""
    return push_event(_load(body, content_type))


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
