"""The token endpoints without a client in between."""

from __future__ import annotations

import pytest

DATABRICKS = "2ff814a6-3304-4ab8-85cb-cd0e6f879c1d"


@pytest.fixture
def principal(entra):
    return entra.add_principal(entra.add_tenant())


def ask(entra, session, principal, *, version="/v2.0", **changes):
    form = {
        "grant_type": "client_credentials",
        "client_id": principal.client_id,
        "client_secret": principal.client_secret,
        "scope": f"{DATABRICKS}/.default",
    }
    url = f"{entra.authority(principal.tenant_id)}/oauth2{version}/token"
    return session.post(url, data=form | changes)


def test_version_one_answers_in_text(entra, session, principal):
    answer = ask(entra, session, principal, version="", scope="all-apis", resource=DATABRICKS)

    body = answer.json()
    assert (body["expires_in"], body["resource"]) == ("3599", DATABRICKS)
    assert entra.identify(body["access_token"]) == principal.client_id


def test_a_token_for_azure_is_no_token_for_databricks(entra, session, principal):
    scope = "https://management.core.windows.net//.default"

    answer = ask(entra, session, principal, scope=scope)

    assert answer.status_code == 200
    assert entra.identify(answer.json()["access_token"]) is None


@pytest.mark.parametrize(
    ("changes", "status", "error", "code"),
    [
        ({"client_secret": "wrong"}, 401, "invalid_client", 7000215),
        ({"client_secret": ""}, 401, "invalid_client", 7000218),
        ({"client_id": "nobody"}, 400, "unauthorized_client", 700016),
        ({"grant_type": "password"}, 400, "unsupported_grant_type", 70003),
        ({"scope": "nothing"}, 400, "invalid_scope", 70011),
    ],
)
def test_each_refusal_has_its_code(entra, session, principal, changes, status, error, code):
    answer = ask(entra, session, principal, **changes)

    assert answer.status_code == status
    assert (answer.json()["error"], answer.json()["error_codes"]) == (error, [code])


def test_an_unknown_tenant_is_named(entra, session):
    answer = session.get(f"{entra.url}/nowhere/v2.0/.well-known/openid-configuration")

    assert answer.status_code == 400
    assert answer.json()["error"] == "invalid_tenant"
    assert answer.json()["error_description"].startswith("AADSTS90002: Tenant 'nowhere' not found.")


def test_a_token_ends_thirty_seconds_early(entra, session, principal, clock):
    token = ask(entra, session, principal).json()["access_token"]

    clock.later = 3565
    nearly = entra.identify(token)
    clock.later = 3575

    assert nearly == principal.client_id
    assert entra.identify(token) is None


def test_all_tokens_can_be_expired_at_once(entra, session, principal):
    old = ask(entra, session, principal).json()["access_token"]

    entra.expire_tokens()

    assert entra.identify(old) is None
    new = ask(entra, session, principal).json()["access_token"]
    assert entra.identify(new) == principal.client_id


def test_requests_can_be_throttled(entra, session, principal):
    entra.faults.add(path="*/token", status=429, headers={"Retry-After": "7"})

    answer = ask(entra, session, principal)

    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "7")
    assert ask(entra, session, principal).status_code == 200
