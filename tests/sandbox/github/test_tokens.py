"""Installation tokens: what they hold, how they are narrowed, and how they end."""

from __future__ import annotations

import datetime
import re
import time

import pytest

NOT_GRANTED = "The permissions requested are not granted to this installation."
NOT_ACCESSIBLE = "There is at least one repository that does not exist or is not accessible"


@pytest.fixture
def installation_id(github):
    installation_id = github.add_organization("octo-org")
    for name in ("octo-org/etl", "octo-org/other", "monalisa/dotfiles"):
        github.add_repository(name)
    return installation_id


def create(rest, installation_id, **narrowed):
    return rest.app("POST", f"/app/installations/{installation_id}/access_tokens", json=narrowed)


def test_a_token_is_good_for_an_hour_and_for_all_that_is_granted(github, rest, installation_id):
    answer = create(rest, installation_id)

    assert answer.status_code == 201
    body = answer.json()
    expires_at = datetime.datetime.fromisoformat(body["expires_at"]).timestamp()
    assert abs(expires_at - time.time() - 3600) < 30
    assert body["permissions"] == github.app_permissions
    assert body["repository_selection"] == "all"
    assert "repositories" not in body
    [issued] = github.issued_tokens
    assert (issued.token, issued.installation_id) == (body["token"], installation_id)
    assert (issued.repository_ids, issued.permissions) == (None, body["permissions"])
    assert int(issued.expires_at) == expires_at


def test_a_token_has_the_long_form(github, rest, installation_id):
    token = rest.token(installation_id)

    assert re.fullmatch(r"ghs_[A-Za-z0-9._-]{36,}", token)
    assert token.startswith(f"ghs_{github.app_id}_")
    assert token.count(".") == 2
    assert 480 < len(token) < 560
    assert token not in repr(github.issued_tokens)


def test_a_token_is_narrowed_by_ids_or_names_and_by_permissions(github, rest, installation_id):
    etl = github.repository("octo-org/etl")

    answers = [
        create(rest, installation_id, permissions={"contents": "read"}, **one)
        for one in ({"repository_ids": [etl.id, etl.id]}, {"repositories": ["ETL"]})
    ]

    for answer in answers:
        body = answer.json()
        assert body["permissions"] == {"contents": "read", "metadata": "read"}
        assert body["repository_selection"] == "selected"
        assert [one["full_name"] for one in body["repositories"]] == ["octo-org/etl"]
        listed = rest("GET", "/installation/repositories", token=body["token"]).json()
        assert listed["total_count"] == 1
        assert listed["repository_selection"] == "selected"
        assert [one["id"] for one in listed["repositories"]] == [etl.id]
    assert [issued.repository_ids for issued in github.issued_tokens] == [(etl.id,), (etl.id,)]


def test_a_token_that_cannot_be_had(rest, installation_id):
    refusals = (
        ({"permissions": {"contents": "write"}}, NOT_GRANTED),
        ({"permissions": {"statuses": "read"}}, NOT_GRANTED),
        ({"permissions": {"contents": "everything"}}, NOT_GRANTED),
        ({"repositories": ["nowhere"]}, NOT_ACCESSIBLE),
        ({"repository_ids": [1]}, NOT_ACCESSIBLE),
        ({"repository_ids": list(range(501))}, "A list of at most 500 repositories is allowed."),
    )

    for narrowed, message in refusals:
        answer = create(rest, installation_id, **narrowed)
        assert answer.status_code == 422
        assert answer.json()["message"].startswith(message)


def test_another_owners_repository_cannot_be_had(github, rest, installation_id):
    foreign = github.repository("monalisa/dotfiles").id

    assert create(rest, installation_id, repository_ids=[foreign]).status_code == 422


def test_a_suspended_or_unknown_installation_gets_no_token(github, rest, installation_id):
    github.suspend(installation_id)

    suspended, unknown = create(rest, installation_id), create(rest, 1)

    assert suspended.status_code == 403
    assert suspended.json()["message"] == "This installation has been suspended"
    assert unknown.status_code == 404
    github.unsuspend(installation_id)
    assert create(rest, installation_id).status_code == 201


def test_broken_json_is_told(rest, installation_id):
    path = f"/app/installations/{installation_id}/access_tokens"

    for body, message in (("{", "Problems parsing JSON"), ("[]", "Body should be a JSON object")):
        answer = rest.app("POST", path, data=body)
        assert (answer.status_code, answer.json()["message"]) == (400, message)


def test_a_revoked_token_is_bad(rest, installation_id):
    token = rest.token(installation_id)

    assert rest("DELETE", "/installation/token", token=token).status_code == 204

    again = rest("DELETE", "/installation/token", token=token)
    assert (again.status_code, again.json()["message"]) == (401, "Bad credentials")


def test_an_expired_or_suspended_token_is_refused(github, rest, installation_id):
    token = rest.token(installation_id)
    github.suspend(installation_id)
    suspended = rest("GET", "/installation/repositories", token=token)
    github.unsuspend(installation_id)
    github.expire_tokens()

    expired = rest("GET", "/installation/repositories", token=token)

    assert (suspended.status_code, expired.status_code) == (403, 401)
    assert expired.json()["message"] == "Bad credentials"


def test_only_installation_tokens_have_an_installation(github, rest, installation_id):
    assert rest("GET", "/installation/repositories").status_code == 401
    user = rest("GET", "/installation/repositories", token=github.user_token())
    assert user.status_code == 403


def test_a_removed_repository_makes_the_selection_smaller(github, rest, installation_id):
    token = rest.token(installation_id)

    github.remove_repository_from_installation(installation_id, "octo-org/other")

    listed = rest("GET", "/installation/repositories", token=token).json()
    assert [one["name"] for one in listed["repositories"]] == ["etl"]
    assert listed["repository_selection"] == "selected"
    assert create(rest, installation_id, repositories=["other"]).status_code == 422
