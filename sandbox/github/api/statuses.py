"""REST for commit statuses."""

from __future__ import annotations

from starlette.responses import JSONResponse, Response

from sandbox.github.api.call import Call, repository_routes
from sandbox.github.api.repositories import require_commit, resolve
from sandbox.github.errors import ApiError, invalid, not_found
from sandbox.github.representations import objects
from sandbox.github.representations.objects import Json, node_id, timestamp
from sandbox.github.state.repositories import Hosted
from sandbox.github.state.statuses import (
    MAX_DESCRIPTION,
    STATES,
    CommitStatus,
    TooManyStatusesError,
    combined_state,
)


def create_status(call: Call) -> Response:
    """POST /repos/{owner}/{repo}/statuses/{sha}."""
    hosted = call.permitted_repository("statuses", "write")
    fields, sha = call.fields(), call.part("sha")
    require_commit(hosted, sha)
    if fields.get("state") not in STATES:
        raise invalid("Status", "state", "state is not included in the list")
    description, target_url = fields.get("description"), fields.get("target_url")
    if isinstance(description, str) and len(description) > MAX_DESCRIPTION:
        message = f"description is too long (maximum is {MAX_DESCRIPTION} characters)"
        raise invalid("Status", "description", message)
    try:
        status = call.state.statuses.add(
            hosted.repository.id,
            sha,
            state=str(fields["state"]),
            context=str(fields.get("context") or "default"),
            description=description if isinstance(description, str) else None,
            target_url=target_url if isinstance(target_url, str) else None,
            creator=call.state.actor(call.principal()),
            now=call.state.clock(),
        )
    except TooManyStatusesError as exc:
        message = "This SHA and context has reached the maximum number of statuses."
        raise ApiError(422, "Validation Failed", errors=[{"message": message}]) from exc
    return JSONResponse(_status(call, hosted, status), 201)


def list_statuses(call: Call) -> Response:
    """GET /repos/{owner}/{repo}/commits/{ref}/statuses: every one, newest first."""
    hosted, sha = _commit(call)
    chosen, links = call.page(call.state.statuses.on_commit(hosted.repository.id, sha))
    return JSONResponse([_status(call, hosted, one) for one in chosen], headers=links)


def get_combined_status(call: Call) -> Response:
    """GET /repos/{owner}/{repo}/commits/{ref}/status: the newest of each context."""
    hosted, sha = _commit(call)
    state, name = call.state, hosted.repository.full_name
    latest = state.statuses.latest(hosted.repository.id, sha)
    api = f"{state.url}/api/v3/repos/{name}"
    answer: Json = {
        "state": combined_state(latest),
        "statuses": [_status(call, hosted, one) for one in latest],
        "sha": sha,
        "total_count": len(latest),
        "repository": objects.repository(state.url, hosted, state.owner(hosted)),
        "commit_url": f"{api}/commits/{sha}",
        "url": f"{api}/commits/{sha}/status",
    }
    return JSONResponse(answer)


def _commit(call: Call) -> tuple[Hosted, str]:
    hosted = call.permitted_repository("statuses", "read")
    sha = resolve(hosted, call.part("ref"))
    if sha is None:
        raise not_found()
    return hosted, sha


def _status(call: Call, hosted: Hosted, one: CommitStatus) -> Json:
    name, at = hosted.repository.full_name, timestamp(one.created_at)
    return {
        "url": f"{call.state.url}/api/v3/repos/{name}/statuses/{one.sha}",
        "avatar_url": f"{call.state.url}/avatars/u/{one.creator.id}",
        "id": one.id,
        "node_id": node_id("StatusContext", one.id),
        "state": one.state,
        "description": one.description,
        "target_url": one.target_url,
        "context": one.context,
        "created_at": at,
        "updated_at": at,
        "creator": objects.account(call.state.url, one.creator),
    }


ROUTES = [
    *repository_routes("POST", "/statuses/{sha}", create_status),
    *repository_routes("GET", "/commits/{ref:path}/statuses", list_statuses),
    *repository_routes("GET", "/commits/{ref:path}/status", get_combined_status),
]
