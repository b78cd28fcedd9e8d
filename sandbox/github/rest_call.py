"""One REST call: what a handler is given, the errors it may raise, and pages."""

from __future__ import annotations

import json
import urllib.parse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.github.app_auth import JwtRefusedError, verify_jwt
from sandbox.github.installations import Account
from sandbox.github.repositories import Hosted
from sandbox.github.representations import Json
from sandbox.github.state import Principal, State

DOCUMENTATION = "https://docs.github.com/rest"
MAX_PER_PAGE = 100
T = TypeVar("T")


class ApiError(Exception):
    """An answer that is an error, in GitHub's shape."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        errors: Sequence[Mapping[str, object]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        body: Json = {
            "message": message,
            "documentation_url": DOCUMENTATION,
            "status": str(status),
        }
        if errors:
            body["errors"] = list(errors)
        self.response = JSONResponse(body, status, headers)


def not_found() -> ApiError:
    """Return the error for what does not exist, or must not be known to exist."""
    return ApiError(404, "Not Found")


@dataclass(frozen=True)
class Call:
    """A request to REST, read in full."""

    state: State
    request: Request
    body: bytes

    def fields(self) -> Json:
        """Return the JSON object that was sent."""
        try:
            fields = json.loads(self.body or b"{}")
        except ValueError as exc:
            raise ApiError(400, "Problems parsing JSON") from exc
        if not isinstance(fields, dict):
            raise ApiError(400, "Body should be a JSON object")
        return fields

    def part(self, name: str) -> str:
        """Return a part of the path."""
        return str(self.request.path_params[name])

    def query(self, name: str, default: str = "") -> str:
        return self.request.query_params.get(name, default)

    def principal(self) -> Principal | None:
        """Return whose token this is; None without one."""
        authorization = self.request.headers.get("authorization")
        if authorization is None:
            return None
        scheme, _, secret = authorization.partition(" ")
        known = scheme.lower() in ("bearer", "token")
        principal = self.state.tokens.find(secret.strip()) if known else None
        if principal is None:
            raise ApiError(401, "Bad credentials")
        if self.state.suspended(principal):
            raise ApiError(403, "This installation has been suspended")
        return principal

    def repository(self) -> Hosted:
        """Return the repository in the path; 404 if the caller may not know of it."""
        if "repository_id" in self.request.path_params:
            hosted = self.state.repositories.find_by_id(int(self.part("repository_id")))
        else:
            hosted = self.state.repositories.find(f"{self.part('owner')}/{self.part('name')}")
        if hosted is None or not self.state.reaches(self.principal(), hosted):
            raise not_found()
        return hosted

    def permitted_repository(self, permission: str, level: str) -> Hosted:
        """Return the repository in the path; 403 if the token lacks the permission."""
        hosted = self.repository()
        principal = self.principal()
        if not self.state.allows(principal, hosted, permission, level):
            if principal is None:
                raise ApiError(401, "Requires authentication")
            needed = {"X-Accepted-GitHub-Permissions": f"{permission}={level}"}
            raise ApiError(403, "Resource not accessible by integration", headers=needed)
        return hosted

    def require_app(self) -> None:
        """Raise unless the caller is the App, by a JWT; a user's token will not do."""
        try:
            header = self.request.headers.get("authorization")
            verify_jwt(self.state.app, header, self.state.clock)
        except JwtRefusedError as refused:
            raise ApiError(refused.status, refused.message) from refused

    def require_no_user(self) -> None:
        """Raise if the caller is a user: only Apps may write this."""
        if isinstance(self.principal(), Account):
            raise ApiError(403, "You must authenticate via a GitHub App.")

    def per_page(self) -> int:
        return max(1, min(MAX_PER_PAGE, self._number("per_page", 30)))

    def page(self, items: Sequence[T]) -> tuple[list[T], dict[str, str]]:
        """Return the page that was asked for, and the Link header to the others."""
        size, number = self.per_page(), max(1, self._number("page", 1))
        last = max(1, -(-len(items) // size))
        links: dict[str, int] = {}
        if number > 1:
            links |= {"prev": number - 1, "first": 1}
        if number < last:
            links |= {"next": number + 1, "last": last}
        chosen = list(items[(number - 1) * size : number * size])
        return chosen, self.links({rel: {"page": str(page)} for rel, page in links.items()})

    def links(self, wanted: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
        """Return a Link header to this same list with other query parameters."""
        path = self.state.url + self.request.url.path
        query = dict(self.request.query_params)
        parts = [
            f'<{path}?{urllib.parse.urlencode({**query, **change})}>; rel="{rel}"'
            for rel, change in wanted.items()
        ]
        return {"Link": ", ".join(parts)} if parts else {}

    def _number(self, name: str, default: int) -> int:
        value = self.query(name, str(default))
        return int(value) if value.isdecimal() else default


Handler = Callable[[Call], Response]


def route(method: str, path: str, handler: Handler) -> Route:
    """Return a route that runs *handler* in a thread, with the body read."""

    async def endpoint(request: Request) -> Response:
        call = Call(request.app.state.github, request, await request.body())
        return await run_in_threadpool(handler, call)

    return Route(path, endpoint, methods=[method])


async def answer_error(_request: Request, error: Exception) -> Response:
    """Turn an exception into GitHub's answer; a wrong method is a 404 there."""
    if isinstance(error, ApiError):
        return error.response
    if isinstance(error, HTTPException) and error.status_code != 405:
        return ApiError(error.status_code, str(error.detail)).response
    return not_found().response
