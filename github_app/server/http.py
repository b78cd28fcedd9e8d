"""The HTTP server: webhooks, health checks and metrics, details pages."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from github_app.runtime.metrics import Metrics
from github_app.server.limits import CONNECTIONS, LimitedHttp
from github_app.webhooks.admission import Admission
from github_app.webhooks.endpoint import Store, WebhookEndpoint

GRACEFUL_SECONDS = 2
BACKLOG = 2048
METRICS_TYPE = "text/plain; version=1.0.0; charset=utf-8"


def create_app(
    *,
    intake: Store,
    secrets: Sequence[str],
    metrics: Metrics,
    ready: Callable[[], Mapping[str, str]],
    admission: Admission | None = None,
    pages: Sequence[Route] = (),
) -> Starlette:
    """Return the application; *ready* returns the current problems by part.

    *pages* are the routes for people.

    Raises ValueError without a secret: no delivery could be verified.
    """
    if not secrets or not all(secrets):
        raise ValueError("no webhook secret is configured, so no delivery can be verified")
    webhook = WebhookEndpoint(
        intake=intake, secrets=secrets, metrics=metrics, admission=admission or Admission()
    )

    async def receive(request: Request) -> Response:
        return await webhook(request)

    route = Route("/webhooks/github", receive, methods=["POST"])
    return Starlette(routes=[route, *_probes(metrics, ready), *pages])


def create_probes(*, metrics: Metrics, ready: Callable[[], Mapping[str, str]]) -> Starlette:
    """Return the application of a process that receives no webhooks."""
    return Starlette(routes=_probes(metrics, ready))


def _probes(metrics: Metrics, ready: Callable[[], Mapping[str, str]]) -> list[Route]:
    async def healthz(_request: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def readyz(_request: Request) -> Response:
        problems = await run_in_threadpool(ready)
        return JSONResponse({"problems": dict(problems)}, status_code=503 if problems else 200)

    async def show_metrics(_request: Request) -> Response:
        return Response(metrics.render(), media_type=METRICS_TYPE)

    return [
        Route("/healthz", healthz),
        Route("/readyz", readyz),
        Route("/metrics", show_metrics),
    ]


def serve(
    app: Starlette, *, host: str, port: int, on_listening: Callable[[str], None] = lambda _url: None
) -> None:
    """Serve *app* until SIGTERM or SIGINT. Prints nothing itself."""
    build_server(app, host=host, port=port, on_listening=on_listening).run()


def build_server(
    app: Starlette,
    *,
    host: str,
    port: int,
    on_listening: Callable[[str], None],
    connections: int = CONNECTIONS,
) -> Server:
    """Return a server that is not running yet; port 0 takes a free port."""
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        loop="auto",
        http=LimitedHttp,
        limit_concurrency=connections,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        backlog=BACKLOG,
        timeout_graceful_shutdown=GRACEFUL_SECONDS,
    )
    return Server(config, on_listening)


class Server(uvicorn.Server):
    """A uvicorn server that reports its address and does not end the process."""

    def __init__(self, config: uvicorn.Config, on_listening: Callable[[str], None]) -> None:
        super().__init__(config)
        self._on_listening = on_listening

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to listen, then report the address."""
        await super().startup(sockets)
        for server in self.servers:
            for listening in server.sockets:
                self._on_listening(_url(self.config.host, listening.getsockname()[1]))
                return

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop serving on a signal.

        uvicorn raises the signal again after that. It would end the process before the shutdown.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        handled = (signal.SIGTERM, signal.SIGINT)
        before = {number: signal.signal(number, self.handle_exit) for number in handled}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _url(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
