"""git's smart HTTP protocol, by git's own `http-backend` behind GitHub's access rules."""

from __future__ import annotations

import base64
import binascii
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO

from anyio import to_thread
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from sandbox.github.git import git
from sandbox.github.state.installations import Account
from sandbox.github.state.repositories import Hosted
from sandbox.github.state.state import Principal, State
from sandbox.github.webhooks.announcements import announce_push

CHUNK = 256 * 1024  # bytes
CHALLENGE = {"WWW-Authenticate": 'Basic realm="GitHub"'}
LEVELS = {"git-upload-pack": "read", "git-receive-pack": "write"}


class GitRefusedError(Exception):
    """GitHub does not let this request through to git."""

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.response = PlainTextResponse(f"{message}\n", status, headers)


@dataclass(frozen=True)
class Admitted:
    """A request that may go to git."""

    hosted: Hosted
    principal: Principal | None
    service: str  # "git-upload-pack" or "git-receive-pack"
    path_info: str
    environment: Mapping[str, str]


class GitHttp:
    """The ASGI application for OWNER/NAME.git/*."""

    def __init__(self, state: State) -> None:
        self._state = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            admitted = admit(self._state, request)
        except GitRefusedError as refused:
            await refused.response(scope, receive, send)
            return
        with tempfile.TemporaryFile() as body:
            try:
                async for chunk in request.stream():
                    body.write(chunk)
            except ClientDisconnect:
                return
            body.seek(0)
            if request.method == "POST" and admitted.service == "git-receive-pack":
                response = await to_thread.run_sync(_receive_pack, self._state, admitted, body)
                await response(scope, receive, send)
            else:
                await _stream(admitted, body, send)


def admit(state: State, request: Request) -> Admitted:
    """Return what git may be asked, or raise GitRefusedError as GitHub would answer."""
    owner, name = request.path_params["owner"], request.path_params["name"]
    endpoint = request.path_params["endpoint"]
    service = request.query_params.get("service", "") if endpoint == "info/refs" else endpoint
    if service not in LEVELS:
        raise GitRefusedError(404, "Not Found")
    full_name = f"{owner}/{name.removesuffix('.git')}"
    moved = None if state.repositories.find(full_name) else state.repositories.formerly(full_name)
    hosted = moved or state.repositories.find(full_name)
    principal = _identify(state, request.headers.get("authorization"))
    _check_access(state, principal, hosted, LEVELS[service])
    if moved is not None:
        location = f"{moved.repository.clone_url}/{endpoint}?{request.url.query}"
        raise GitRefusedError(301, "Moved Permanently", {"Location": location})
    assert hosted is not None, "_check_access refuses what does not exist"
    return Admitted(
        hosted=hosted,
        principal=principal,
        service=service,
        path_info=f"/{hosted.path.name}/{endpoint}",
        environment=_cgi_environment(request, hosted, f"/{hosted.path.name}/{endpoint}"),
    )


def _identify(state: State, authorization: str | None) -> Principal | None:
    """Return the caller; None without credentials."""
    if authorization is None:
        return None
    scheme, _, encoded = authorization.partition(" ")
    try:
        user, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        user = password = ""
    principal = state.identify(password) if scheme.lower() == "basic" else None
    if principal is None or (not isinstance(principal, Account) and user != "x-access-token"):
        raise GitRefusedError(401, "Invalid username or token.", CHALLENGE)
    if state.tokens.lags(password):
        raise GitRefusedError(404, "Repository not found.")
    if state.suspended(principal):
        raise GitRefusedError(403, "This installation has been suspended")
    return principal


def _check_access(
    state: State, principal: Principal | None, hosted: Hosted | None, level: str
) -> None:
    """Raise GitRefusedError unless *principal* has that level of `contents` there."""
    if hosted is not None and state.allows(principal, hosted, "contents", level):
        if level == "write" and hosted.archived:
            raise GitRefusedError(403, "This repository was archived so it is read-only.")
        return
    if principal is None:
        raise GitRefusedError(401, "Repository not found.", CHALLENGE)
    if hosted is None or not state.reaches(principal, hosted):
        raise GitRefusedError(404, "Repository not found.")
    raise GitRefusedError(403, "Write access to repository not granted.")


def _cgi_environment(request: Request, hosted: Hosted, path_info: str) -> dict[str, str]:
    environment = {
        **git.environment(hosted.path.parent),
        "GIT_PROJECT_ROOT": str(hosted.path.parent),
        "GIT_HTTP_EXPORT_ALL": "1",
        "PATH_INFO": path_info,
        "QUERY_STRING": request.url.query,
        "REQUEST_METHOD": request.method,
        "REMOTE_ADDR": request.client.host if request.client else "",
    }
    passed_on = {
        "CONTENT_TYPE": "content-type",
        "HTTP_CONTENT_ENCODING": "content-encoding",
        "GIT_PROTOCOL": "git-protocol",
    }
    for variable, header in passed_on.items():
        if header in request.headers:
            environment[variable] = request.headers[header]
    return environment


def _start(admitted: Admitted, body: IO[bytes]) -> subprocess.Popen[bytes]:
    """Start git with the whole body at hand, so that neither side waits for the other."""
    length = body.seek(0, 2)
    body.seek(0)
    return subprocess.Popen(
        (git.http_backend(),),
        stdin=body,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**admitted.environment, "CONTENT_LENGTH": str(length)},
    )


def _receive_pack(state: State, admitted: Admitted, body: IO[bytes]) -> Response:
    """Let git take the push, and queue its events, before anybody else moves a ref."""
    principal, hosted = admitted.principal, admitted.hosted
    pusher = state.actor(principal)
    with hosted.lock:
        refs_before = hosted.refs()
        with _start(admitted, body) as process:
            assert process.stdout is not None
            status, headers = _read_head(process.stdout)
            output = process.stdout.read()
        announce_push(state, hosted, refs_before, pusher)
    return Response(output, status, headers)


async def _stream(admitted: Admitted, body: IO[bytes], send: Send) -> None:
    """Stream git's answer."""
    process = await to_thread.run_sync(_start, admitted, body)
    assert process.stdout is not None
    try:
        status, headers = await to_thread.run_sync(_read_head, process.stdout)
        raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": status, "headers": raw})
        more = True
        while more:
            chunk = await to_thread.run_sync(process.stdout.read1, CHUNK)  # type: ignore[attr-defined]  # a BufferedReader
            more = bool(chunk)
            await send({"type": "http.response.body", "body": chunk, "more_body": more})
    finally:
        process.kill()
        process.stdout.close()
        process.wait()


def _read_head(output: IO[bytes]) -> tuple[int, dict[str, str]]:
    """Read a CGI answer's headers; without any, git has failed."""
    headers: dict[str, str] = {}
    while line := output.readline().decode().strip():
        name, _, value = line.partition(":")
        headers[name] = value.strip()
    if not headers:
        return 500, {}
    return int(headers.pop("Status", "200").split()[0]), headers
