"""Webhooks: signed, sent in order by one thread, and logged as GitHub logs them.

Or out of order, by several threads, as `Deliveries.disorder` says.
"""

from __future__ import annotations

import hashlib
import heapq
import hmac
import itertools
import json
import threading
import time
import urllib.parse
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import requests

from sandbox import disclosure
from sandbox.github.state.disorder import IN_ORDER, Disorder, Fate

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

    def __setattr__(self, name: str, value: object) -> None:
        if name == "secret":
            disclosure.secret(str(value))
        super().__setattr__(name, value)


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


@dataclass(order=True)
class _Waiting:
    """A delivery that is due at a moment of the monotonic clock; *number* keeps the order."""

    due: float
    number: int
    delivery: Delivery = field(compare=False)
    fate: Fate = field(compare=False, default=IN_ORDER)
    is_logged: bool = field(compare=False, default=True)  # not where somebody else sends it


class Deliveries:
    """The queue of events to deliver, the threads that do it, and the log."""

    def __init__(self, hook: Hook, clock: Callable[[], float]) -> None:
        self.retention = RETENTION  # a test may change it
        self.disorder: Disorder | None = None  # None: in order, by one thread
        self._hook = hook
        self._clock = clock
        self._ids = itertools.count(1_000_001)
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._log: list[Delivery] = []
        self._waiting: list[_Waiting] = []  # a heap
        self._changed = threading.Condition()
        self._sending = 0
        self._closing = False
        self._threads: list[threading.Thread] = []

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
        delivery = Delivery(
            id=0,  # it has one once it is in the log
            guid=guid or str(uuid.uuid4()),
            event=event,
            action=action if isinstance(action, str) else None,
            payload=payload,
            installation_id=installation_id,
            repository_id=repository_id,
        )
        number, disorder = next(self._numbers), self.disorder
        fate = IN_ORDER if disorder is None else disorder.fate(number)
        self._put(_Waiting(time.monotonic() + fate.pause, number, delivery, fate))

    def redeliver(self, delivery: Delivery) -> None:
        """Queue the same event again, under the same GUID."""
        again = replace(delivery, redelivery=True)
        self._put(_Waiting(time.monotonic(), next(self._numbers), again))

    def log(self) -> list[Delivery]:
        """Return every finished attempt, oldest first."""
        with self._lock:
            return list(self._log)

    def retained(self) -> list[Delivery]:
        """Return the attempts that GitHub has not forgotten yet, oldest first."""
        since = self._clock() - self.retention
        return [one for one in self.log() if one.delivered_at > since]

    @property
    def are_idle(self) -> bool:
        """Whether nothing is being sent, nor waits for it."""
        with self._changed:
            return not self._waiting and not self._sending

    def close(self) -> None:
        """Stop the threads; what is still queued is not sent."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
            threads = list(self._threads)
        for thread in threads:
            thread.join(timeout=TIMEOUT + 1)

    def _put(self, waiting: _Waiting) -> None:
        """Queue a delivery; threads are started where there are too few."""
        with self._changed:
            heapq.heappush(self._waiting, waiting)
            while len(self._threads) < self._crew() and not self._closing:
                work = threading.Thread(
                    target=self._work, args=(len(self._threads),), name="webhooks", daemon=True
                )
                self._threads.append(work)
                work.start()
            self._changed.notify_all()

    def _crew(self) -> int:
        """Return how many threads may send at once."""
        return 1 if self.disorder is None else self.disorder.threads

    def _work(self, place: int) -> None:
        with requests.Session() as session:
            while (waiting := self._take(place)) is not None:
                try:
                    self._deliver(session, waiting)
                finally:
                    with self._changed:
                        self._sending -= 1

    def _take(self, place: int) -> _Waiting | None:
        """Return what is due, once it is the turn of this thread; None at the end."""
        with self._changed:
            while not self._closing:
                idle = not self._waiting or place >= self._crew()
                seconds = None if idle else self._waiting[0].due - time.monotonic()
                if seconds is not None and seconds <= 0:
                    self._sending += 1
                    return heapq.heappop(self._waiting)
                self._changed.wait(seconds)
        return None

    def _deliver(self, session: requests.Session, waiting: _Waiting) -> None:
        delivery, fate = waiting.delivery, waiting.fate
        body = _body(delivery.payload, self._hook.content_type)
        if len(body) > MAX_PAYLOAD:
            return
        if fate.repeated_after is not None:
            due = time.monotonic() + fate.repeated_after
            self._put(_Waiting(due, waiting.number, replace(delivery, redelivery=True)))
        if fate.replayed_after is not None:
            due = time.monotonic() + fate.replayed_after
            stranger = replace(delivery, guid=str(uuid.uuid4()))
            self._put(_Waiting(due, waiting.number, stranger, is_logged=False))
        finished = self._attempt(session, delivery, body, fate)
        disclosure.written("answer to a webhook", finished.response_body)
        if waiting.is_logged:
            with self._lock:
                self._log.append(replace(finished, id=next(self._ids)))

    def _attempt(
        self, session: requests.Session, delivery: Delivery, body: bytes, fate: Fate
    ) -> Delivery:
        url = self._hook.url
        headers = headers_of(delivery, body, self._hook)
        started = time.monotonic()
        delivered_at = self._clock()
        response = TIMED_OUT if fate.lost else _post(session, url, body, headers)
        if fate.unheard:
            response = TIMED_OUT
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
