"""Serve an ASGI application on a free loopback port, in a thread of its own."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Generator, Iterator

import uvicorn
from starlette.types import ASGIApp

from sandbox.certificates import Certificate

BACKLOG = 2048
TURNS_TO_END = 100  # of the loop; three are enough, unless a task does not end when cancelled


class QuietServer(uvicorn.Server):
    """A uvicorn server that leaves the process's signals alone, and stops on request.

    uvicorn's own loop checks ten times a second whether it should end.
    """

    _loop: asyncio.AbstractEventLoop | None = None

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield

    async def main_loop(self) -> None:
        await self.on_tick(0)
        self._leaving = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        if not self.should_exit:
            await self._leaving.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # asyncio never closes a connection that it is accepting while the listener is closed.
        for listening in sockets or ():
            asyncio.get_running_loop().remove_reader(listening)
        await asyncio.sleep(0)
        await super().shutdown(sockets)

    def leave(self) -> None:
        """End soon; may be called from any thread."""
        self.should_exit = True
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # it has ended already
                self._loop.call_soon_threadsafe(self._leaving.set)


class Listener:
    """A bound loopback port; its URL is known before the application exists."""

    def __init__(self, certificate: Certificate | None) -> None:
        self._socket = _bound(0)
        self._socket.listen(BACKLOG)
        self._port = self._socket.getsockname()[1]
        self._certificate = certificate
        self._app: ASGIApp | None = None
        self._server: QuietServer | None = None
        self._thread: threading.Thread | None = None
        scheme = "https" if certificate else "http"
        self.url = f"{scheme}://127.0.0.1:{self._port}"

    def serve(self, app: ASGIApp) -> None:
        """Start answering with *app*; return once connections are accepted."""
        self._app = app
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
        # Only the loop knows the connections in the middle of a TLS handshake, and another one may
        # have been accepted just before the listener was closed.
        transports = getattr(asyncio.get_running_loop(), "_transports", {})
        for turn in range(TURNS_TO_END):
            others = asyncio.all_tasks() - {asyncio.current_task()}
            if not transports and not others:
                break
            for transport in list(transports.values()):
                transport.abort()
            if (
                turn == TURNS_TO_END // 2
            ):  # not before: what was just accepted would never be closed
                for task in others:
                    task.cancel()
            await asyncio.sleep(0)  # lets the transports report that they are lost

    @contextlib.contextmanager
    def refusing(self) -> Iterator[None]:
        """Refuse every connection within the block, and close open ones; keep the port."""
        assert self._app is not None
        self._stop()
        self._socket = _bound(self._port)
        try:
            yield
        finally:
            self._socket.listen(BACKLOG)
            self.serve(self._app)

    def leave(self) -> None:
        """Begin to stop; `close` waits for the end."""
        if self._server is not None:
            self._server.leave()

    def close(self) -> None:
        """Stop answering and free the port."""
        self._stop()

    def _stop(self) -> None:
        self.leave()
        if self._thread is not None:
            self._thread.join(timeout=5)
        self._socket.close()


def _bound(port: int) -> socket.socket:
    """Return a socket that has the port and refuses connections until it listens."""
    bound = socket.socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # asyncio leaves Nagle's algorithm on for such a socket: 40 ms for most answers.
    bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    bound.bind(("127.0.0.1", port))
    return bound
