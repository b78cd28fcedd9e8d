"""REST for deployments, with the traps of GitHub's defaults: merging, and contexts to be green."""

from __future__ import annotations

from starlette.responses import JSONResponse, Response

from sandbox.github.api.call import Call, repository_routes
from sandbox.github.api.repositories import resolve
from sandbox.github.errors import ApiError, invalid, not_found
from sandbox.github.git import git, history
from sandbox.github.git.refs import HEADS
from sandbox.github.representations import objects
from sandbox.github.representations.objects import Json, node_id, timestamp
from sandbox.github.state.deployments import STATES, Deployment, DeploymentStatus
from sandbox.github.state.repositories import Hosted
from sandbox.github.state.statuses import MAX_DESCRIPTION
from sandbox.github.webhooks.announcements import announce_push


def create_deployment(call: Call) -> Response:
    """POST /repos/{owner}/{repo}/deployments.

    Unless the caller says otherwise the default branch is merged into the ref first, and then
    nothing is deployed yet; and every status of the commit must be a success.
    """
    hosted = call.permitted_repository("deployments", "write")
    fields = call.fields()
    ref = fields.get("ref")
    if not isinstance(ref, str):
        raise invalid("Deployment", "ref", "ref wasn't supplied", "missing_field")
    sha = resolve(hosted, ref)
    if sha is None:
        raise ApiError(422, f"No ref found for: {ref}")
    if fields.get("auto_merge", True) and _merged(call, hosted, ref, sha):
        default = hosted.repository.default_branch
        return JSONResponse({"message": f"Auto-merged {default} into {ref} on deployment."}, 202)
    _require_contexts(call, hosted, ref, sha, fields.get("required_contexts"))
    environment = str(fields.get("environment") or "production")
    description = fields.get("description")
    deployment = Deployment(
        id=call.state.deployments.next_id(),
        repository_id=hosted.repository.id,
        sha=sha,
        ref=ref,
        task=str(fields.get("task") or "deploy"),
        environment=environment,
        description=description if isinstance(description, str) else None,
        payload=fields.get("payload") or {},
        transient=bool(fields.get("transient_environment", False)),
        production=bool(fields.get("production_environment", environment == "production")),
        creator=call.state.actor(call.principal()),
        created_at=call.state.clock(),
    )
    call.state.deployments.add(deployment)
    return JSONResponse(_deployment(call, hosted, deployment), 201)


def list_deployments(call: Call) -> Response:
    """GET /repos/{owner}/{repo}/deployments, newest first."""
    hosted = call.permitted_repository("deployments", "read")
    found = [
        one
        for one in call.state.deployments.all()[::-1]
        if one.repository_id == hosted.repository.id
        and all(
            call.query(name, str(getattr(one, name))) == str(getattr(one, name))
            for name in ("sha", "ref", "task", "environment")
        )
    ]
    chosen, links = call.page(found)
    return JSONResponse([_deployment(call, hosted, one) for one in chosen], headers=links)


def get_deployment(call: Call) -> Response:
    """GET /repos/{owner}/{repo}/deployments/{id}."""
    hosted = call.permitted_repository("deployments", "read")
    return JSONResponse(_deployment(call, hosted, _found(call, hosted)))


def create_status(call: Call) -> Response:
    """POST /repos/{owner}/{repo}/deployments/{id}/statuses."""
    hosted = call.permitted_repository("deployments", "write")
    one, fields = _found(call, hosted), call.fields()
    if fields.get("state") not in STATES:
        raise invalid("DeploymentStatus", "state", "state is not included in the list")
    texts = {name: str(fields.get(name) or "") for name in ("description", "environment_url")}
    if len(texts["description"]) > MAX_DESCRIPTION:
        message = f"description is too long (maximum is {MAX_DESCRIPTION} characters)"
        raise invalid("DeploymentStatus", "description", message)
    status = DeploymentStatus(
        id=call.state.deployments.next_id(),
        state=str(fields["state"]),
        environment=str(fields.get("environment") or one.environment),
        log_url=str(fields.get("log_url") or fields.get("target_url") or ""),
        creator=call.state.actor(call.principal()),
        created_at=call.state.clock(),
        **texts,
    )
    inactivate = bool(fields.get("auto_inactive", True))
    call.state.deployments.add_status(one.id, status, inactivate=inactivate)
    return JSONResponse(_status(call, hosted, one, status), 201)


