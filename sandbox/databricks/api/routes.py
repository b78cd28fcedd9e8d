"""The addresses of a stand-in workspace."""

from __future__ import annotations

from collections.abc import Callable

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from sandbox.databricks.api.credentials import CredentialsApi
from sandbox.databricks.api.repos import ReposApi
from sandbox.databricks.api.workspace import WorkspaceApi
from sandbox.databricks.calls import Call, Handler, endpoint


def application(
    *,
    repos: ReposApi,
    credentials: CredentialsApi,
    workspace: WorkspaceApi,
    org_id: str,
    sign_in_url: Callable[[], str],
) -> Starlette:
    """Return the API as an ASGI application."""

    def route(path: str, **handlers: Handler) -> list[Route]:
        return [
            Route(f"/api/2.0/{path}", endpoint(handler, org_id=org_id), methods=[method])
            for method, handler in handlers.items()
        ]

    async def sign_in(_: Request) -> Response:
        return RedirectResponse(sign_in_url(), status_code=302)

    routes = [
        Route("/aad/auth", sign_in),
        *route("preview/scim/v2/Me", GET=who_am_i),
        *route("repos", GET=repos.list_page, POST=repos.create),
        *route("repos/{id:int}", GET=repos.get, PATCH=repos.update, DELETE=repos.delete),
        *route("permissions/repos/{id:int}", GET=repos.permissions),
        *route("git-credentials", GET=credentials.list_all, POST=credentials.create),
        *route(
            "git-credentials/{id:int}",
            GET=credentials.get,
            PATCH=credentials.update,
            DELETE=credentials.delete,
        ),
        *route("workspace/list", GET=workspace.list_directory),
        *route("workspace/get-status", GET=workspace.get_status),
        *route("workspace/mkdirs", POST=workspace.mkdirs),
    ]
    return Starlette(routes=routes, exception_handlers={404: no_endpoint, 405: no_endpoint})


def who_am_i(call: Call) -> dict[str, object]:
    """Show the caller, in SCIM's format."""
    principal = call.principal
    groups = [{"display": "admins"}] if principal.admin else []
    return {
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "id": str(principal.id),
        "userName": principal.name,
        "displayName": principal.name,
        "active": True,
        "groups": [*groups, {"display": "users"}],
    }


async def no_endpoint(request: Request, _: Exception) -> Response:
    message = f"No API found for '{request.method} {request.url.path}'"
    return JSONResponse({"error_code": "ENDPOINT_NOT_FOUND", "message": message}, 404)
