"""The whole web site as one ASGI application, with what surrounds every answer."""

from __future__ import annotations

import collections
import uuid
from email.utils import formatdate

from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route, Router
from starlette.types import Message, Receive, Scope, Send

from sandbox.github import (
    installing,
    registration,
    rest_app,
    rest_checks,
    rest_hook,
    rest_repositories,
)
from sandbox.github.git_http import GitHttp
from sandbox.github.rest_call import ApiError, answer_error
from sandbox.github.state import State

API = "/api/v3"
VERSIONS = ("2022-11-28", "2026-03-10")
RATE_LIMIT = 5000  # requests an hour, counted and told but not enforced
NO_USER_AGENT = (
    "Request forbidden by administrative rules. "
    "Please make sure your request has a User-Agent header."
)


class Site(Starlette):
    """Starlette, with the clock's Date, REST's headers, and a record of every request."""

    def __init__(self, state: State) -> None:
        rest = Router(
            # The check runs of a commit come before the commit, whose ref may hold slashes.
            [
                *rest_app.ROUTES,
                *rest_hook.ROUTES,
                *registration.ROUTES,
                *rest_checks.ROUTES,
                *rest_repositories.ROUTES,
            ],
            redirect_slashes=False,
        )
        routes = [
            Mount(API, rest),
            *registration.WEB_ROUTES,
            *installing.WEB_ROUTES,
            Route("/{owner}/{name}/{endpoint:path}", GitHttp(state)),
        ]
        handlers = {ApiError: answer_error, HTTPException: answer_error}
        super().__init__(routes=routes, exception_handlers=handlers)
        self.router.redirect_slashes = False
        self.state.github = state
        self._requests_by: collections.Counter[str] = collections.Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await super().__call__(scope, receive, send)
            return
        headers = Headers(scope=scope)
        rest = scope["path"].startswith(f"{API}/")

        async def finish(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._complete(headers, MutableHeaders(scope=message), rest=rest)
                record = (scope["method"], scope["path"], message["status"])
                self.state.github.requests.append(record)
            await send(message)

        if rest and (refusal := _refuse(headers)) is not None:
            await refusal(scope, receive, finish)
            return
        await super().__call__(scope, receive, finish)

    def _complete(self, asked: Headers, answer: MutableHeaders, *, rest: bool) -> None:
        """Add the headers that GitHub sends with every answer."""
        now = self.state.github.clock()
        answer["Date"] = formatdate(now, usegmt=True)
        if not rest:
            return
        caller = asked.get("authorization", "")
        self._requests_by[caller] += 1
        used = self._requests_by[caller]
        answer.update(
            {
                "X-GitHub-Api-Version-Selected": asked.get("x-github-api-version", VERSIONS[0]),
                "X-GitHub-Request-Id": uuid.uuid4().hex.upper(),
                "X-RateLimit-Limit": str(RATE_LIMIT),
                "X-RateLimit-Remaining": str(max(0, RATE_LIMIT - used)),
                "X-RateLimit-Used": str(used),
                "X-RateLimit-Reset": str(int(now) + 3600),
                "X-RateLimit-Resource": "core",
            }
        )


def _refuse(headers: Headers) -> PlainTextResponse | None:
    """Return the answer to a REST request that GitHub does not even look at."""
    if not headers.get("user-agent"):
        return PlainTextResponse(NO_USER_AGENT, 403)
    if headers.get("x-github-api-version", VERSIONS[0]) not in VERSIONS:
        return PlainTextResponse("The API version is not supported.", 400)
    return None