def list_statuses(call: Call) -> Response:
    """GET /repos/{owner}/{repo}/deployments/{id}/statuses, newest first."""
    hosted = call.permitted_repository("deployments", "read")
    one = _found(call, hosted)
    chosen, links = call.page(one.statuses[::-1])
    return JSONResponse([_status(call, hosted, one, each) for each in chosen], headers=links)


def _found(call: Call, hosted: Hosted) -> Deployment:
    one = call.state.deployments.find(int(call.part("deployment_id")))
    if one is None or one.repository_id != hosted.repository.id:
        raise not_found()
    return one


def _merged(call: Call, hosted: Hosted, ref: str, sha: str) -> bool:
    """Merge the default branch into the branch *ref*, and say whether that was needed."""
    default = hosted.repository.default_branch
    with hosted.lock:
        refs = hosted.refs()
        base = refs.get(HEADS + default)
        if HEADS + ref not in refs or base is None:
            return False
        if not history.read_commits(hosted.path, "-1", base, f"^{sha}"):
            return False
        message = f"Merge branch '{default}' into {ref}"
        try:
            tree = git.run(hosted.path, "merge-tree", "--write-tree", sha, base).split()[0].decode()
        except git.GitError as exc:
            raise ApiError(409, f"Conflict merging {default} into {ref}.") from exc
        parents = ("-p", sha, "-p", base)
        merge = git.run(hosted.path, "commit-tree", tree, *parents, "-m", message).decode().strip()
        git.run(hosted.path, "update-ref", HEADS + ref, merge)
        announce_push(call.state, hosted, refs, call.state.actor(call.principal()))
    return True


def _require_contexts(call: Call, hosted: Hosted, ref: str, sha: str, wanted: object) -> None:
    """Raise unless the wanted contexts of the commit are a success; None wants all there are."""
    state, known = call.state, hosted.repository.id
    seen = {one.context: one.state for one in state.statuses.latest(known, sha)}
    for run in state.check_runs.on_commit(known, sha):
        seen.setdefault(run.name, run.conclusion or "pending")
    contexts = wanted if isinstance(wanted, list) else list(seen)
    missing = [one for one in contexts if seen.get(one) not in ("success", "neutral", "skipped")]
    if missing:
        problem = {
            "contexts": [{"context": one, "state": seen.get(one, "pending")} for one in missing],
            "resource": "Deployment",
            "field": "required_contexts",
            "code": "invalid",
        }
        message = f"Conflict: Commit status checks failed for {ref}."
        raise ApiError(409, message, errors=[problem])


def _deployment(call: Call, hosted: Hosted, one: Deployment) -> Json:
    repository = f"{call.state.url}/api/v3/repos/{hosted.repository.full_name}"
    changed = one.statuses[-1].created_at if one.statuses else one.created_at
    return {
        "url": f"{repository}/deployments/{one.id}",
        "id": one.id,
        "node_id": node_id("Deployment", one.id),
        "sha": one.sha,
        "ref": one.ref,
        "task": one.task,
        "payload": one.payload,
        "original_environment": one.environment,
        "environment": one.environment,
        "description": one.description,
        "creator": objects.account(call.state.url, one.creator),
        "created_at": timestamp(one.created_at),
        "updated_at": timestamp(changed),
        "statuses_url": f"{repository}/deployments/{one.id}/statuses",
        "repository_url": repository,
        "transient_environment": one.transient,
        "production_environment": one.production,
    }


def _status(call: Call, hosted: Hosted, one: Deployment, status: DeploymentStatus) -> Json:
    repository = f"{call.state.url}/api/v3/repos/{hosted.repository.full_name}"
    return {
        "url": f"{repository}/deployments/{one.id}/statuses/{status.id}",
        "id": status.id,
        "node_id": node_id("DeploymentStatus", status.id),
        "state": status.state,
        "creator": objects.account(call.state.url, status.creator),
        "description": status.description,
        "environment": status.environment,
        "target_url": status.log_url,
        "log_url": status.log_url,
        "environment_url": status.environment_url,
        "created_at": timestamp(status.created_at),
        "updated_at": timestamp(status.created_at),
        "deployment_url": f"{repository}/deployments/{one.id}",
        "repository_url": repository,
    }


ROUTES = [
    *repository_routes("POST", "/deployments", create_deployment),
    *repository_routes("GET", "/deployments", list_deployments),
    *repository_routes("GET", "/deployments/{deployment_id:int}", get_deployment),
    *repository_routes("POST", "/deployments/{deployment_id:int}/statuses", create_status),
    *repository_routes("GET", "/deployments/{deployment_id:int}/statuses", list_statuses),
]
