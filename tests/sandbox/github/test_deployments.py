"""Commit statuses and deployments, with the traps of GitHub's defaults."""

from __future__ import annotations

import pytest

ETL = "/repos/octo-org/etl"
DEPLOYMENTS = f"{ETL}/deployments"


@pytest.fixture
def token(github, rest):
    installation_id = github.add_organization("octo-org")
    github.add_repository("octo-org/etl")
    github.app_permissions |= {"statuses": "write", "deployments": "write"}
    return rest.token(installation_id)


def report(rest, token, sha, state, context="ci"):
    path = f"{ETL}/statuses/{sha}"
    return rest("POST", path, token=token, json={"state": state, "context": context})


def deploy(rest, token, **fields):
    return rest("POST", DEPLOYMENTS, token=token, json={"ref": "main", **fields})


def test_the_newest_status_of_each_context_counts(github, rest, token):
    sha = github.head("octo-org/etl", "main")
    for state, context in (("pending", "ci"), ("success", "CI"), ("success", "lint")):
        assert report(rest, token, sha, state, context).status_code == 201

    listed = rest("GET", f"{ETL}/commits/main/statuses", token=token).json()
    combined = rest("GET", f"{ETL}/commits/main/status", token=token).json()

    assert [one["context"] for one in listed] == ["lint", "CI", "ci"]
    assert (combined["state"], combined["total_count"]) == ("success", 2)
    assert [(one.state, one.context) for one in github.statuses[:2]] == [
        ("pending", "ci"),
        ("success", "CI"),
    ]


def test_by_default_every_context_must_be_green(github, rest, token):
    report(rest, token, github.head("octo-org/etl", "main"), "pending")

    refused = deploy(rest, token)
    named = deploy(rest, token, required_contexts=["nowhere"])
    free = deploy(rest, token, required_contexts=[])

    assert (refused.status_code, named.status_code, free.status_code) == (409, 409, 201)
    assert refused.json()["message"] == "Conflict: Commit status checks failed for main."
    assert refused.json()["errors"][0]["field"] == "required_contexts"


def test_by_default_the_default_branch_is_merged_first(github, rest, token):
    topic = github.commit("octo-org/etl", "topic", {"a": "1"}, "On a branch")
    github.commit("octo-org/etl", "main", {"b": "1"}, "Meanwhile")

    merged = deploy(rest, token, ref="topic")
    again = deploy(rest, token, ref="topic")

    assert (merged.status_code, again.status_code) == (202, 201)
    assert merged.json() == {"message": "Auto-merged main into topic on deployment."}
    assert again.json()["sha"] == github.head("octo-org/etl", "topic") != topic
    github.commit("octo-org/etl", "topic", {"c": "1"}, "One")
    github.commit("octo-org/etl", "main", {"c": "2"}, "Other")
    assert deploy(rest, token, ref="topic").status_code == 409
    assert deploy(rest, token, ref="topic", auto_merge=False).status_code == 201


def test_a_success_makes_the_earlier_one_inactive(github, rest, token):
    first, second = (deploy(rest, token, environment="dev").json()["id"] for _ in range(2))

    for number in (first, second):
        path = f"{DEPLOYMENTS}/{number}/statuses"
        made = rest("POST", path, token=token, json={"state": "success", "log_url": "https://x.y"})
        assert (made.status_code, made.json()["environment"]) == (201, "dev")

    assert [one.state for one in github.deployments] == ["inactive", "success"]
    shown = rest("GET", f"{DEPLOYMENTS}/{first}/statuses", token=token).json()
    assert [one["state"] for one in shown] == ["inactive", "success"]
    listed = rest("GET", f"{DEPLOYMENTS}?environment=dev", token=token).json()
    assert [one["id"] for one in listed] == [second, first]
    assert rest("GET", f"{DEPLOYMENTS}?environment=prod", token=token).json() == []
    assert rest("GET", f"{DEPLOYMENTS}/{first}", token=token).json()["environment"] == "dev"


def test_what_a_deployment_may_not_say(rest, token):
    number = deploy(rest, token).json()["id"]
    path = f"{DEPLOYMENTS}/{number}/statuses"

    for wrong in ({"state": "done"}, {"state": "success", "description": "x" * 141}):
        assert rest("POST", path, token=token, json=wrong).status_code == 422
    assert deploy(rest, token, ref="nowhere").status_code == 422
    assert rest("POST", DEPLOYMENTS, token=token, json={}).status_code == 422
    assert rest("GET", f"{DEPLOYMENTS}/1", token=token).status_code == 404
