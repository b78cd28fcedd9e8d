"""REST for the App itself: its registration, its installations and their tokens."""

from __future__ import annotations

from collections.abc import Iterable

from starlette.responses import JSONResponse, Response

from sandbox.github.api.call import Call, repository_routes, route
from sandbox.github.errors import ApiError, not_found
from sandbox.github.representations import objects
from sandbox.github.representations.objects import Json, timestamp
from sandbox.github.state.installations import Account, Installation
from sandbox.github.state.repositories import Hosted
from sandbox.github.state.tokens import IssuedToken, grants
from sandbox.github.webhooks import lifecycle

MAX_REPOSITORIES = 500  # in one token
# The request header with which GitHub lets a caller choose the tokens' form, for a while.
FORM_HEADER = "x-github-stateless-s2s-token"
FORMS = {"enabled": True, "disabled": False}
NOT_GRANTED = "The permissions requested are not granted to this installation."
NOT_ACCESSIBLE = (
    "There is at least one repository that does not exist or is not accessible "
    "to the parent installation."
)


def get_app(call: Call) -> Response:
    """GET /app."""
    app = call.require_app()
    shown = objects.app(call.state.url, app, call.state.publisher(app))
    count = len(call.state.installations.of(app.id))
    return JSONResponse({**shown, "installations_count": count})


def list_installations(call: Call) -> Response:
    """GET /app/installations."""
    app = call.require_app()
    chosen, links = call.page(call.state.installations.of(app.id))
    return JSONResponse([_installation(call, one) for one in chosen], headers=links)


def get_installation(call: Call) -> Response:
    """GET /app/installations/{id}."""
    return JSONResponse(_installation(call, _found(call)))


def delete_installation(call: Call) -> Response:
    """DELETE /app/installations/{id}: the App leaves the account."""
    lifecycle.uninstall(call.state, _found(call))
    return Response(status_code=204)


def suspend_installation(call: Call) -> Response:
    """PUT /app/installations/{id}/suspended."""
    lifecycle.suspend(call.state, _found(call))
    return Response(status_code=204)


def unsuspend_installation(call: Call) -> Response:
    """DELETE /app/installations/{id}/suspended."""
    lifecycle.unsuspend(call.state, _found(call))
    return Response(status_code=204)


def get_repository_installation(call: Call) -> Response:
    """GET /repos/{owner}/{repo}/installation."""
    app = call.require_app()
    hosted, moved = call.named_repository()
    if hosted is None:
        raise not_found()
    found = call.state.installations.on_repository(app.id, hosted.repository)
    if found is None:
        raise not_found()
    if moved:
        raise call.moved(hosted)
    return JSONResponse(_installation(call, found))


def get_account_installation(call: Call) -> Response:
    """GET /orgs/{org}/installation, and the same for users."""
    app = call.require_app()
    found = call.state.installations.on_account(app.id, call.part("login"))
    if found is None:
        raise not_found()
    return JSONResponse(_installation(call, found))


def create_token(call: Call) -> Response:
    """POST /app/installations/{id}/access_tokens."""
    installation = _found(call)
    if installation.suspended_at is not None:
        raise ApiError(403, "This installation has been suspended")
    fields = call.fields()
    chosen = _chosen_repositories(call, installation, fields)
    permissions = _chosen_permissions(installation, fields)
    ids = None if chosen is None else tuple(sorted(one.repository.id for one in chosen))
    stateless = FORMS.get(call.request.headers.get(FORM_HEADER, ""))
    issued = call.state.tokens.issue(installation, ids, permissions, stateless=stateless)
    answer: Json = {
        "token": issued.token,
        "expires_at": timestamp(issued.expires_at),
        "permissions": permissions,
        "repository_selection": installation.repository_selection if ids is None else "selected",
    }
    if chosen is not None:
        answer["repositories"] = _repositories(call, chosen)
    return JSONResponse(answer, 201)


