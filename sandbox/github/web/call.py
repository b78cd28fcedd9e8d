"""One request of a browser: its form, and answers that are pages or redirects."""

from __future__ import annotations

import urllib.parse
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from sandbox.github.state.state import State


@dataclass(frozen=True)
class Visit:
    """A browser's request, read in full; the form's fields come before the address's."""

    state: State
    request: Request
    form: Mapping[str, list[str]]

    def field(self, name: str) -> str:
        """Return a field of the form or of the address; the empty text without one."""
        return self.form.get(name, [self.request.query_params.get(name, "")])[0]

    def fields(self, name: str) -> list[str]:
        """Return all that was chosen under one name."""
        return self.form.get(name, [])

    def part(self, name: str) -> str:
        """Return a part of the path; the empty text without one."""
        return str(self.request.path_params.get(name, ""))


def page(html: str, status: int = 200) -> Response:
    return HTMLResponse(html, status)


def lead_to(url: str, **query: str) -> Response:
    """Redirect the browser to *url*, with *query* added to its query."""
    parts = urllib.parse.urlsplit(url)
    pairs = urllib.parse.parse_qsl(parts.query, keep_blank_values=True) + list(query.items())
    target = urllib.parse.urlunsplit(parts._replace(query=urllib.parse.urlencode(pairs)))
    return RedirectResponse(target, 302)


def web_route(methods: tuple[str, ...], path: str, handler: Callable[[Visit], Response]) -> Route:
    """Return a route that runs *handler* in a thread, with the form read."""

    async def endpoint(request: Request) -> Response:
        body = (await request.body()).decode(errors="replace")
        form = urllib.parse.parse_qs(body, keep_blank_values=True)
        return await run_in_threadpool(handler, Visit(request.app.state.github, request, form))

    return Route(path, endpoint, methods=list(methods))
