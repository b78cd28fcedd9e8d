"""Tests that leave one secret each where none may be; test_leaks.py runs them."""

from __future__ import annotations

import time

import jwt
import pytest
import requests
from running import wait_until
from security.listener import listener

from sandbox.entra.server import Entra
from sandbox.sandbox import Options, open_sandbox

TOKEN = "gh" + "s_" + "a1B2" * 9


class Scene:
    def __init__(self, sandbox):
        self.sandbox = sandbox


@pytest.fixture
def scene(tmp_path):
    with open_sandbox(tmp_path / "scene", Options(empty=True)) as sandbox:
        yield Scene(sandbox)


@pytest.fixture(scope="module")
def box(tmp_path_factory):
    with open_sandbox(tmp_path_factory.mktemp("box"), Options(empty=True)) as sandbox:
        sandbox.github.app_permissions = {
            "contents": "read",
            "metadata": "read",
            **dict.fromkeys(("checks", "statuses", "deployments"), "write"),
        }
        yield sandbox


def tell(sandbox, path, body, method="POST"):
    """Write to the repository as the App does."""
    github, now = sandbox.github, int(time.time())
    claims = {"iat": now - 60, "exp": now + 300, "iss": str(github.app_id)}
    proof = jwt.encode(claims, github.private_key_path.read_text(), "RS256")
    ca = str(sandbox.certificate.ca_path)

    def call(method, path, token, body):
        headers = {"Authorization": f"Bearer {token}"}
        url = f"{github.api_url}{path}"
        answer = requests.request(method, url, json=body, headers=headers, verify=ca, timeout=20)
        assert answer.ok, answer.text
        return answer.json()

    token = call("POST", f"/app/installations/{sandbox.installation_id}/access_tokens", proof, {})[
        "token"
    ]
    return call(method, f"/repos/octo-org/etl{path}", token, body)


def head(sandbox):
    return sandbox.github.head("octo-org/etl", "main")


def a_run(sandbox, summary):
    output = {"title": "told", "summary": summary}
    return {"name": "Brickpush / dev", "head_sha": head(sandbox), "output": output}


def test_a_check_run_of_a_scene(scene):
    tell(scene.sandbox, "/check-runs", a_run(scene.sandbox, f"refused: {TOKEN}"))


def test_a_check_run_of_a_sandbox_within_a_test(tmp_path):
    with open_sandbox(tmp_path / "within", Options(empty=True)) as sandbox:
        secret = sandbox.places[0].principal.client_secret
        tell(sandbox, "/check-runs", a_run(sandbox, f"sent {secret}"))


def test_a_check_run_that_is_written_over(box):
    made = tell(box, "/check-runs", a_run(box, f"with {TOKEN}"))
    tell(box, f"/check-runs/{made['id']}", {"output": {"title": "x", "summary": "y"}}, "PATCH")


def test_a_commit_status(box):
    said = {"state": "error", "context": "x", "description": f"with {TOKEN}"}
    tell(box, f"/statuses/{head(box)}", said)


def test_a_deployment(box):
    said = {"ref": head(box), "environment": "dev", "auto_merge": False, "required_contexts": []}
    tell(box, "/deployments", {**said, "description": f"with {TOKEN}"})


def test_a_deployments_status(box):
    said = {"ref": head(box), "environment": "prod", "auto_merge": False, "required_contexts": []}
    made = tell(box, "/deployments", said)
    body = {"state": "error", "description": f"with {TOKEN}"}
    tell(box, f"/deployments/{made['id']}/statuses", body)


def test_an_answer_to_a_webhook(box):
    with listener(body=f'{{"refused": "{TOKEN}"}}'.encode()) as (url, _):
        box.github.hook_url = url
        box.github.ping()
        wait_until(lambda: box.github.deliveries, what="the delivery")


def test_a_webhook_secret_that_is_replaced_afterwards(box, tmp_path):
    box.github.webhook_secret = "what-an-operator-has-chosen"
    (tmp_path / "rotated.log").write_text(f"signed with {box.github.webhook_secret}")
    box.github.webhook_secret = "the-one-after-it"


def test_the_client_secret_of_a_principal_of_a_bare_entra(tmp_path):
    entra = Entra(url="https://login.example")
    principal = entra.add_principal(entra.add_tenant())
    (tmp_path / "client_secret.log").write_text(f"sent {principal.client_secret}")


def test_the_secrets_of_an_app_that_was_registered_later(box, tmp_path):
    app = box.github.register_app(
        {"name": "Another", "url": "https://a.example", "redirect_url": "https://a.example/r"}
    )
    (tmp_path / "of_an_app.log").write_text(f"{app.client_secret}")
