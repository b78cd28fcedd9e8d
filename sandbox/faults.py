"""Make a stand-in answer wrongly, late or not at all, as real services sometimes do."""

from __future__ import annotations

import asyncio
import fnmatch
import http
import json
import random
import socket
import struct
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from starlette.types import ASGIApp, Message, Receive, Scope, Send

Answer = int | Literal["reset", "html", "empty", "hang", "half", "late"]
ERROR_CODES = {
    429: "REQUEST_LIMIT_EXCEEDED",
    500: "INTERNAL_ERROR",
    503: "TEMPORARILY_UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
HTML = "<html><head><title>502 Bad Gateway</title></head><body><pre>nginx</pre></body></html>"
LOOK_SECONDS = 0.1  # between looks whether a trouble is over
# SO_LINGER with a zero timeout: closing sends RST, so that clients see a reset connection.
RESET_ON_CLOSE = struct.pack("ii", 1, 0)


@dataclass
class Fault:
    """One wrong answer, for the requests whose method and path match."""

    method: str
    path: str  # as fnmatch has it; "*" crosses slashes
    status: Answer
    times: int | None  # None: for ever
    when: Literal["before", "after"]
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str | Mapping[str, Any] | None = None
    seconds: float = 0.0
    rate: float = 1.0
    seed: int = 0
    hits: int = 0  # how often it struck

    def __post_init__(self) -> None:
        self._dice = random.Random(self.seed)

    def strikes(self, method: str, path: str) -> bool:
        """Return whether this request is hit; of the matching ones, only the configured share."""
        if not fnmatch.fnmatchcase(method, self.method):
            return False
        if not fnmatch.fnmatchcase(path, self.path):
            return False
        return self.rate >= 1.0 or self._dice.random() < self.rate


class Faults:
    """The faults of one stand-in. `wrap` must be outermost: some need the server's own send."""

    def __init__(self) -> None:
        self.latency_seconds = 0.0  # added to every answer
        self._faults: list[Fault] = []
        self._lock = threading.Lock()
        self._over = threading.Event()  # set once what hangs now is to hang no more

    def add(
        self,
        *,
        status: Answer,
        method: str = "*",
        path: str = "*",
        times: int | None = 1,
        when: Literal["before", "after"] = "before",
        headers: Mapping[str, str] | None = None,
        body: str | Mapping[str, Any] | None = None,
        seconds: float = 0.0,
        rate: float = 1.0,
        seed: int = 0,
    ) -> Fault:
        """Answer the next *times* matching requests with *status*; the oldest fault strikes first.

        "after" lets the request take effect, then loses or replaces its answer.
        "html" is a proxy's 502 page, "empty" a 500 with no body, "reset" a closed connection,
        "hang" no answer until the client gives up, or until `clear` closes the connection.
        "late" and "half" let the request take effect and give the right answer: after *seconds*,
        or only up to the middle of its body. Any other answer may be *seconds* late too.

        With a *rate*, each matching request is struck with that probability, the same ones in
        the order of coming for the same *seed*; who is spared may be struck by the next fault.
        """
        fault = Fault(
            method, path, status, times, when, dict(headers or {}), body, seconds, rate, seed
        )
        with self._lock:
            self._faults.append(fault)
        return fault

    def clear(self) -> None:
        """Forget every fault and the latency, and hang up where a request hangs."""
        with self._lock:
            self._faults.clear()
            self._over.set()
            self._over = threading.Event()
            self.latency_seconds = 0.0

    def wrap(self, app: ASGIApp) -> ASGIApp:
        """Return *app* with these faults in front of it."""

        async def faulty(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                return await app(scope, receive, send)
            if self.latency_seconds:
                await asyncio.sleep(self.latency_seconds)
            over = self._over
            fault = self._take(scope["method"], scope["path"])
            if fault is None:
                return await app(scope, receive, send)
            answer: list[Message] = []
            if fault.when == "after" or fault.status in ("half", "late"):
                answer = await _answer_of(app, scope, receive)
            await asyncio.sleep(fault.seconds)
            if fault.status == "hang":
                return await _hang(over, receive, send)
            return await _strike(fault, answer, receive, send)

        return faulty

    def _take(self, method: str, path: str) -> Fault | None:
        with self._lock:
            for fault in self._faults:
                if fault.strikes(method, path):
                    fault.hits += 1
                    if fault.hits == fault.times:
                        self._faults.remove(fault)
                    return fault
        return None


def transport_of(send: Send) -> asyncio.Transport | None:
    """Return the connection behind the server's *send*; uvicorn keeps it beside the method."""
    return getattr(getattr(send, "__self__", None), "transport", None)


async def _answer_of(app: ASGIApp, scope: Scope, receive: Receive) -> list[Message]:
    """Let the request take effect; return its answer, which nobody has seen."""
    answer: list[Message] = []

    async def keep(message: Message) -> None:
        answer.append(message)

    await app(scope, receive, keep)
    return answer


async def _strike(fault: Fault, answer: list[Message], receive: Receive, send: Send) -> None:
    if fault.status == "late":
        for message in answer:
            await send(message)
    elif fault.status == "half":
        await _cut(answer, receive, send)
    elif fault.status == "reset":
        await _reset(receive, send)
    else:
        await _answer(fault, send)


async def _cut(answer: list[Message], receive: Receive, send: Send) -> None:
    """Send the headers, which promise all of the body, and half of it; then hang up."""
    head, *rest = answer
    body = b"".join(message.get("body", b"") for message in rest)
    await send(head)
    await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
    _connection_of(send).close()
    await _until_disconnected(receive)


async def _hang(over: threading.Event, receive: Receive, send: Send) -> None:
    """Answer nothing until the client gives up; hang up where the trouble ends before."""
    gives_up = asyncio.ensure_future(_until_disconnected(receive))
    while not over.is_set():
        if (await asyncio.wait([gives_up], timeout=LOOK_SECONDS))[0]:
            return
    gives_up.cancel()
    await _reset(receive, send)


async def _until_disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _reset(receive: Receive, send: Send) -> None:
    transport = _connection_of(send)
    connection = transport.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
    transport.abort()
    await _until_disconnected(receive)


def _connection_of(send: Send) -> asyncio.Transport:
    transport = transport_of(send)
    if transport is None:
        raise RuntimeError("Faults.wrap must be outermost to end a connection")
    return transport


async def _answer(fault: Fault, send: Send) -> None:
    status, kind, body = _content(fault)
    headers = {"content-type": kind, "content-length": str(len(body))}
    headers |= {name.lower(): value for name, value in fault.headers.items()}
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body})


def _content(fault: Fault) -> tuple[int, str, bytes]:
    if fault.status == "html":
        return 502, "text/html", HTML.encode()
    if not isinstance(fault.status, int):
        return 500, "text/plain", b""
    if isinstance(fault.body, str):
        return fault.status, "text/plain", fault.body.encode()
    phrase = http.HTTPStatus(fault.status).phrase
    default = {
        "error_code": ERROR_CODES.get(fault.status, phrase.upper().replace(" ", "_")),
        "message": phrase,
    }
    body = default if fault.body is None else fault.body
    return fault.status, "application/json", json.dumps(body).encode()
