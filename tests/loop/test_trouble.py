"""What the loop does when something is missing, expired, away or killed."""

from __future__ import annotations

import subprocess
import sys

import pytest
import requests
from app_world import completed
from nobody import NOBODY
from running import AS_INSTALLED, Developer, Service, environment, running_service, wait_until

from sandbox import world
from sandbox.sandbox import Options, open_sandbox, write_config


@pytest.fixture
def sandbox(tmp_path):
    """A sandbox whose workspaces hold two Git folders of a private repository, no credential."""
    with open_sandbox(tmp_path / "sandbox", Options(empty=True)) as opened:
        repository = opened.github.repository(world.MAIN)
        for workspace in opened.workspaces:
            for person in ("ada", "alan"):
                workspace.add_git_folder(
                    f"/Repos/{person}/etl", repository.clone_url, source=repository.path
                )
        yield opened


@pytest.fixture
def developer(sandbox, tmp_path):
    return Developer(sandbox, tmp_path / "clone")


def all_at(sandbox, sha):
    return all(f.head_commit_id == sha for w in sandbox.workspaces for f in w.folders())


def as_principal(sandbox, place):
    form = {
        "grant_type": "client_credentials",
        "client_id": place.principal.client_id,
        "client_secret": place.principal.client_secret,
        "scope": "2ff814a6-3304-4ab8-85cb-cd0e6f879c1d/.default",
    }
    url = f"{sandbox.entra.authority(place.principal.tenant_id)}/oauth2/v2.0/token"
    ca = str(sandbox.certificate.ca_path)
    token = requests.post(url, data=form, verify=ca, timeout=30).json()["access_token"]
    return {"headers": {"Authorization": f"Bearer {token}"}, "verify": ca, "timeout": 60}


def pull(sandbox, place, path):
    folder = place.workspace.folder(path)
    url = f"{place.workspace.url}/api/2.0/repos/{folder.id}"
    return requests.patch(url, json={"branch": "main"}, **as_principal(sandbox, place))


def test_a_private_repository_is_pulled_with_an_installation_token_until_it_expires(
    sandbox, developer
):
    place = sandbox.places[0]
    missing = pull(sandbox, place, "/Repos/ada/etl")
    with running_service(sandbox):
        first = developer.commit("a.txt")
        developer.push()
        wait_until(lambda: all_at(sandbox, first), what="the first push")
    second = developer.commit("b.txt")
    developer.push()

    pulled = pull(sandbox, place, "/Repos/ada/etl")
    sandbox.github.expire_tokens()
    expired = pull(sandbox, place, "/Repos/alan/etl")

    assert missing.status_code == 403
    assert "Missing Git provider credentials" in missing.json()["message"]
    assert pulled.status_code == 200
    assert place.workspace.folder("/Repos/ada/etl").head_commit_id == second
    assert expired.status_code == 403
    assert "Invalid Git provider credentials" in expired.json()["message"]
    assert place.workspace.folder("/Repos/alan/etl").head_commit_id == first


def test_a_service_killed_between_the_answer_and_the_first_update_promotes_after_its_restart(
    sandbox, developer
):
    sandbox.places[0].workspace.faults.latency_seconds = 1.0
    sandbox.places[1].workspace.faults.latency_seconds = 1.0
    with running_service(sandbox) as service:
        sha = developer.commit()
        developer.push()
        wait_until(
            lambda: any(delivery.status_code == 202 for delivery in sandbox.github.deliveries),
            what="the 202",
        )
        service.kill()
    patches = [r for w in sandbox.workspaces for r in w.requests if r.method == "PATCH"]
    sandbox.places[0].workspace.faults.latency_seconds = 0.0
    sandbox.places[1].workspace.faults.latency_seconds = 0.0

    with running_service(sandbox):
        wait_until(lambda: all_at(sandbox, sha), what="the promotion after the restart")

    assert [r for r in patches if "/repos/" in r.path] == []


def test_a_workspace_that_is_away_fails_only_its_own_part(sandbox, developer):
    write_config(sandbox)
    away = sandbox.workspace("prod").url
    text = sandbox.config_path.read_text()
    sandbox.config_path.write_text(text.replace(away, f"https://{NOBODY}"))
    with running_service(sandbox):
        sha = developer.commit()
        developer.push()

        runs = completed(sandbox, sha)

    assert runs["dev"].title == f"2 of 2 Git folders at {sha[:7]}"
    prod = runs["prod"]
    assert (prod.conclusion, prod.title) == (
        "failure",
        "Not promoted: the workspace could not be read",
    )
    assert "the connection was refused" in prod.summary


def test_a_credential_that_is_left_alone_and_missing_is_explained(sandbox, developer):
    text = sandbox.config_path.read_text()
    for place in sandbox.places:
        host = f'host = "{place.workspace.url}"'
        text = text.replace(host, f'{host}\ngit_credential = "existing"')
    sandbox.config_path.write_text(text)
    with running_service(sandbox):
        sha = developer.commit()
        developer.push()

        run = wait_until(
            lambda: next(
                (
                    run
                    for run in sandbox.github.check_runs
                    if run.head_sha == sha and run.status == "completed"
                ),
                None,
            ),
            what="a check run",
        )

    assert run.conclusion == "failure"
    assert "no Git credential is stored for the identity that pulls" in run.summary


def test_without_a_webhook_secret_the_service_does_not_start(sandbox):
    text = sandbox.config_path.read_text()
    sandbox.config_path.write_text(text.replace('["webhook.secret"]', "[]"))

    ran = subprocess.run(
        (sys.executable, "-m", "brickpush", "serve", "--config", str(sandbox.config_path)),
        capture_output=True,
        text=True,
        env=environment(),
        timeout=60,
        check=False,
    )

    assert ran.returncode == 2
    assert ran.stderr == (
        "brickpush: github.webhook_secret_paths names no secret: "
        "unsigned deliveries are never accepted\n"
    )


def test_the_service_says_that_it_is_well_and_ends_cleanly(sandbox, tmp_path):
    log = tmp_path / "service.log"
    service = Service(sandbox.config_path, log, program=AS_INSTALLED)

    answers = {
        path: requests.get(f"{service.url}{path}", timeout=10).status_code
        for path in ("/healthz", "/readyz", "/metrics")
    }

    assert answers == {"/healthz": 200, "/readyz": 200, "/metrics": 200}
    assert service.stop() == 0
