"""A stand-in workspace for benchmarks, in a process of its own: `python -m benchmarks.workspace`.

It is faithful in what costs calls and waiting: pages of 20 with opaque tokens, GET, a PATCH that
moves `head_commit_id`, the directories, the Git credentials, and refusals. There is no git in
it: the sandbox's real git takes 50 ms of processor time for each PATCH on the measured machine,
so we would measure git. It serves plain http, the same for all peers.
It prints its address and runs until its input ends.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import secrets
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.serving import Listener

Answer = tuple[int, dict[str, Any]]

PAGE = 20
A_DIRECTORY = 50  # Git folders in each directory
URL = "https://github.com/octo-org/etl.git"
OTHER_URL = "https://github.com/octo-org/other.git"
FIRST_ID = 4_503_599_627_370_497


@dataclass(frozen=True)
class Latency:
    """Seconds that answers take."""

    page: float
    get: float
    patch: float


@dataclass(frozen=True)
class Limits:
    """When calls are throttled; 0 means never."""

    rps: float = 0.0
    burst: float = 0.0
    max_inflight: int = 0
    retry_after: bool = True


class Gate:
    """A token bucket, and a limit on calls at once."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._level = limits.burst
        self._at = time.monotonic()
        self.inflight = 0
        self.peak = 0

    def lets_in(self) -> bool:
        limits, now = self._limits, time.monotonic()
        if limits.max_inflight and self.inflight >= limits.max_inflight:
            return False
        if limits.rps:
            self._level = min(limits.burst, self._level + limits.rps * (now - self._at))
            self._at = now
            if self._level < 1:
                return False
            self._level -= 1
        return True


class Folders:
    """The Git folders, of which some follow `main` of the pushed repository."""

    def __init__(self, count: int, matching: int, slow: tuple[float, float]) -> None:
        self.tip = "0" * 40
        step = count / matching
        matches = {int(n * step) for n in range(matching)}
        self.all = [_folder(n, matches=n in matches) for n in range(count)]
        self.by_id = {folder["id"]: folder for folder in self.all}
        share, factor = slow
        chosen = random.Random(1).sample(sorted(matches), round(matching * share))
        self.slower = {FIRST_ID + n: factor for n in chosen}
        self._offsets: dict[str, int] = {}

    def page(self, prefix: str, token: str | None) -> Answer:
        """Return 20 of the Git folders under *prefix*; all of them are in /Repos."""
        if token is not None and token not in self._offsets:
            return 400, _error("INVALID_PARAMETER_VALUE", "unknown next_page_token")
        if prefix.removeprefix("/Workspace") not in ("", "/", "/Repos"):
            return 200, {}
        start = self._offsets[token] if token is not None else 0
        body: dict[str, Any] = {"repos": self.all[start : start + PAGE]}
        if start + PAGE < len(self.all):
            following = secrets.token_urlsafe()
            self._offsets[following] = start + PAGE
            body["next_page_token"] = following
        return 200, body

    def directory(self, path: str) -> Answer:
        """Return the contents of /Repos, of one of its directories, or of an empty root."""
        if path in ("/Users", "/Shared"):
            return 200, {}
        if path == "/Repos":
            numbers = range(0, len(self.all), A_DIRECTORY)
            found = [_entry(n + 1, _directory(n), "DIRECTORY") for n in numbers]
        else:
            start = int(path.rpartition("-")[2])
            inside = self.all[start : start + A_DIRECTORY]
            found = [_entry(folder["id"], folder["path"], "REPO") for folder in inside]
        return 200, {"objects": found}


def _directory(number: int) -> str:
    return f"/Repos/team-{number - number % A_DIRECTORY}"


def _entry(number: int, path: str, kind: str) -> dict[str, Any]:
    return {"object_id": number, "path": path, "object_type": kind}


def _folder(number: int, *, matches: bool) -> dict[str, Any]:
    """Return one Git folder; every second of the others is of the same repository."""
    return {
        "id": FIRST_ID + number,
        "path": f"{_directory(number)}/folder-{number}",
        "url": URL if matches or number % 2 else OTHER_URL,
        "provider": "gitHub",
        "branch": "main" if matches else f"feature-{number % 7}",
        "head_commit_id": "0" * 40,
    }


def _error(code: str, message: str) -> dict[str, str]:
    return {"error_code": code, "message": message}


