"""Limit the size of a request's header and the time to send it, before any authentication."""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEADER_BYTES = 32 * 1024  # GitHub sends about one kilobyte
HEADER_SECONDS = 10.0  # from the connection, or the last answer, to the end of the header
CONNECTIONS = 512  # requests beyond that get 503; with small bodies it is 128 MB


class LimitedHttp(HttpToolsProtocol):
    """uvicorn's protocol with limits; it would wait for ever and accept a header of any size."""

    header_seconds = HEADER_SECONDS
    _header_timer: asyncio.TimerHandle | None = None
    _header_open = False
    _header_bytes = 0
    _unparsed_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        super().connection_made(transport)
        self._expect_header()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if not self._header_open:
            return
        # `_count` sees a field only when it is complete; until then the parser buffers it.
        self._unparsed_bytes += len(data)
        if self._unparsed_bytes > HEADER_BYTES and not self.transport.is_closing():
            self.send_400_response("The header is too large.")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._header_open, self._header_bytes, self._unparsed_bytes = True, 0, 0

    def on_url(self, url: bytes) -> None:
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count(len(name) + len(value))
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._header_open = False
        self._stop_waiting()
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.cycle.response_complete:  # and no other request has arrived meanwhile
            self._expect_header()  # even if the rest of this one's body still arrives

    def _count(self, size: int) -> None:
        self._header_bytes += size
        if self._header_bytes > HEADER_BYTES:
            raise ValueError("the header is too large")  # the parser ends with 400

    def _expect_header(self) -> None:
        self._stop_waiting()
        if not self.transport.is_closing():
            self._header_timer = self.loop.call_later(self.header_seconds, self.transport.close)

    def _stop_waiting(self) -> None:
        if self._header_timer is not None:
            self._header_timer.cancel()
            self._header_timer = None
