"""The whole web site as one ASGI application, with the headers of every answer."""

from __future__ import annotations

import uuid
from email.utils import formatdate

from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route, Router
from starlette.types import Message, Receive, Scope, Send

from sandbox.github.api import app, checks, deployments, hook, repositories, statuses
from sandbox.github.api.call import answer_error
from sandbox.github.api.git_http import GitHttp
from sandbox.github.errors import ApiError
from sandbox.github.state.state import State
from sandbox.github.state.tokens import IssuedToken
from sandbox.github.web import installing, registration

API = "/api/v3"
VERSIONS = ("2022-11-28", "2026-03-10")
NO_USER_AGENT = (
    "Request forbidden by administrative rules. "
    "Please make sure your request has a User-Agent header."
)


class Site(Starlette):
    """Starlette, with the clock's Date, REST's headers, and a record of every request."""

    def __init__(self, state: State) -> None:
        rest = Router(
            # The check runs of a commit come before the commit, whose ref may contain slashes.
            [
                *app.ROUTES,
                *hook.ROUTES,
                *registration.ROUTES,
                *checks.ROUTES,
                *statuses.ROUTES,
                *deployments.ROUTES,
                *repositories.ROUTES,
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

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await super().__call__(scope, receive, send)
            return
        headers = Headers(scope=scope)
        rest = scope["path"].startswith(f"{API}/")
        caller = self._caller(headers.get("authorization", ""))

        async def finish(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer = MutableHeaders(scope=message)
                answer["Date"] = formatdate(self.state.github.clock(), usegmt=True)
                if rest:
                    self._complete(headers, answer, caller, message["status"])
                record = (scope["method"], scope["path"], message["status"])
                self.state.github.requests.append(record)
            await send(message)

        if rest and (refusal := self._refusal(headers, scope, caller)) is not None:
            await refusal(scope, receive, finish)
            return
        await super().__call__(scope, receive, finish)

    def _caller(self, authorization: str) -> str:
        """Return whose requests are counted together: an installation's, whichever token."""
        token = self.state.github.tokens.find(authorization.partition(" ")[2].strip())
        if isinstance(token, IssuedToken):
            return f"installation {token.installation_id}"
        return authorization

    def _refusal(self, headers: Headers, scope: Scope, caller: str) -> Response | None:
        if (unseen := _refuse(headers)) is not None:
            return unseen
        limits = self.state.github.limits
        error = limits.refusal(scope["method"], scope["path"], caller)
        return None if error is None else error.response

    def _complete(self, asked: Headers, answer: MutableHeaders, caller: str, status: int) -> None:
        """Add the headers that GitHub sends with every answer of REST."""
        version = asked.get("x-github-api-version", VERSIONS[0])
        answer["X-GitHub-Api-Version-Selected"] = version
        answer["X-GitHub-Request-Id"] = uuid.uuid4().hex.upper()
        for name, value in self.state.github.limits.count(caller, status).items():
            answer.setdefault(name, value)


def _refuse(headers: Headers) -> PlainTextResponse | None:
    """Return the answer to a REST request that GitHub does not even look at."""
    if not headers.get("user-agent"):
        return PlainTextResponse(NO_USER_AGENT, 403)
    if headers.get("x-github-api-version", VERSIONS[0]) not in VERSIONS:
        return PlainTextResponse("The API version is not supported.", 400)
    return None
