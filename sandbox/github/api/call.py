"""One REST call: what a handler is given, the errors it may raise, and pages."""

from __future__ import annotations

import functools
import hashlib
import json
import urllib.parse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.github.api.app_auth import JwtRefusedError, verify_jwt
from sandbox.github.errors import ApiError, not_found
from sandbox.github.representations.objects import Json
from sandbox.github.state.apps import App
from sandbox.github.state.repositories import Hosted
from sandbox.github.state.state import Principal, State

MAX_PER_PAGE = 100
T = TypeVar("T")


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
        return self._principal

    @functools.cached_property
    def _principal(self) -> Principal | None:
        authorization = self.request.headers.get("authorization")
        if authorization is None:
            return None
        scheme, _, secret = authorization.partition(" ")
        known = scheme.lower() in ("bearer", "token")
        principal = self.state.identify(secret.strip()) if known else None
        if principal is None or self.state.tokens.lags(secret.strip()):
            raise ApiError(401, "Bad credentials")
        if self.state.suspended(principal):
            raise ApiError(403, "This installation has been suspended")
        return principal

    def repository(self) -> Hosted:
        """Return the repository in the path; 404 if the caller may not know of it."""
        hosted, moved = self.named_repository()
        if hosted is None or not self.state.reaches(self.principal(), hosted):
            raise not_found()
        if moved:
            raise self.moved(hosted)
        return hosted

    def named_repository(self) -> tuple[Hosted | None, bool]:
        """Return the repository in the path, and whether that is a name it had before."""
        repositories = self.state.repositories
        if "repository_id" in self.request.path_params:
            return repositories.find_by_id(int(self.part("repository_id"))), False
        full_name = f"{self.part('owner')}/{self.part('name')}"
        hosted = repositories.find(full_name)
        return (hosted, False) if hosted else (repositories.formerly(full_name), True)

    def moved(self, hosted: Hosted) -> ApiError:
        """Return the redirect from a former name to the repository's id."""
        path = self.request.scope["raw_path"].decode("ascii").partition("/repos/")[2]
        rest = "/".join(path.split("/")[2:])  # quoted, as it came
        query = f"?{self.request.url.query}" if self.request.url.query else ""
        url = f"{self.state.url}/api/v3/repositories/{hosted.repository.id}"
        location = f"{url}/{rest}{query}" if rest else url + query
        status = 301 if self.request.method == "GET" else 307
        return ApiError(status, "Moved Permanently", headers={"Location": location}, url=location)

    def permitted_repository(self, permission: str, level: str) -> Hosted:
        """Return the repository in the path; 403 if the token lacks the permission."""
        hosted = self.repository()
        principal = self.principal()
        if not self.state.allows(principal, hosted, permission, level):
            if principal is None:
                raise ApiError(401, "Requires authentication")
            needed = {"X-Accepted-GitHub-Permissions": f"{permission}={level}"}
            raise ApiError(403, "Resource not accessible by integration", headers=needed)
        if level != "read" and hosted.archived:
            raise ApiError(403, "Repository was archived so is read-only.")
        return hosted

    def require_app(self) -> App:
        """Return the App that calls, by its JWT; a user's token will not do."""
        try:
            header = self.request.headers.get("authorization")
            return verify_jwt(self.state.apps.all(), header, self.state.clock)
        except JwtRefusedError as refused:
            raise ApiError(refused.status, refused.message) from refused

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
        return _unless_known(call, await run_in_threadpool(handler, call))

    return Route(path, endpoint, methods=[method])


def repository_routes(method: str, path: str, handler: Handler) -> list[Route]:
    """Return the routes to something in a repository, by its name and by its id."""
    return [
        route(method, "/repos/{owner}/{name}" + path, handler),
        route(method, "/repositories/{repository_id:int}" + path, handler),
    ]


def _unless_known(call: Call, response: Response) -> Response:
    """Give what was read an ETag; 304 without a body if the caller has it already."""
    if call.request.method != "GET" or response.status_code != 200:
        return response
    etag = f'W/"{hashlib.sha256(bytes(response.body)).hexdigest()}"'
    known = call.request.headers.get("if-none-match", "").removeprefix("W/")
    if known == etag.removeprefix("W/"):
        return Response(status_code=304, headers={"ETag": etag})
    response.headers["ETag"] = etag
    return response


async def answer_error(_request: Request, error: Exception) -> Response:
    """Turn an exception into GitHub's answer; a wrong method is a 404 there."""
    if isinstance(error, ApiError):
        return error.response
    if isinstance(error, HTTPException) and error.status_code != 405:
        return ApiError(error.status_code, str(error.detail)).response
    return not_found().response
