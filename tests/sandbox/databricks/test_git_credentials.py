"""The Git Credentials API."""

from __future__ import annotations

import pytest

CREDENTIALS = "/api/2.0/git-credentials"
SECRET = "ghs_" + "x" * 516


def create(api, token=None, **fields):
    body = {"git_provider": "gitHub", "personal_access_token": SECRET, "git_username": "ada"}
    return api("POST", CREDENTIALS, token=token, **(body | fields))


def test_a_credential_is_stored_listed_changed_and_deleted(api):
    made = create(api, git_provider="GITHUB", git_email="ada@octo.example", name="mine")
    credential_id = made.json()["credential_id"]
    shown = {
        "credential_id": credential_id,
        "git_provider": "gitHub",
        "git_username": "ada",
        "git_email": "ada@octo.example",
        "name": "mine",
        "is_default_for_provider": True,
    }

    assert made.json() == shown
    assert api.get(f"{CREDENTIALS}/{credential_id}").json() == shown
    assert api.get(CREDENTIALS).json() == {"credentials": [shown]}
    changed = api(
        "PATCH",
        f"{CREDENTIALS}/{credential_id}",
        git_provider="github",
        personal_access_token="other",
        git_username="x-access-token",
    )
    assert (changed.status_code, changed.json()) == (200, {})
    assert api.get(f"{CREDENTIALS}/{credential_id}").json()["git_username"] == "x-access-token"
    assert api("DELETE", f"{CREDENTIALS}/{credential_id}").status_code == 200
    assert api.get(CREDENTIALS).json() == {}


@pytest.mark.parametrize(("keeps", "expected"), [(False, None), (True, "ada")])
def test_a_username_that_is_not_sent_again(workspace, api, keeps, expected):
    workspace.behaviour.update_keeps_username = keeps
    credential_id = create(api).json()["credential_id"]

    body = {"git_provider": "gitHub", "personal_access_token": "other"}
    api("PATCH", f"{CREDENTIALS}/{credential_id}", **body)

    assert api.get(f"{CREDENTIALS}/{credential_id}").json().get("git_username") == expected


def test_a_change_must_say_the_provider(api):
    credential_id = create(api).json()["credential_id"]

    answer = api("PATCH", f"{CREDENTIALS}/{credential_id}", personal_access_token="other")

    assert (answer.status_code, answer.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE")


def test_a_service_principal_has_one_per_provider(workspace, api, principal):
    _, token = principal
    create(api, token=token)

    again = create(api, token=token)
    elsewhere = create(api, token=token, git_provider="gitLab")
    workspace.behaviour.second_credential = "old"
    as_of_old = create(api, token=token)

    assert again.status_code == 409
    assert again.json() == {
        "error_code": "RESOURCE_CONFLICT",
        "message": "A Git credential already exists for provider gitHub. Only one credential per "
        "provider is allowed for service principals.",
    }
    assert elsewhere.status_code == 200
    assert as_of_old.status_code == 400
    assert as_of_old.json()["message"].startswith("Only one Git credential is supported")


def test_a_user_may_have_several_with_one_default(api):
    first = create(api).json()["credential_id"]
    second = create(api, is_default_for_provider=True).json()["credential_id"]

    listed = api.get(CREDENTIALS).json()["credentials"]

    defaults = {each["credential_id"]: each["is_default_for_provider"] for each in listed}
    assert defaults == {first: False, second: True}


def test_without_a_default_git_cannot_choose(workspace, api, remote, folder_id):
    create(api)
    create(api, is_default_for_provider=True)
    listed = api.get(CREDENTIALS).json()["credentials"]
    default = next(each for each in listed if each["is_default_for_provider"])
    api("DELETE", f"{CREDENTIALS}/{default['credential_id']}")

    answer = api.update(folder_id, branch="main")

    assert answer.json()["error_code"] == "GIT_CLI_CANNOT_CHOOSE_CREDENTIAL"


def test_nobody_sees_anothers_credential(workspace, api):
    bob = workspace.add_user("bob@octo.example")
    credential_id = create(api).json()["credential_id"]

    answer = api.get(f"{CREDENTIALS}/{credential_id}", token=bob)

    assert answer.status_code == 404
    assert answer.json()["message"] == f"Git credential with id {credential_id} could not be found."
    assert api.get(CREDENTIALS, token=bob).json() == {}


def test_an_administrator_stores_one_for_a_service_principal(workspace, api, principal):
    client_id, token = principal
    principal_id = workspace.principal_id(client_id)

    made = create(api, principal_id=principal_id).json()

    assert api.get(CREDENTIALS, token=token).json() == {"credentials": [made]}
    assert api.get(CREDENTIALS).json() == {}
    assert api.get(CREDENTIALS, principal_id=str(principal_id)).json() == {"credentials": [made]}
    refused = create(api, token=token, principal_id=principal_id)
    assert refused.status_code == 403


def test_a_token_is_never_shown_and_can_be_too_long(workspace, api):
    accepted = create(api)
    workspace.behaviour.longest_token = 255

    refused = create(api)

    assert SECRET not in accepted.text + api.get(CREDENTIALS).text
    assert (refused.status_code, refused.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
