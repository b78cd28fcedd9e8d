"""Webhooks: signed, sent in order by one thread, and kept in a log as GitHub keeps them."""

from __future__ import annotations

import hashlib
import hmac
import itertools
import json
import queue
import threading
import time
import urllib.parse
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import requests

TIMEOUT = 10  # seconds
RETENTION = 3 * 24 * 3600  # seconds; then GitHub neither shows nor repeats a delivery
ENTERPRISE_RETENTION = 7 * 24 * 3600  # of Enterprise Server
MAX_PAYLOAD = 25 * 1024 * 1024  # bytes; GitHub drops a bigger event without a trace
CONNECTION_FAILED = (502, "failed to connect to host")
TIMED_OUT = (504, "timed out")
NOT_CONFIGURED = (502, "no webhook URL is configured")


@dataclass
class Hook:
    """Where the App's webhooks go, and how."""

    id: int
    app_id: int
    secret: str = field(repr=False)
    url: str | None = None
    content_type: str = "json"
    insecure_ssl: str = "0"
    active: bool = True


@dataclass(frozen=True)
class Delivery:
    """One attempt to bring one event to the hook; *guid* names the event."""

    id: int
    guid: str
    event: str
    action: str | None
    payload: Mapping[str, object] = field(repr=False)
    installation_id: int | None
    repository_id: int | None
    redelivery: bool = False
    delivered_at: float = 0.0
    duration: float = 0.0
    status_code: int = 0
    status: str = ""
    url: str = ""
    request_headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    response_headers: Mapping[str, str] = field(default_factory=dict)
    response_body: str = ""


class Deliveries:
    """The queue of events to deliver, the thread that does it, and the log."""

    def __init__(self, hook: Hook, clock: Callable[[], float]) -> None:
        self.retention = RETENTION  # a test may change it
        self._hook = hook
        self._clock = clock
        self._ids = itertools.count(1_000_001)
        self._lock = threading.Lock()
        self._log: list[Delivery] = []
        self._queue: queue.SimpleQueue[Delivery | None] = queue.SimpleQueue()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._work, name="webhooks", daemon=True)
        self._starting = threading.Lock()

    def send(
        self,
        event: str,
        payload: Mapping[str, object],
        *,
        installation_id: int | None = None,
        repository_id: int | None = None,
        guid: str | None = None,
    ) -> None:
        """Queue one new event; return at once. Without an active hook there is no delivery."""
        if not self._hook.active:
            return
        action = payload.get("action")
        self._put(
            Delivery(
                id=next(self._ids),
                guid=guid or str(uuid.uuid4()),
                event=event,
                action=action if isinstance(action, str) else None,
                payload=payload,
                installation_id=installation_id,
                repository_id=repository_id,
            )
        )

    def redeliver(self, delivery: Delivery) -> None:
        """Queue the same event again, under the same GUID."""
        self._put(replace(delivery, id=next(self._ids), redelivery=True))

    def log(self) -> list[Delivery]:
        """Return every finished attempt, oldest first."""
        with self._lock:
            return list(self._log)

    def retained(self) -> list[Delivery]:
        """Return the attempts that GitHub has not forgotten yet, oldest first."""
        since = self._clock() - self.retention
        return [one for one in self.log() if one.delivered_at > since]

    def close(self) -> None:
        """Stop the thread; what is still queued is not sent."""
        self._closing.set()
        self._queue.put(None)
        if self._thread.is_alive():
            self._thread.join(timeout=TIMEOUT + 1)

    def _put(self, delivery: Delivery) -> None:
        """Queue a delivery; the first one starts the thread."""
        with self._starting:
            self._queue.put(delivery)
            if self._thread.ident is None:
                self._thread.start()

    def _work(self) -> None:
        with requests.Session() as session:
            while (delivery := self._queue.get()) is not None and not self._closing.is_set():
                body = _body(delivery.payload, self._hook.content_type)
                if len(body) <= MAX_PAYLOAD:
                    finished = self._attempt(session, delivery, body)
                    with self._lock:
                        self._log.append(finished)

    def _attempt(self, session: requests.Session, delivery: Delivery, body: bytes) -> Delivery:
        url = self._hook.url
        headers = headers_of(delivery, body, self._hook)
        started = time.monotonic()
        delivered_at = self._clock()
        response = _post(session, url, body, headers)
        finished = replace(
            delivery,
            delivered_at=delivered_at,
            duration=round(time.monotonic() - started, 2),
            url=url or "",
            request_headers=headers,
        )
        if isinstance(response, tuple):
            return replace(finished, status_code=response[0], status=response[1])
        code = response.status_code
        return replace(
            finished,
            status_code=code,
            status="OK" if 200 <= code < 300 else f"Invalid HTTP Response: {code}",
            response_headers=dict(response.headers),
            response_body=response.text,
        )


def _post(
    session: requests.Session, url: str | None, body: bytes, headers: Mapping[str, str]
) -> requests.Response | tuple[int, str]:
    if url is None:
        return NOT_CONFIGURED
    try:
        return session.post(url, data=body, headers=headers, timeout=TIMEOUT, allow_redirects=False)
    except requests.Timeout:
        return TIMED_OUT
    except requests.RequestException:
        return CONNECTION_FAILED


def _body(payload: Mapping[str, object], content_type: str) -> bytes:
    text = json.dumps(payload, ensure_ascii=False, separators=(",", ":"))
    if content_type == "form":
        return urllib.parse.urlencode({"payload": text}).encode()
    return text.encode()


def headers_of(delivery: Delivery, body: bytes, hook: Hook) -> dict[str, str]:
    """Return GitHub's headers; without a secret there is no signature."""
    form = hook.content_type == "form"
    headers = {
        "Accept": "*/*",
        "Content-Type": "application/x-www-form-urlencoded" if form else "application/json",
        "User-Agent": "GitHub-Hookshot/5an6b0x",
        "X-GitHub-Delivery": delivery.guid,
        "X-GitHub-Event": delivery.event,
        "X-GitHub-Hook-ID": str(hook.id),
        "X-GitHub-Hook-Installation-Target-ID": str(hook.app_id),
        "X-GitHub-Hook-Installation-Target-Type": "integration",
    }
    if hook.secret:
        for name, algorithm in (("-256", hashlib.sha256), ("", hashlib.sha1)):
            digest = hmac.new(hook.secret.encode(), body, algorithm)
            headers[f"X-Hub-Signature{name}"] = f"{digest.name[5:]}={digest.hexdigest()}"
    return headers
