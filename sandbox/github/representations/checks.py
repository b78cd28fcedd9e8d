"""How GitHub writes check runs and check suites in JSON. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from sandbox.github.git.history import Commit, Signature
from sandbox.github.representations import objects
from sandbox.github.representations.objects import Json, node_id, timestamp
from sandbox.github.state.apps import App
from sandbox.github.state.check_runs import CheckRun, CheckSuite
from sandbox.github.state.installations import Account


def check_run(url: str, full_name: str, run: CheckRun, app: App, owner: Account) -> Json:
    """Return a check run as REST shows it."""
    api = f"{url}/api/v3/repos/{full_name}/check-runs/{run.id}"
    return {
        "id": run.id,
        "node_id": node_id("CheckRun", run.id),
        "name": run.name,
        "head_sha": run.head_sha,
        "external_id": run.external_id,
        "url": api,
        "html_url": f"{url}/{full_name}/runs/{run.id}",
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
        "app": objects.app(url, app, owner),
        "pull_requests": [],
    }


def suite_state(runs: Sequence[CheckRun]) -> tuple[str, str | None]:
    """Return a suite's status and conclusion: the worst of its runs, once all are completed."""
    if not runs:
        return "queued", None
    if any(run.status != "completed" for run in runs):
        return "in_progress", None
    worst = ("failure", "timed_out", "cancelled", "action_required", "success", "neutral")
    conclusions = {run.conclusion for run in runs}
    return "completed", next((one for one in worst if one in conclusions), "skipped")


def check_suite_brief(
    url: str, full_name: str, suite: CheckSuite, runs: Sequence[CheckRun]
) -> Json:
    """Return a suite as a check run's event carries it, without its commit."""
    status, conclusion = suite_state(runs)
    api = f"{url}/api/v3/repos/{full_name}/check-suites/{suite.id}"
    return {
        "id": suite.id,
        "node_id": node_id("CheckSuite", suite.id),
        "head_branch": suite.head_branch,
        "head_sha": suite.head_sha,
        "status": status,
        "conclusion": conclusion,
        "url": api,
        "before": suite.before,
        "after": suite.head_sha,
        "pull_requests": [],
        "created_at": timestamp(suite.created_at),
        "updated_at": timestamp(suite.created_at),
    }


def check_suite(
    url: str,
    full_name: str,
    suite: CheckSuite,
    runs: Sequence[CheckRun],
    commit: Commit,
) -> Json:
    """Return a suite as its own events carry it; its `app` is still to be added."""
    brief = check_suite_brief(url, full_name, suite, runs)
    return {
        **brief,
        "latest_check_runs_count": len({run.name for run in runs}),
        "check_runs_url": f"{brief['url']}/check-runs",
        "rerequestable": True,
        "runs_rerequestable": True,
        "head_commit": {
            "id": commit.sha,
            "tree_id": commit.tree,
            "message": commit.message,
            "timestamp": commit.committer.date,
            "author": _person(commit.author),
            "committer": _person(commit.committer),
        },
    }


def _person(signature: Signature) -> Json:
    return {"name": signature.name, "email": signature.email}
