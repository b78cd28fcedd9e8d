"""REST for check runs."""

from __future__ import annotations

from starlette.responses import JSONResponse, Response

from sandbox.github.api import check_run_rules
from sandbox.github.api.call import Call, repository_routes
from sandbox.github.api.check_run_rules import CheckRunInvalidError
from sandbox.github.api.repositories import require_commit, resolve
from sandbox.github.errors import ApiError, invalid, not_found
from sandbox.github.representations import checks
from sandbox.github.representations.objects import Json, timestamp
from sandbox.github.state.apps import App
from sandbox.github.state.check_runs import CheckRun
from sandbox.github.state.repositories import Hosted
from sandbox.github.state.tokens import IssuedToken
from sandbox.github.webhooks.check_announcements import announce_run


def create_check_run(call: Call) -> Response:
    """POST /repos/{owner}/{repo}/check-runs."""
    app, hosted = _writable(call)
    state, fields = call.state, call.fields()
    _validate(fields, creating=True)
    require_commit(hosted, str(fields["head_sha"]))
    suite, _ = state.check_runs.open_suite(
        app.id, hosted.repository.id, str(fields["head_sha"]), now=state.clock()
    )
    run = state.check_runs.create(
        fields,
        suite,
        repository=hosted.repository.full_name,
        now=timestamp(state.clock()),
        details_url=f"{state.url}/apps/{app.slug}",
    )
    announce_run(state, hosted, run, "created", state.bot(app))
    if run.status == "completed":
        announce_run(state, hosted, run, "completed", state.bot(app))
    return JSONResponse(_check_run(call, hosted, run), 201)


def update_check_run(call: Call) -> Response:
    """PATCH /repos/{owner}/{repo}/check-runs/{id}: an App's own runs only."""
    app, hosted = _writable(call)
    run = _found(call, hosted)
    if run.app_id != app.id:
        raise ApiError(
            403, f"Invalid app_id `{app.id}` - check run can only be modified by its App."
        )
    fields = call.fields()
    _validate(fields, creating=False)
    now = timestamp(call.state.clock())
    changed = call.state.check_runs.update(run.id, fields, now=now)
    if changed.status == "completed" != run.status:
        announce_run(call.state, hosted, changed, "completed", call.state.bot(app))
    return JSONResponse(_check_run(call, hosted, changed))


def get_check_run(call: Call) -> Response:
    """GET /repos/{owner}/{repo}/check-runs/{id}."""
    hosted = call.permitted_repository("checks", "read")
    moment = call.state.replicas.moment()
    return JSONResponse(_check_run(call, hosted, _found(call, hosted, moment)))


def list_check_runs(call: Call) -> Response:
    """GET /repos/{owner}/{repo}/commits/{ref}/check-runs."""
    hosted = call.permitted_repository("checks", "read")
    sha = resolve(hosted, call.part("ref"))
    moment = call.state.replicas.moment()
    if sha is None or not hosted.had(sha, moment):
        raise ApiError(422, f"No commit found for SHA: {call.part('ref')}")
    found = call.state.check_runs.on_commit(hosted.repository.id, sha, moment)
    if wanted := call.query("app_id"):
        found = [run for run in found if str(run.app_id) == wanted]
    if call.query("filter", "latest") == "latest":
        newest: dict[tuple[int, str], CheckRun] = {}
        for run in found:
            newest.setdefault((run.app_id, run.name), run)
        found = list(newest.values())
    for parameter, attribute in (("check_name", "name"), ("status", "status")):
        if wanted := call.query(parameter):
            found = [run for run in found if getattr(run, attribute) == wanted]
    chosen, links = call.page(found)
    runs = [_check_run(call, hosted, run) for run in chosen]
    return JSONResponse({"total_count": len(found), "check_runs": runs}, headers=links)


def _writable(call: Call) -> tuple[App, Hosted]:
    """Return the App that may write check runs here, and the repository."""
    hosted = call.permitted_repository("checks", "write")
    token = call.principal()
    if not isinstance(token, IssuedToken):
        raise ApiError(403, "You must authenticate via a GitHub App.")
    return call.state.app_of(token), hosted


def _found(call: Call, hosted: Hosted, moment: float | None = None) -> CheckRun:
    run = call.state.check_runs.find(int(call.part("check_run_id")), moment)
    if run is None or run.repository_id != hosted.repository.id:
        raise not_found()
    return run


def _validate(fields: Json, *, creating: bool) -> None:
    try:
        check_run_rules.validate(fields, creating=creating)
    except CheckRunInvalidError as exc:
        raise invalid("CheckRun", exc.field, exc.message, exc.code) from exc


def _check_run(call: Call, hosted: Hosted, run: CheckRun) -> Json:
    state = call.state
    app = state.apps.find(run.app_id)
    assert app is not None, "no App is ever removed"
    name, owner = hosted.repository.full_name, state.publisher(app)
    return checks.check_run(state.url, name, run, app, owner)


ROUTES = [
    *repository_routes("POST", "/check-runs", create_check_run),
    *repository_routes("PATCH", "/check-runs/{check_run_id:int}", update_check_run),
    *repository_routes("GET", "/check-runs/{check_run_id:int}", get_check_run),
    *repository_routes("GET", "/commits/{ref:path}/check-runs", list_check_runs),
]
