"""The endpoint that GitHub calls: size, signature, media type, shape; then store, then answer."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Protocol

import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from github_app.github.payload import PayloadError
from github_app.runtime.metrics import Metrics
from github_app.webhooks.admission import Admission
from github_app.webhooks.delivery import (
    MAX_BODY_BYTES,
    ContentTypeError,
    Delivery,
    SignatureError,
    parse_delivery,
    verify_signature,
)
from github_app.webhooks.inbox import IntakeUnavailable, Stored

LARGE_BODY_BYTES = 256 * 1024  # from here on checked in a thread, and few at a time
LARGE_BODIES_AT_ONCE = 8
READ_SECONDS = 10.0  # GitHub gives up by then
MAX_HEADER_CHARACTERS = 100

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class Store(Protocol):
    """The one call that the endpoint needs from the intake."""

    async def store(self, delivery: Delivery) -> Stored: ...


class Refused(Exception):  # noqa: N818 - an answer, not a mistake of ours
    """The request is turned away with *status*; *reason* is one of a few words, for counting."""

    def __init__(self, status: int, reason: str, problem: str, *, field: str | None = None) -> None:
        super().__init__(problem)
        self.status = status
        self.reason = reason
        self.problem = problem
        self.field = field


class WebhookEndpoint:
    """Turns a request into a stored delivery, or into a refusal."""

    def __init__(
        self,
        *,
        intake: Store,
        secrets: Sequence[str],
        metrics: Metrics,
        admission: Admission,
    ) -> None:
        self._intake = intake
        self._secrets = secrets  # read anew at each delivery: they may be rotated
        self._metrics = metrics
        self._admission = admission
        self._large_bodies = asyncio.Semaphore(LARGE_BODIES_AT_ONCE)

    async def __call__(self, request: Request) -> Response:
        """Answer one request."""
        try:
            async with AsyncExitStack() as stack:
                if _is_large(request):
                    await stack.enter_async_context(self._large_bodies)
                body = await _read_body(request)
                delivery = await self._check(request, body)
                del body
                return await self._accept(delivery)
        except Refused as refused:
            return self._refuse(refused)

    async def _check(self, request: Request, body: bytes) -> Delivery:
        if len(body) > LARGE_BODY_BYTES:
            return await asyncio.to_thread(check, request, body, self._secrets)
        return check(request, body, self._secrets)

    async def _accept(self, delivery: Delivery) -> Response:
        self._metrics.delivered(delivery.event)
        if delivery.event == "ping":
            return JSONResponse({"guid": delivery.guid, "status": "pong"})
        if not delivery.asks:
            return JSONResponse({"guid": delivery.guid, "status": "ignored"}, status_code=202)
        if refusal := self._admission.refusal(delivery):
            log.warning("delivery.ignored", reason=refusal, **_names(delivery))
            content = {"guid": delivery.guid, "status": "ignored", "reason": refusal}
            return JSONResponse(content, status_code=202)
        try:
            stored = await self._intake.store(delivery)
        except IntakeUnavailable as exc:
            raise Refused(503, "unavailable", str(exc)) from exc
        log.info("delivery.stored", status=stored.value, **_names(delivery))
        return JSONResponse({"guid": delivery.guid, "status": stored.value}, status_code=202)

    def _refuse(self, refused: Refused) -> Response:
        self._metrics.refused(refused.reason)
        log.warning(
            "delivery.refused", status=refused.status, reason=refused.reason, field=refused.field
        )
        content = {"error": refused.problem}
        if refused.field is not None:
            content["field"] = refused.field
        # What was not read is not read: the connection ends instead.
        headers = {"Connection": "close"} if refused.status in (408, 413) else {}
        return JSONResponse(content, status_code=refused.status, headers=headers)


def check(request: Request, body: bytes, secrets: Sequence[str]) -> Delivery:
    """Return the delivery in *request*, or raise Refused. Reads five headers and no others."""
    headers = request.headers
    try:
        verify_signature(body, headers.get("X-Hub-Signature-256", ""), secrets)
    except SignatureError as exc:
        raise Refused(401, "signature", str(exc)) from exc
    guid = _short_header(request, "X-GitHub-Delivery")
    event = _short_header(request, "X-GitHub-Event")
    content_type = headers.get("Content-Type", "")
    try:
        return parse_delivery(guid=guid, event=event, body=body, content_type=content_type)
    except ContentTypeError as exc:
        raise Refused(415, "content type", str(exc)) from exc
    except PayloadError as exc:
        raise Refused(400, "payload", str(exc), field=exc.field) from exc


async def _read_body(request: Request) -> bytes:
    """Return the body, without ever holding more than the limit."""
    too_large = Refused(413, "size", f"the body is larger than {MAX_BODY_BYTES} bytes")
    if _content_length(request) > MAX_BODY_BYTES:
        raise too_large
    body = bytearray()
    try:
        async with asyncio.timeout(READ_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > MAX_BODY_BYTES:
                    raise too_large
    except TimeoutError as exc:
        raise Refused(408, "slow", f"the body did not arrive in {READ_SECONDS:.0f} s") from exc
    except ClientDisconnect as exc:
        raise Refused(400, "disconnected", "the sender went away") from exc
    return bytes(body)


def _is_large(request: Request) -> bool:
    """Whether the body is large, or does not say so."""
    return "content-length" not in request.headers or _content_length(request) > LARGE_BODY_BYTES


def _content_length(request: Request) -> int:
    text = request.headers.get("content-length", "0")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else MAX_BODY_BYTES + 1


def _short_header(request: Request, name: str) -> str:
    text = request.headers.get(name, "")
    if not text or len(text) > MAX_HEADER_CHARACTERS or not (text.isascii() and text.isprintable()):
        problem = f"{name} must be 1 to {MAX_HEADER_CHARACTERS} plain characters"
        raise Refused(400, "header", problem, field=name)
    return text


def _names(delivery: Delivery) -> dict[str, str | None]:
    """Return what names a delivery in the log: never the body, never a header."""
    names: dict[str, str | None] = {"guid": delivery.guid, "github_event": delivery.event}
    if delivery.push is not None:
        push = delivery.push.push
        names.update(repository=push.repository, ref=push.ref, after=push.after)
    elif delivery.rerequest is not None:
        asked = delivery.rerequest
        names.update(repository=asked.repository, ref=None, after=asked.head_sha)
    else:
        names.update(action=delivery.action, owner=delivery.owner)
    return names
