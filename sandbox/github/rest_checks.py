"""REST for what is reported on a commit: check runs and commit statuses."""

from __future__ import annotations

import itertools

from starlette.responses import JSONResponse, Response

from sandbox.github import check_runs, representations
from sandbox.github.check_runs import CheckRun, CheckRunInvalidError
from sandbox.github.history import find_commit
from sandbox.github.repositories import Hosted
from sandbox.github.representations import Json, node_id, timestamp
from sandbox.github.rest_call import ApiError, Call, not_found, route
from sandbox.github.rest_repositories import resolve

MAX_DESCRIPTION = 140  # characters of a commit status
STATES = ("error", "failure", "pending", "success")
STATUS_IDS = itertools.count(600_001)


def create_check_run(call: Call) -> Response:
    """POST /repos/{owner}/{repo}/check-runs."""
    hosted = _writable(call)
    fields = call.fields()
    _validate(fields, creating=True)
    _require_commit(hosted, str(fields["head_sha"]))
    run = call.state.check_runs.create(
        fields,
        repository_id=hosted.repository.id,
        repository=hosted.repository.full_name,
        now=timestamp(call.state.clock()),
        details_url=f"{call.state.url}/apps/{call.state.app.slug}",
    )
    return JSONResponse(_check_run(call, hosted, run), 201)


def update_check_run(call: Call) -> Response:
    """PATCH /repos/{owner}/{repo}/check-runs/{id}."""
    hosted = _writable(call)
    run = _found(call, hosted)
    fields = call.fields()
    _validate(fields, creating=False)
    now = timestamp(call.state.clock())
    return JSONResponse(
        _check_run(call, hosted, call.state.check_runs.update(run.id, fields, now=now))
    )


def get_check_run(call: Call) -> Response:
    """GET /repos/{owner}/{repo}/check-runs/{id}."""
    hosted = call.permitted_repository("checks", "read")
    return JSONResponse(_check_run(call, hosted, _found(call, hosted)))


def list_check_runs(call: Call) -> Response:
    """GET /repos/{owner}/{repo}/commits/{ref}/check-runs."""
    hosted = call.permitted_repository("checks", "read")
    sha = resolve(hosted, call.part("ref"))
    if sha is None:
        raise ApiError(422, f"No commit found for SHA: {call.part('ref')}")
    found = call.state.check_runs.on_commit(hosted.repository.id, sha)
    if call.query("app_id", str(call.state.app.id)) != str(call.state.app.id):
        found = []
    if call.query("filter", "latest") == "latest":
        newest: dict[str, CheckRun] = {}
        for run in found:
            newest.setdefault(run.name, run)
        found = list(newest.values())
    for parameter, attribute in (("check_name", "name"), ("status", "status")):
        if wanted := call.query(parameter):
            found = [run for run in found if getattr(run, attribute) == wanted]
    chosen, links = call.page(found)
    runs = [_check_run(call, hosted, run) for run in chosen]
    return JSONResponse({"total_count": len(found), "check_runs": runs}, headers=links)


def create_status(call: Call) -> Response:
    """POST /repos/{owner}/{repo}/statuses/{sha}."""
    hosted = call.permitted_repository("statuses", "write")
    fields, sha = call.fields(), call.part("sha")
    _require_commit(hosted, sha)
    if fields.get("state") not in STATES:
        raise _invalid("Status", "state", "state is not included in the list")
    description = fields.get("description")
    if isinstance(description, str) and len(description) > MAX_DESCRIPTION:
        message = f"description is too long (maximum is {MAX_DESCRIPTION} characters)"
        raise _invalid("Status", "description", message)
    now, number = timestamp(call.state.clock()), next(STATUS_IDS)
    answer: Json = {
        "url": f"{call.state.url}/api/v3/repos/{hosted.repository.full_name}/statuses/{sha}",
        "avatar_url": None,
        "id": number,
        "node_id": node_id("StatusContext", number),
        "state": fields["state"],
        "description": description,
        "target_url": fields.get("target_url"),
        "context": fields.get("context", "default"),
        "created_at": now,
        "updated_at": now,
        "creator": representations.account(call.state.url, call.state.bot()),
    }
    return JSONResponse(answer, 201)


def _writable(call: Call) -> Hosted:
    call.require_no_user()
    return call.permitted_repository("checks", "write")


def _found(call: Call, hosted: Hosted) -> CheckRun:
    run = call.state.check_runs.find(int(call.part("check_run_id")))
    if run is None or run.repository_id != hosted.repository.id:
        raise not_found()
    return run


def _require_commit(hosted: Hosted, sha: str) -> None:
    if len(sha) != 40 or find_commit(hosted.path, sha) is None:
        raise ApiError(422, f"No commit found for SHA: {sha}")


def _validate(fields: Json, *, creating: bool) -> None:
    try:
        check_runs.validate(fields, creating=creating)
    except CheckRunInvalidError as exc:
        raise _invalid("CheckRun", exc.field, exc.message, exc.code) from exc


def _invalid(resource: str, field: str, message: str, code: str = "invalid") -> ApiError:
    problem = {"resource": resource, "field": field, "code": code, "message": message}
    return ApiError(422, "Validation Failed", errors=[problem])


def _check_run(call: Call, hosted: Hosted, run: CheckRun) -> Json:
    state, name = call.state, hosted.repository.full_name
    api = f"{state.url}/api/v3/repos/{name}/check-runs/{run.id}"
    owner = state.publisher()
    return {
        "id": run.id,
        "node_id": node_id("CheckRun", run.id),
        "name": run.name,
        "head_sha": run.head_sha,
        "external_id": run.external_id,
        "url": api,
        "html_url": f"{state.url}/{name}/runs/{run.id}",
        "details_url": run.details_url,
        "status": run.status,
        "conclusion": run.conclusion,
        "started_at": run.started_at,
        "completed_at": run.completed_at,
        "output": {
            "title": run.title,
            "summary": run.summary,
            "text": run.text,
            "annotations_count": len(run.annotations),
            "annotations_url": f"{api}/annotations",
        },
        "check_suite": {"id": run.check_suite_id},
        "app": representations.app(state.url, state.app, owner),
        "pull_requests": [],
    }


ROUTES = [
    route("POST", "/repos/{owner}/{name}/check-runs", create_check_run),
    route("PATCH", "/repos/{owner}/{name}/check-runs/{check_run_id:int}", update_check_run),
    route("GET", "/repos/{owner}/{name}/check-runs/{check_run_id:int}", get_check_run),
    route("GET", "/repos/{owner}/{name}/commits/{ref:path}/check-runs", list_check_runs),
    route("POST", "/repos/{owner}/{name}/statuses/{sha}", create_status),
]
