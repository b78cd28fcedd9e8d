"""Serve an ASGI application on a free loopback port, in a thread of its own."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Generator

import uvicorn
from starlette.types import ASGIApp

from sandbox.certificates import Certificate


class QuietServer(uvicorn.Server):
    """A uvicorn server that leaves the process's signals alone."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


class Listener:
    """A bound loopback port; its URL is known before the application exists."""

    def __init__(self, certificate: Certificate | None) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=2048)
        # asyncio leaves Nagle's algorithm on for such a socket: 40 ms for most answers.
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._certificate = certificate
        self._server: QuietServer | None = None
        self._thread: threading.Thread | None = None
        scheme = "https" if certificate else "http"
        self.url = f"{scheme}://127.0.0.1:{self._socket.getsockname()[1]}"

    def serve(self, app: ASGIApp) -> None:
        """Start answering with *app*; return once connections are accepted."""
        config = uvicorn.Config(
            app,
            log_config=None,
            lifespan="off",
            ws="none",
            date_header=False,  # the stand-ins have clocks of their own
            timeout_graceful_shutdown=1,
            ssl_certfile=self._certificate.chain_path if self._certificate else None,
            ssl_keyfile=self._certificate.key_path if self._certificate else None,
        )
        self._server = QuietServer(config)
        self._thread = threading.Thread(target=self._run, name=f"serve {self.url}", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        assert self._server is not None
        asyncio.run(self._serve(self._server))

    async def _serve(self, server: QuietServer) -> None:
        await server.serve(sockets=[self._socket])
        for connection in list(server.server_state.connections):  # of clients that stay
            if connection.transport is not None:
                connection.transport.abort()
        await asyncio.sleep(0)  # lets the transports tell that they are lost

    def close(self) -> None:
        """Stop answering and free the port."""
        if self._server is not None and self._thread is not None:
            self._server.should_exit = True
            self._thread.join(timeout=5)
        self._socket.close()
