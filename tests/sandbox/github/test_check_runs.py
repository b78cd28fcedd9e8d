"""Check runs and commit statuses, with GitHub's limits."""

from __future__ import annotations

import pytest

from sandbox.github.api.check_run_rules import CheckRunInvalidError, validate

ETL = "/repos/octo-org/etl"
RUNS = f"{ETL}/check-runs"
OUTPUT = {"title": "2 of 2", "summary": "| path | conclusion |"}
ACTION = {"label": "Retry", "description": "Once more", "identifier": "retry"}
ANNOTATION = {
    "path": "a.py",
    "start_line": 1,
    "end_line": 1,
    "annotation_level": "warning",
    "message": "Look",
}


@pytest.fixture
def installation_id(github):
    installation_id = github.add_organization("octo-org")
    github.add_repository("octo-org/etl")
    github.add_repository("octo-org/other")
    return installation_id


@pytest.fixture
def token(rest, installation_id):
    return rest.token(installation_id, permissions={"checks": "write"})


def a_check_run(github, **changes):
    head_sha = github.head("octo-org/etl", "main")
    return {"name": "databricks / dev", "head_sha": head_sha, **changes}


def test_a_check_run_is_made_changed_and_read_back(github, rest, token):
    made = rest("POST", RUNS, token=token, json=a_check_run(github, external_id="42"))
    assert made.status_code == 201
    assert (made.json()["status"], made.json()["conclusion"]) == ("queued", None)
    path = f"{RUNS}/{made.json()['id']}"

    rest("PATCH", path, token=token, json={"status": "in_progress"})
    done = {"conclusion": "success", "output": OUTPUT, "actions": [ACTION]}
    changed = rest("PATCH", path, token=token, json=done)

    read = rest("GET", path, token=token).json()
    assert changed.json() == read
    assert (read["status"], read["conclusion"], read["external_id"]) == (
        "completed",
        "success",
        "42",
    )
    assert read["completed_at"] is not None
    assert read["output"]["summary"] == OUTPUT["summary"]
    assert read["app"]["id"] == github.app_id
    [run] = github.check_runs
    assert (run.repository, run.head_sha) == ("octo-org/etl", read["head_sha"])
    assert (run.title, run.conclusion, run.actions) == ("2 of 2", "success", (ACTION,))


def test_the_check_runs_of_a_commit_are_listed(github, rest, token):
    for name in ("dev", "dev", "prod"):
        rest("POST", RUNS, token=token, json=a_check_run(github, name=name))
    on_main = f"{ETL}/commits/main/check-runs"

    def names(query=""):
        answer = rest("GET", on_main + query, token=token).json()
        assert answer["total_count"] == len(answer["check_runs"])
        return [run["name"] for run in answer["check_runs"]]

    assert names() == ["prod", "dev"]
    assert names("?filter=all") == ["prod", "dev", "dev"]
    assert names("?check_name=dev") == ["dev"]
    assert names(f"?app_id={github.app_id}&status=queued") == ["prod", "dev"]
    assert names("?app_id=1") == []
    newest = rest("GET", f"{on_main}?check_name=dev", token=token).json()["check_runs"][0]
    assert newest["id"] == github.check_runs[1].id
    page = rest("GET", f"{on_main}?per_page=1", token=token)
    assert "next" in page.links


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": None}, "name"),
        ({"head_sha": None}, "head_sha"),
        ({"status": "done"}, "status"),
        ({"conclusion": "stale"}, "conclusion"),
        ({"status": "completed"}, "conclusion"),
        ({"details_url": "ftp://example.com"}, "details_url"),
        ({"external_id": 42}, "external_id"),
        ({"output": "text"}, "output"),
        ({"output": {"title": "Only"}}, "output.summary"),
        ({"output": {"summary": "Only"}}, "output.title"),
        ({"output": {**OUTPUT, "summary": "x" * 65_536}}, "output.summary"),
        ({"output": {**OUTPUT, "text": "x" * 65_536}}, "output.text"),
        ({"output": {**OUTPUT, "annotations": [ANNOTATION] * 51}}, "output.annotations"),
        (
            {"output": {**OUTPUT, "annotations": [{**ANNOTATION, "message": None}]}},
            "output.annotations.message",
        ),
        (
            {"output": {**OUTPUT, "annotations": [{**ANNOTATION, "annotation_level": "bad"}]}},
            "output.annotations.annotation_level",
        ),
        ({"actions": [ACTION] * 4}, "actions"),
        ({"actions": [{**ACTION, "label": "x" * 21}]}, "actions.label"),
        ({"actions": [{**ACTION, "description": "x" * 41}]}, "actions.description"),
        ({"actions": [{**ACTION, "identifier": "x" * 21}]}, "actions.identifier"),
        ({"actions": [{"label": "Retry"}]}, "actions.description"),
    ],
)
def test_a_check_run_that_github_does_not_take(changes, field):
    fields = {"name": "databricks / dev", "head_sha": "1" * 40, **changes}

    with pytest.raises(CheckRunInvalidError) as refused:
        validate(fields, creating=True)

    assert refused.value.field == field


