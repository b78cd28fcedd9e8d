"""Middleware of a stand-in workspace: record and authenticate each request, and add latency."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import anyio.to_thread
from starlette.datastructures import QueryParams
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sandbox.databricks.calls import Caller
from sandbox.databricks.state.records import Latency, RequestRecord
from sandbox.faults import transport_of

# Threads for Git operations; with the default 40, clients would wait for each other.
THREADS = 128


class Door:
    """An ASGI application in front of the API, outermost so that no request escapes it."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        requests: list[RequestRecord],
        identify: Callable[[str], Caller],
        latency: Callable[[], Latency],
    ) -> None:
        self._app = app
        self._requests = requests
        self._identify = identify
        self._latency = latency

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        anyio.to_thread.current_default_thread_limiter().total_tokens = THREADS
        caller = self._identify(_authorization(scope))
        record = RequestRecord(
            method=scope["method"],
            path=scope["path"],
            query=dict(QueryParams(scope["query_string"])),
            principal=caller.name,
        )
        self._requests.append(record)
        scope.update(caller=caller, record=record)
        if seconds := self._latency().of(record.method, record.path):
            await asyncio.sleep(seconds)
        return await self._app(scope, receive, _Watched(send, record).send)


class _Watched:
    """A `send` that records the status, and exposes the connection behind it."""

    def __init__(self, send: Send, record: RequestRecord) -> None:
        self._send = send
        self._record = record
        self.transport = transport_of(send)

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._record.status = message["status"]
        await self._send(message)


def _authorization(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"authorization":
            text: str = value.decode("latin-1")
            return text
    return ""
