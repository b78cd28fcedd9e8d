"""Who may use a workspace: personal access tokens, Entra's tokens, and nobody else."""

from __future__ import annotations

import re

import pytest
import requests

ME = "/api/2.0/preview/scim/v2/Me"
MANAGEMENT = "https://management.core.windows.net"


def test_a_user_signs_in_with_a_personal_access_token(api):
    answer = api.get(ME)

    assert re.fullmatch(r"dapi[0-9a-f]{32}", api.token)
    assert answer.json()["userName"] == "ada@octo.example"
    assert {"display": "admins"} in answer.json()["groups"]
    assert answer.headers["X-Databricks-Org-Id"].isdecimal()


def test_a_service_principal_signs_in_with_entras_token(api, principal):
    client_id, token = principal

    answer = api.get(ME, token=token)

    assert answer.json()["userName"] == client_id
    assert answer.json()["groups"] == [{"display": "users"}]


def test_a_principal_that_was_not_added_is_forbidden(workspace, api, entra, sign_in):
    stranger = entra.add_principal(entra.add_tenant())

    answer = api.get(ME, token=sign_in(entra, stranger))

    assert (answer.status_code, answer.json()["error_code"]) == (403, "PERMISSION_DENIED")
    assert workspace.requests[-1].principal == stranger.client_id


def test_a_token_for_another_resource_is_refused(workspace, api, entra, sign_in):
    principal = entra.add_principal(entra.add_tenant())
    workspace.add_service_principal(principal.client_id)

    answer = api.get(ME, token=sign_in(entra, principal, MANAGEMENT))

    assert answer.status_code == 401


@pytest.mark.parametrize("token", ["dapi" + "0" * 32, "eyJ.nonsense.x", "naïve"])
def test_an_unknown_token_is_refused_without_json(api, token):
    answer = api.get(ME, token=token)

    assert answer.status_code == 401
    assert answer.headers["content-type"].startswith("text/plain")


def test_a_request_without_a_token_is_refused(workspace):
    answer = requests.get(f"{workspace.url}{ME}", timeout=30)

    assert answer.status_code == 401
    assert workspace.requests[-1].principal is None


def test_the_tenant_can_be_discovered(workspace, api, entra, principal):
    answer = api("GET", "/aad/auth")

    assert answer.status_code == 302
    authority = entra.authority(entra.tenant_of(principal[0]))
    assert answer.headers["location"].startswith(f"{authority}/oauth2/authorize?client_id=")


@pytest.mark.parametrize("path", ["/.well-known/databricks-config", "/api/2.0/clusters/list"])
def test_what_is_not_there_is_no_endpoint(api, path):
    answer = api.get(path)

    assert (answer.status_code, answer.json()["error_code"]) == (404, "ENDPOINT_NOT_FOUND")


def test_a_body_that_is_not_json_is_malformed(workspace, api):
    answer = requests.post(
        f"{workspace.url}/api/2.0/repos",
        data=b"{not json",
        headers={"Authorization": f"Bearer {api.token}"},
        timeout=30,
    )

    assert (answer.status_code, answer.json()["error_code"]) == (400, "MALFORMED_REQUEST")