def delete_token(call: Call) -> Response:
    """DELETE /installation/token: the token that is shown ends."""
    call.state.tokens.revoke(_own_token(call).token)
    return Response(status_code=204)


def list_token_repositories(call: Call) -> Response:
    """GET /installation/repositories."""
    token = _own_token(call)
    seen = [one for one in call.state.repositories.all() if call.state.belongs(token, one)]
    chosen, links = call.page(seen)
    installation = call.state.installations.find(token.installation_id)
    if installation is None:
        raise not_found()
    selection = "selected" if token.repository_ids else installation.repository_selection
    answer: Json = {
        "total_count": len(seen),
        "repository_selection": selection,
        "repositories": _repositories(call, chosen),
    }
    return JSONResponse(answer, headers=links)


def _found(call: Call) -> Installation:
    """Return the installation in the path, if it is one of the App that calls."""
    app = call.require_app()
    found = call.state.installations.find(int(call.part("installation_id")))
    if found is None or found.app_id != app.id:
        raise not_found()
    return found


def _own_token(call: Call) -> IssuedToken:
    principal = call.principal()
    if isinstance(principal, IssuedToken):
        return principal
    if isinstance(principal, Account):
        raise ApiError(403, "You must authenticate with an installation access token.")
    raise ApiError(401, "Requires authentication")


def _chosen_repositories(
    call: Call, installation: Installation, fields: Json
) -> list[Hosted] | None:
    """Return the repositories that the token is narrowed to; None if to none in particular."""
    wanted = fields.get("repository_ids") or fields.get("repositories")
    if not wanted:
        return None
    if not isinstance(wanted, list) or len(wanted) > MAX_REPOSITORIES:
        raise ApiError(422, f"A list of at most {MAX_REPOSITORIES} repositories is allowed.")
    chosen: dict[int, Hosted] = {}
    for one in wanted:
        if isinstance(one, int):
            hosted = call.state.repositories.find_by_id(one)
        else:
            hosted = call.state.repositories.find(f"{installation.account.login}/{one}")
        if hosted is None or not installation.reaches(hosted.repository):
            raise ApiError(422, NOT_ACCESSIBLE)
        chosen[hosted.repository.id] = hosted
    return list(chosen.values())


def _chosen_permissions(installation: Installation, fields: Json) -> dict[str, str]:
    """Return the token's permissions; `metadata: read` is always among them."""
    granted = installation.permissions
    wanted = fields.get("permissions") or dict(granted)
    if not isinstance(wanted, dict):
        raise ApiError(422, "permissions is not an object")
    for name, level in wanted.items():
        if level not in ("read", "write", "admin") or not grants(granted, name, level):
            raise ApiError(422, NOT_GRANTED)
    return {**wanted, "metadata": "read"}


def _installation(call: Call, one: Installation) -> Json:
    return objects.installation(call.state.url, one, call.state.app_of(one))


def _repositories(call: Call, chosen: Iterable[Hosted]) -> list[Json]:
    state = call.state
    return [objects.repository(state.url, one, state.owner(one)) for one in chosen]


ROUTES = [
    route("GET", "/app", get_app),
    route("GET", "/app/installations", list_installations),
    route("GET", "/app/installations/{installation_id:int}", get_installation),
    route("POST", "/app/installations/{installation_id:int}/access_tokens", create_token),
    route("DELETE", "/app/installations/{installation_id:int}", delete_installation),
    route("PUT", "/app/installations/{installation_id:int}/suspended", suspend_installation),
    route("DELETE", "/app/installations/{installation_id:int}/suspended", unsuspend_installation),
    *repository_routes("GET", "/installation", get_repository_installation),
    route("GET", "/orgs/{login}/installation", get_account_installation),
    route("GET", "/users/{login}/installation", get_account_installation),
    route("DELETE", "/installation/token", delete_token),
    route("GET", "/installation/repositories", list_token_repositories),
]
