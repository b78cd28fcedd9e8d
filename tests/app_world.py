"""A small sandbox for the GitHub App's tests, and webhooks that are posted without a push."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import sqlite3
import time
import uuid

import requests
from running import wait_until

from sandbox import world

FAST = {
    "BRICKPUSH_GITHUB__DELIVERY_LOG_SECONDS": "1",
    "BRICKPUSH_GITHUB__WRITE_SECONDS": "0",
}


def fill(sandbox, *, repository=world.MAIN, branch="main", people=("ada", "alan")):
    """Give each workspace some Git folders of one repository."""
    found = sandbox.github.repository(repository)
    for workspace in sandbox.workspaces:
        for person in people:
            name = repository.rpartition("/")[2]
            workspace.add_git_folder(
                f"/Repos/{person}/{name}-{branch}",
                found.clone_url,
                branch=branch,
                source=found.path,
            )


def heads(sandbox, name=""):
    """Return where the Git folders are whose path holds *name*."""
    return {f.head_commit_id for w in sandbox.workspaces for f in w.folders() if name in f.path}


def wait_for_heads(sandbox, sha, name="", **options):
    wait_until(lambda: heads(sandbox, name) == {sha}, what=f"{name or 'all'} at {sha}", **options)


def checks(sandbox, sha, ref=None):
    """Return the newest check run on a commit by its workspace, of *ref* where one is given.

    Where it is one for all workspaces, that is empty.
    """
    found = {}
    for run in sandbox.github.check_runs:
        of, _, workspace = run.external_id.partition(" ")
        if run.head_sha == sha and ref in (None, of):
            found[workspace] = run
    return found


def completed(sandbox, sha, count=2):
    """Wait for completed check runs on a commit, and return them."""

    def ended():
        runs = checks(sandbox, sha)
        return len(runs) >= count and all(run.status == "completed" for run in runs.values())

    wait_until(ended, what=f"{count} completed check runs on {sha}")
    return checks(sandbox, sha)


def push_payload(sandbox, before, after, *, repository=world.MAIN, branch="main", **changes):
    hosted = sandbox.github.repository(repository)
    pushed_at = changes.pop("pushed_at", int(time.time()))
    installation = changes.pop("installation", sandbox.installation_id)
    return {
        "ref": f"refs/heads/{branch}",
        "before": before,
        "after": after,
        "repository": {
            "id": hosted.id,
            "full_name": hosted.full_name,
            "html_url": hosted.clone_url.removesuffix(".git"),
            "default_branch": "main",
            "pushed_at": pushed_at,
        },
        "installation": {"id": installation},
        **changes,
    }


def post(sandbox, service, payload, *, event="push", guid=None):
    """Deliver a webhook, signed as GitHub signs it; return the answer's status and words."""
    body = json.dumps(payload).encode()
    digest = hmac.new(sandbox.github.webhook_secret.encode(), body, hashlib.sha256).hexdigest()
    headers = {
        "Content-Type": "application/json",
        "X-GitHub-Event": event,
        "X-GitHub-Delivery": guid or str(uuid.uuid4()),
        "X-Hub-Signature-256": f"sha256={digest}",
    }
    answer = requests.post(service.hook, data=body, headers=headers, timeout=30)
    return answer.status_code, answer.json()


def commit(sandbox, number, *, repository=world.MAIN, branch="main"):
    """Commit on the server; nobody is told."""
    files = {f"jobs/{number}.py": f"rows = {number}\n"}
    return sandbox.github.commit(repository, branch, files, f"Change {number}")


def counted(service, sample):
    """Return the sum of the metrics whose line starts so."""
    lines = requests.get(f"{service.url}/metrics", timeout=10).text.splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith(sample))


def settled(service):
    """Wait until nothing is pending: no promotion runs or waits."""
    wait_until(lambda: not is_pending(service), what="the end of all promotions")


def is_pending(service):
    """Say whether a promotion runs or waits, by the service's own file of SQLite."""
    pushed = "select count(*) from branches where newest > promoted or running is not null"
    with contextlib.closing(sqlite3.connect(service.directory / "brickpush.sqlite")) as reader:
        return reader.execute(pushed).fetchone() != (0,)


def push(sandbox, service, **where):
    """Commit and tell it; return the commit."""
    repository, branch = where.get("repository", world.MAIN), where.get("branch", "main")
    before = sandbox.github.head(repository, branch)
    sha = commit(sandbox, before[:8], repository=repository, branch=branch)
    post(sandbox, service, push_payload(sandbox, before, sha, **where))
    return sha


def conclusions(sandbox, sha):
    return {run.conclusion for run in completed(sandbox, sha).values()}


def delivered(sandbox, event, action):
    """Wait until GitHub has delivered such an event, and every one of them well."""

    def found():
        told = [d for d in sandbox.github.deliveries if (d.event, d.action) == (event, action)]
        return told and all(each.status == "OK" for each in told)

    wait_until(found, what=f"{event}.{action}")
