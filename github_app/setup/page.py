"""The wizard's page on loopback: what will be registered, a button to GitHub, and what came."""

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
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from github_app.setup.page_headers import PageHeaders
from github_app.setup.visitor import COOKIE, Visitors

PACKAGE = Path(__file__).parents[1]
LONGEST_CODE = 200  # characters


class Registering(Protocol):
    """How far the registration is; the page shows it and hands GitHub's code over."""

    def shown(self) -> Mapping[str, Any]:
        """Return what the page says: `stage`, and the words for it."""
        ...

    def manifest(self) -> Mapping[str, Any]: ...
    def take(self, code: str) -> None:
        """Exchange the code, and keep what it gives. Never raises: a problem is a stage."""
        ...

    def seen(self, stage: str) -> None:
        """A visitor's browser shows this stage now."""
        ...


@dataclass(frozen=True)
class Target:
    """Where the manifest is sent to."""

    origin: str  # "https://github.com"
    organization: str | None

    def action(self, state: str) -> str:
        """Return the address that the form posts to."""
        holder = f"/organizations/{quote(self.organization, safe='')}" if self.organization else ""
        return f"{self.origin}{holder}/settings/apps/new?state={quote(state, safe='')}"


def create_page(target: Target, registering: Registering, visitors: Visitors) -> Starlette:
    """Return the page as an application."""
    page = _Page(target, registering, visitors)
    return Starlette(
        routes=[
            Route("/start", page.start),
            Route("/", page.show),
            Route("/registered", page.registered),
            Route("/stage", page.stage),
            Mount("/static", StaticFiles(directory=PACKAGE / "static")),
        ],
        middleware=[
            # A name that somebody lets point to 127.0.0.1 is not ours.
            Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"]),
            Middleware(PageHeaders, form_action=target.origin),
        ],
        exception_handlers={404: page.missing},
    )


class _Page:
    def __init__(self, target: Target, registering: Registering, visitors: Visitors) -> None:
        self._target = target
        self._registering = registering
        self._visitors = visitors
        self._templates = Environment(
            loader=FileSystemLoader(PACKAGE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
        )

    async def start(self, request: Request) -> Response:
        """Let the link's first visitor in."""
        answer = RedirectResponse("/", 303)
        if self._visitors.knows(request.cookies.get(COOKIE, "")):
            return answer
        cookie = self._visitors.enter(request.query_params.get("token", ""))
        if cookie is None:
            return self._refused()
        # Lax: the return from GitHub must bring it, and Strict would not.
        answer.set_cookie(COOKIE, cookie, httponly=True, samesite="lax", path="/")
        return answer

    async def show(self, request: Request) -> Response:
        """Show how far the registration is."""
        if not self._known(request):
            return self._refused()
        shown = self._registering.shown()
        manifest = json.dumps(self._registering.manifest())
        action = self._target.action(self._visitors.state)
        return self._render("setup.html", manifest=manifest, action=action, **shown)

    async def registered(self, request: Request) -> Response:
        """Take the code with which GitHub sent the browser back."""
        if not self._known(request):
            return self._refused()
        code = request.query_params.get("code", "")
        if not self._visitors.spend(request.query_params.get("state", "")):
            return self._refused("This answer does not belong to the page that asked GitHub.")
        if not (0 < len(code) <= LONGEST_CODE and code.isascii() and code.isprintable()):
            return self._refused("GitHub sent no code.")
        await run_in_threadpool(self._registering.take, code)
        return RedirectResponse("/", 303)  # so that no reload sends the code again

    async def stage(self, request: Request) -> Response:
        """Hear from the page's script what it shows, and tell what there is to show."""
        if not self._known(request):
            return JSONResponse({}, 403)
        self._registering.seen(request.query_params.get("shown", ""))
        return JSONResponse({"stage": self._registering.shown()["stage"]})

    async def missing(self, _request: Request, _exc: Exception) -> Response:
        return self._render("setup_refused.html", 404, problem="There is no such page.")

    def _known(self, request: Request) -> bool:
        return self._visitors.knows(request.cookies.get(COOKIE, ""))

    def _refused(self, problem: str = "This link was used already, or is not whole.") -> Response:
        return self._render("setup_refused.html", 403, problem=problem)

    def _render(self, name: str, status: int = 200, **words: object) -> Response:
        return HTMLResponse(self._templates.get_template(name).render(words), status)
