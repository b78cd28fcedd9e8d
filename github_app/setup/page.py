"""The wizard's web page on loopback: the request, a button to GitHub, and the result."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from github_app.setup.page_access import COOKIE, PageAccess

PACKAGE = Path(__file__).parents[1]
LONGEST_CODE = 200  # characters


class Flow(Protocol):
    """The state of the registration, which the page shows, and the exchange of GitHub's code."""

    def shown(self) -> Mapping[str, Any]:
        """Return the values of the page: `stage` and its details."""
        ...

    def manifest(self) -> Mapping[str, Any]: ...
    def take(self, code: str) -> None:
        """Exchange the code and save the result. Never raises: a failure is a stage."""
        ...

    def seen(self, stage: str) -> None:
        """The browser shows this stage now."""
        ...


@dataclass(frozen=True)
class Target:
    """The GitHub page that the manifest is sent to."""

    origin: str  # "https://github.com"
    organization: str | None

    def action(self, state: str) -> str:
        """Return the URL that the form posts to."""
        holder = f"/organizations/{quote(self.organization, safe='')}" if self.organization else ""
        return f"{self.origin}{holder}/settings/apps/new?state={quote(state, safe='')}"


def create_page(target: Target, flow: Flow, access: PageAccess) -> Starlette:
    """Return the page as an application."""
    page = _Page(target, flow, access)
    return Starlette(
        routes=[
            Route("/start", page.start),
            Route("/", page.show),
            Route("/registered", page.registered),
            Route("/stage", page.stage),
            Mount("/static", StaticFiles(directory=PACKAGE / "static")),
        ],
        middleware=[
            # Against DNS rebinding: a foreign name may point to 127.0.0.1.
            Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"]),
            Middleware(PageHeaders, form_action=target.origin),
        ],
        exception_handlers={404: page.missing},
    )


class _Page:
    def __init__(self, target: Target, flow: Flow, access: PageAccess) -> None:
        self._target = target
        self._flow = flow
        self._access = access
        self._templates = Environment(
            loader=FileSystemLoader(PACKAGE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
        )

    async def start(self, request: Request) -> Response:
        """Exchange the one-time link for a cookie."""
        answer = RedirectResponse("/", 303)
        if self._access.knows(request.cookies.get(COOKIE, "")):
            return answer
        cookie = self._access.enter(request.query_params.get("token", ""))
        if cookie is None:
            return self._refused()
        # Lax: GitHub's redirect must send the cookie, which Strict prevents.
        answer.set_cookie(COOKIE, cookie, httponly=True, samesite="lax", path="/")
        return answer

    async def show(self, request: Request) -> Response:
        """Show the state of the registration."""
        if not self._known(request):
            return self._refused()
        shown = self._flow.shown()
        manifest = json.dumps(self._flow.manifest())
        action = self._target.action(self._access.state)
        return self._render("setup.html", manifest=manifest, action=action, **shown)

    async def registered(self, request: Request) -> Response:
        """Take the code from GitHub's redirect."""
        if not self._known(request):
            return self._refused()
        code = request.query_params.get("code", "")
        if not self._access.spend(request.query_params.get("state", "")):
            return self._refused(
                "This answer does not belong to the page that sent the request to GitHub."
            )
        if not (0 < len(code) <= LONGEST_CODE and code.isascii() and code.isprintable()):
            return self._refused("GitHub sent no code.")
        await run_in_threadpool(self._flow.take, code)
        return RedirectResponse("/", 303)  # so that a reload does not send the code again

    async def stage(self, request: Request) -> Response:
        """Record the stage that the page shows, and return the current one."""
        if not self._known(request):
            return JSONResponse({}, 403)
        self._flow.seen(request.query_params.get("shown", ""))
        return JSONResponse({"stage": self._flow.shown()["stage"]})

    async def missing(self, _request: Request, _exc: Exception) -> Response:
        return self._render("setup_refused.html", 404, problem="There is no such page.")

    def _known(self, request: Request) -> bool:
        return self._access.knows(request.cookies.get(COOKIE, ""))

    def _refused(self, problem: str = "This link was used already, or is incomplete.") -> Response:
        return self._render("setup_refused.html", 403, problem=problem)

    def _render(self, name: str, status: int = 200, **words: object) -> Response:
        return HTMLResponse(self._templates.get_template(name).render(words), status)


class PageHeaders:
    """Adds security headers; forms may be sent to the page itself and to *form_action*."""

    def __init__(self, app: ASGIApp, *, form_action: str) -> None:
        self._app = app
        self._headers = {
            "Content-Security-Policy": (
                "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
                f"connect-src 'self'; form-action 'self' {form_action}; base-uri 'none'; "
                "frame-ancestors 'none'"
            ),
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "same-origin",
            "Cross-Origin-Opener-Policy": "same-origin",
            "Cache-Control": "no-store",
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def finish(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(self._headers)
            await send(message)

        await self._app(scope, receive, finish)
