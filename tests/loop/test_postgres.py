"""The whole loop on PostgreSQL: a web process and two workers, one of which is killed."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time

import pytest
import requests
from postgres import postgres, postgres_url  # noqa: F401 - fixtures
from running import Developer, Service, environment, wait_until

from sandbox import world
from sandbox.sandbox import Options, open_sandbox

TAKE_OVER_SECONDS = 10.0


@pytest.fixture
def sandbox(tmp_path):
    with open_sandbox(tmp_path / "sandbox", Options(empty=True)) as opened:
        repository = opened.github.repository(world.MAIN)
        for workspace in opened.workspaces:
            for person in ("ada", "alan"):
                workspace.add_git_folder(
                    f"/Repos/{person}/etl", repository.clone_url, source=repository.path
                )
        yield opened


@pytest.fixture
def start(sandbox, postgres_url):  # noqa: F811 - a fixture
    """Return a function that starts `brickpush serve` in a role, on PostgreSQL."""
    with contextlib.ExitStack() as stack:

        def start(role):
            log = sandbox.directory / f"{role}.log"
            service = Service(
                sandbox.config_path, log, role=role, BRICKPUSH_DATABASE_URL=postgres_url
            )
            stack.callback(service.close)
            return service

        yield start


def updates(sandbox):
    """Return how many updates of Git folders the workspaces have seen."""
    seen = [r for w in sandbox.workspaces for r in w.requests if r.method == "PATCH"]
    return sum("/repos/" in request.path for request in seen)


def stored_tokens(sandbox):
    seen = [r for w in sandbox.workspaces for r in w.requests if r.method in ("POST", "PATCH")]
    return sum("/git-credentials" in request.path for request in seen)


@pytest.mark.slow
def test_a_worker_killed_in_the_middle_of_a_promotion_is_taken_over(sandbox, start, tmp_path, say):
    developer = Developer(sandbox, tmp_path / "clone")
    web, worker = start("web"), start("worker")
    sandbox.github.hook_url = web.hook
    first = developer.commit("a.txt")
    developer.push()
    wait_until(lambda: at(sandbox, first), what="the first push")
    wait_until(lambda: ended(sandbox, first) == 2, what="the first push's check runs")
    stored = stored_tokens(sandbox)
    for place in sandbox.places:
        place.workspace.faults.latency_seconds = 1.5
    second = developer.commit("b.txt")
    developer.push()
    before = updates(sandbox)
    wait_until(lambda: updates(sandbox) > before, what="an update")
    worker.kill()
    killed_at = time.monotonic()
    another = start("worker")

    for place in sandbox.places:
        place.workspace.faults.latency_seconds = 0.0
    wait_until(lambda: ended(sandbox, second) == 2, what="the check runs of the other worker")
    seconds = time.monotonic() - killed_at

    say(f"killed between updates; promoted and told after {seconds:.1f} s")
    assert at(sandbox, second)
    assert seconds < TAKE_OVER_SECONDS * 2  # the promotion itself is in it
    assert stored_tokens(sandbox) == stored  # the other worker knows what is stored
    assert another.stop() == 0
    assert web.stop() == 0


def at(sandbox, sha):
    return all(f.head_commit_id == sha for w in sandbox.workspaces for f in w.folders())


def ended(sandbox, sha):
    runs = sandbox.github.check_runs
    return len([run for run in runs if run.head_sha == sha and run.status == "completed"])


@pytest.mark.slow
def test_a_worker_answers_probes_and_takes_no_webhooks(start):
    worker, web = start("worker"), start("web")

    answers = [
        requests.get(f"{each.url}{path}", timeout=10).status_code
        for each in (worker, web)
        for path in ("/healthz", "/readyz", "/metrics")
    ]
    refused = requests.post(worker.hook, timeout=10).status_code

    assert answers == [200] * 6
    assert refused == 404
    assert (worker.stop(), web.stop()) == (0, 0)


@pytest.mark.parametrize("role", [pytest.param("web", marks=pytest.mark.slow), "worker"])
def test_on_sqlite_the_roles_are_not_apart(sandbox, role):
    ran = subprocess.run(
        (
            *(sys.executable, "-m", "brickpush", "serve", "--config", sandbox.config_path),
            *("--role", role),
        ),
        capture_output=True,
        text=True,
        env=environment(),
        timeout=60,
        check=False,
    )

    assert ran.returncode == 2
    assert ran.stderr == (
        "brickpush: --role web and --role worker need PostgreSQL: leave --role out, "
        "or set database_url\n"
    )
