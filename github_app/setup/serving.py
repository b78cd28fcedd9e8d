"""Serve the wizard's page on loopback while the wizard runs."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator

from starlette.applications import Starlette

from github_app.server.http import build_server
from promotion.errors import ConfigError

HOST = "127.0.0.1"  # not reachable from other machines
STOP_SECONDS = 5.0


def open_port(port: int) -> socket.socket:
    """Return a listening loopback socket; 0 takes a free port."""
    try:
        return socket.create_server((HOST, port))
    except OSError as exc:
        raise ConfigError(f"port {port} can't be used ({exc.strerror}): leave --port out") from None


def url_of(listening: socket.socket) -> str:
    return f"http://{HOST}:{listening.getsockname()[1]}"


@contextlib.contextmanager
def serving(app: Starlette, listening: socket.socket) -> Iterator[None]:
    """Serve *app* on *listening* in a thread."""
    server = build_server(app, host=HOST, port=0, on_listening=lambda _url: None)
    thread = threading.Thread(target=server.run, args=([listening],), name="setup", daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(STOP_SECONDS)
        listening.close()