def test_what_is_wrong_is_told_and_nothing_is_kept(github, rest, token):
    action = {"label": "x" * 21, "description": "Once more", "identifier": "retry"}

    answer = rest("POST", RUNS, token=token, json=a_check_run(github, actions=[action]))

    assert answer.status_code == 422
    assert answer.json()["message"] == "Validation Failed"
    assert answer.json()["errors"] == [
        {
            "resource": "CheckRun",
            "field": "actions.label",
            "code": "invalid",
            "message": "Only 20 characters are allowed; 21 were supplied.",
        }
    ]
    assert github.check_runs == []


def test_what_just_fits_is_taken(github, rest, token):
    output = {
        "title": "Full",
        "summary": "ü" * 65_535,
        "text": "x" * 65_535,
        "annotations": [ANNOTATION] * 50,
    }
    action = {"label": "x" * 20, "description": "x" * 40, "identifier": "x" * 20}
    full = a_check_run(github, output=output, actions=[action] * 3)

    made = rest("POST", RUNS, token=token, json=full)
    more = {"output": {"summary": "Short", "annotations": [ANNOTATION] * 50}}
    changed = rest("PATCH", f"{RUNS}/{made.json()['id']}", token=token, json=more)

    assert (made.status_code, changed.status_code) == (201, 200)
    assert changed.json()["output"]["annotations_count"] == 100
    assert changed.json()["output"]["title"] == "Full"


def test_a_check_run_needs_a_commit_of_the_repository(github, rest, token):
    for head_sha in ("0" * 40, "main", "abc"):
        answer = rest("POST", RUNS, token=token, json=a_check_run(github, head_sha=head_sha))

        assert answer.status_code == 422
        assert answer.json()["message"] == f"No commit found for SHA: {head_sha}"


def test_checks_need_their_permission_on_that_repository(github, rest, installation_id):
    reader = rest.token(installation_id, permissions={"contents": "read"})
    elsewhere = rest.token(installation_id, repositories=["other"])

    refused = rest("POST", RUNS, token=reader, json=a_check_run(github))
    unseen = rest("POST", RUNS, token=elsewhere, json=a_check_run(github))
    user = rest("POST", RUNS, token=github.user_token(), json=a_check_run(github))

    assert refused.status_code == 403
    assert refused.json()["message"] == "Resource not accessible by integration"
    assert refused.headers["X-Accepted-GitHub-Permissions"] == "checks=write"
    assert unseen.status_code == 404
    assert user.json()["message"] == "You must authenticate via a GitHub App."


def test_a_check_run_belongs_to_its_repository(github, rest, token):
    made = rest("POST", RUNS, token=token, json=a_check_run(github)).json()

    for path in (f"/repos/octo-org/other/check-runs/{made['id']}", f"{RUNS}/1"):
        assert rest("GET", path, token=token).status_code == 404
        assert rest("PATCH", path, token=token, json={}).status_code == 404


def test_statuses_are_off_until_granted(github, rest, installation_id):
    path = f"{ETL}/statuses/{github.head('octo-org/etl', 'main')}"
    status = {"state": "success", "description": "x" * 140, "context": "databricks"}
    refused = rest("POST", path, token=rest.token(installation_id), json=status)

    github.app_permissions["statuses"] = "write"
    token = rest.token(installation_id)
    made = rest("POST", path, token=token, json=status)

    assert (refused.status_code, made.status_code) == (403, 201)
    assert (made.json()["state"], made.json()["context"]) == ("success", "databricks")
    for wrong in ({**status, "state": "done"}, {**status, "description": "x" * 141}):
        assert rest("POST", path, token=token, json=wrong).status_code == 422
    assert rest("POST", f"{ETL}/statuses/{'0' * 40}", token=token, json=status).status_code == 422
