"""One API call: who asks for what, and how the answer becomes HTTP."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from sandbox.databricks.errors import ApiError
from sandbox.databricks.state.principals import Principal

NOT_SIGNED_IN = "Credential was not sent or was of an unsupported type for this API."


@dataclass(frozen=True)
class Caller:
    """What the Authorization header says."""

    principal: Principal | None = None
    name: str | None = None  # known to Entra, perhaps not to the workspace
    bearer: bool = False


@dataclass(frozen=True)
class Call:
    """A request whose sender is known."""

    principal: Principal
    query: Mapping[str, str]
    body: Mapping[str, Any]
    ids: Mapping[str, int]  # from the path


Handler = Callable[[Call], Mapping[str, Any]]


def endpoint(handler: Handler, *, org_id: str) -> Callable[[Request], Any]:
    """Return *handler* as an ASGI endpoint. What may run git or wait gets a thread."""

    async def answer(request: Request) -> Response:
        headers = {"x-databricks-org-id": org_id}
        caller: Caller = request.scope["caller"]
        if caller.principal is None:
            return refusal(caller, headers)
        try:
            body = await _body(request)
            request.scope["record"].body = body
            call = Call(caller.principal, request.query_params, body, request.path_params)
            if request.method == "GET":
                result = handler(call)
            else:
                result = await run_in_threadpool(handler, call)
        except ApiError as exc:
            content = {"error_code": exc.error_code, "message": exc.message}
            return JSONResponse(content, status_code=exc.status, headers=headers)
        return JSONResponse(result, headers=headers)

    return answer


def refusal(caller: Caller, headers: Mapping[str, str]) -> Response:
    """Return the answer to a caller whom the workspace does not serve."""
    if caller.name is not None:
        message = f"User {caller.name} is not a member of this workspace."
        content = {"error_code": "PERMISSION_DENIED", "message": message}
        return JSONResponse(content, status_code=403, headers=headers)
    if caller.bearer:
        return PlainTextResponse("Invalid access token.", status_code=401, headers=headers)
    content = {"error_code": "UNAUTHENTICATED", "message": NOT_SIGNED_IN}
    return JSONResponse(content, status_code=401, headers=headers)


async def _body(request: Request) -> dict[str, Any]:
    raw = await request.body()
    if not raw:
        return {}
    try:
        body = json.loads(raw)
    except ValueError as exc:
        raise ApiError(400, "MALFORMED_REQUEST", "Could not parse request object") from exc
    if not isinstance(body, dict):
        raise ApiError(400, "MALFORMED_REQUEST", "Could not parse request object")
    return body