class Workspace:
    """Answers calls, and counts them."""

    def __init__(self, folders: Folders, latency: Latency, limits: Limits) -> None:
        self.folders = folders
        self.latency = latency
        self.limits = limits
        self.gate = Gate(limits)
        self.calls: Counter[str] = Counter()
        self.credential: dict[str, Any] | None = None

    def app(self) -> Starlette:
        """Return the ASGI application."""
        api = "/api/2.0"
        return Starlette(
            routes=[
                self._route(f"{api}/repos", self.list),
                self._route(f"{api}/repos/{{id:int}}", self.get),
                self._route(f"{api}/repos/{{id:int}}", self.patch, "PATCH"),
                self._route(f"{api}/workspace/list", self.directory),
                self._route(f"{api}/git-credentials", self.credentials),
                self._route(f"{api}/git-credentials", self.store, "POST"),
                self._route(f"{api}/git-credentials/{{id:int}}", self.store, "PATCH"),
                Route("/benchmark/push", self.push, methods=["POST"]),
                Route("/benchmark/folders", self.show),
                Route("/benchmark/counts", self.counts),
            ]
        )

    def _route(
        self, path: str, work: Callable[[Request], Awaitable[Answer]], method: str = "GET"
    ) -> Route:
        async def answer(request: Request) -> Response:
            if not self.gate.lets_in():
                return self._refuse()
            self.calls[work.__name__] += 1
            self.gate.inflight += 1
            self.gate.peak = max(self.gate.peak, self.gate.inflight)
            try:
                status, body = await work(request)
            finally:
                self.gate.inflight -= 1
            return JSONResponse(body, status)

        return Route(path, answer, methods=[method])

    def _refuse(self) -> Response:
        self.calls["refused"] += 1
        headers = {"Retry-After": "1"} if self.limits.retry_after else {}
        body = _error("REQUEST_LIMIT_EXCEEDED", "Workspace exceeded the limit of requests")
        return JSONResponse(body, 429, headers)

    async def list(self, request: Request) -> Answer:
        await asyncio.sleep(self.latency.page)
        query = request.query_params
        return self.folders.page(query.get("path_prefix", ""), query.get("next_page_token"))

    async def directory(self, request: Request) -> Answer:
        await asyncio.sleep(self.latency.page)
        return self.folders.directory(request.query_params["path"])

    async def get(self, request: Request) -> Answer:
        await asyncio.sleep(self.latency.get)
        folder = self.folders.by_id.get(request.path_params["id"])
        if folder is None:
            return 404, _error("RESOURCE_DOES_NOT_EXIST", "no such Git folder")
        return 200, folder

    async def patch(self, request: Request) -> Answer:
        number, body = request.path_params["id"], await request.json()
        await asyncio.sleep(self.latency.patch * self.folders.slower.get(number, 1.0))
        self.folders.by_id[number] |= {"branch": body["branch"], "head_commit_id": self.folders.tip}
        return 200, self.folders.by_id[number]

    async def credentials(self, _request: Request) -> Answer:
        await asyncio.sleep(self.latency.get)
        return 200, {"credentials": [self.credential] if self.credential else []}

    async def store(self, request: Request) -> Answer:
        body = await request.json()
        await asyncio.sleep(self.latency.get)
        self.credential = {"credential_id": 1, "git_provider": body["git_provider"]}
        return 200, self.credential

    async def push(self, request: Request) -> Response:
        self.folders.tip = (await request.json())["after"]
        return Response(status_code=204)

    async def show(self, _request: Request) -> Response:
        return JSONResponse(self.folders.all)

    async def counts(self, _request: Request) -> Response:
        matching = [each for each in self.folders.all if each["branch"] == "main"]
        there = sum(each["head_commit_id"] == self.folders.tip for each in matching)
        facts = {"matching": len(matching), "there": there, "peak": self.gate.peak}
        return JSONResponse({**facts, "calls": dict(self.calls)})


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until the input ends."""
    given = _parser().parse_args(argv)
    share, _, factor = given.slow.partition(":")
    folders = Folders(given.folders, given.matching, (float(share), float(factor)))
    limits = Limits(given.rps, given.burst, given.max_inflight, not given.no_retry_after)
    latency = Latency(given.page, given.get, given.patch)
    listener = Listener(None)
    listener.serve(Workspace(folders, latency, limits).app())
    sys.stdout.write(f"{listener.url}\n")
    sys.stdout.flush()
    sys.stdin.read()
    listener.close()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.workspace")
    parser.add_argument("--folders", type=int, default=200)
    parser.add_argument("--matching", type=int, default=40)
    parser.add_argument("--page", type=float, default=0.15, help="seconds of a list page")
    parser.add_argument("--get", type=float, default=0.01, help="seconds of a GET")
    parser.add_argument("--patch", type=float, default=2.0, help="seconds of a PATCH")
    parser.add_argument("--rps", type=float, default=0.0, help="calls a second that are let in")
    parser.add_argument("--burst", type=float, default=10.0, help="calls let in after a rest")
    parser.add_argument("--no-retry-after", action="store_true", help="refuse without the header")
    parser.add_argument("--max-inflight", type=int, default=0, help="calls at once")
    parser.add_argument("--slow", default="0:1", help="SHARE:FACTOR of slower Git folders")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
