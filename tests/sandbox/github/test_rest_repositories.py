"""Repositories over REST: what may be seen, and what real git says of their commits."""

from __future__ import annotations

import pytest

ETL = "/repos/octo-org/etl"


@pytest.fixture
def token(github, rest):
    installation_id = github.add_organization("octo-org")
    github.add_repository("octo-org/etl")
    github.add_repository("octo-org/other")
    return rest.token(installation_id, repositories=["etl"])


def test_a_repository_is_found_by_name_and_by_id(github, rest, token):
    known = github.repository("octo-org/etl")

    for path in ("/repos/OCTO-org/ETL", f"/repositories/{known.id}"):
        found = rest("GET", path, token=token).json()
        assert (found["id"], found["full_name"], found["private"]) == (
            known.id,
            "octo-org/etl",
            True,
        )
        assert (found["default_branch"], found["clone_url"]) == ("main", known.clone_url)
        assert found["pushed_at"].endswith("Z")


def test_outside_the_token_nothing_exists(github, rest, token):
    other = github.repository("octo-org/other").id

    for path in ("/repos/octo-org/other", f"/repositories/{other}", "/repos/octo-org/nowhere"):
        assert rest("GET", path, token=token).status_code == 404
    assert rest("GET", ETL).status_code == 404
    assert rest("GET", ETL, token="ghs_wrong").status_code == 401
    assert rest("GET", ETL, token=github.user_token()).status_code == 200


def test_a_public_repository_is_everybodys(github, rest, token):
    github.add_repository("monalisa/open", private=False, default_branch="trunk")

    for credential in (None, token):
        assert rest("GET", "/repos/monalisa/open", token=credential).status_code == 200
        branches = rest("GET", "/repos/monalisa/open/branches", token=credential).json()
        assert [branch["name"] for branch in branches] == ["trunk"]


def test_a_missing_permission_is_named(github, rest, token):
    narrow = rest.token(50_001, permissions={"checks": "write"})

    assert rest("GET", ETL, token=narrow).status_code == 200
    answer = rest("GET", f"{ETL}/git/ref/heads/main", token=narrow)
    assert answer.status_code == 403
    assert answer.json()["message"] == "Resource not accessible by integration"
    assert answer.headers["X-Accepted-GitHub-Permissions"] == "contents=read"


def test_a_ref_is_read_by_its_whole_name(github, rest, token):
    sha = github.commit("octo-org/etl", "feature/a", {"a": "1"}, "On a branch")

    found = rest("GET", f"{ETL}/git/ref/heads/feature/a", token=token).json()

    assert found["ref"] == "refs/heads/feature/a"
    assert (found["object"]["sha"], found["object"]["type"]) == (sha, "commit")
    for missing in ("heads/feature", "heads/nowhere", "feature/a"):
        assert rest("GET", f"{ETL}/git/ref/{missing}", token=token).status_code == 404


def test_a_commit_is_found_by_branch_sha_and_short_sha(github, rest, token):
    first = github.head("octo-org/etl", "main")
    sha = github.commit("octo-org/etl", "feature/a", {"a": "1"}, "Title\n\nBody")

    for name in ("feature/a", "heads/feature/a", sha, sha[:8]):
        found = rest("GET", f"{ETL}/commits/{name}", token=token).json()
        assert (found["sha"], found["commit"]["message"]) == (sha, "Title\n\nBody")
        assert [parent["sha"] for parent in found["parents"]] == [first]
    plain = {"Accept": "application/vnd.github.sha"}
    assert rest("GET", f"{ETL}/commits/HEAD", token=token, headers=plain).text == first
    for missing in ("nowhere", "0" * 40, "--all"):
        answer = rest("GET", f"{ETL}/commits/{missing}", token=token)
        assert answer.status_code == 422
        assert answer.json()["message"] == f"No commit found for SHA: {missing}"


def test_commits_are_compared_by_real_git(github, rest, token):
    base = github.head("octo-org/etl", "main")
    ahead = github.commit("octo-org/etl", "side", {"a": "1"}, "Ahead")
    head = github.commit("octo-org/etl", "side", {"a": "2"}, "Further")
    other = github.commit("octo-org/etl", "main", {"b": "1"}, "Meanwhile")

    compared = {
        basehead: rest("GET", f"{ETL}/compare/{basehead}", token=token).json()
        for basehead in (f"{base}...side", f"side...{base}", "main...side", "main...main")
    }

    counts = [
        (one["status"], one["ahead_by"], one["behind_by"], one["merge_base_commit"]["sha"])
        for one in compared.values()
    ]
    assert counts == [
        ("ahead", 2, 0, base),
        ("behind", 0, 2, base),
        ("diverged", 2, 1, base),
        ("identical", 0, 0, other),
    ]
    assert [one["sha"] for one in compared[f"{base}...side"]["commits"]] == [ahead, head]
    for unknown in (f"{base}...{'0' * 40}", "nowhere...main", "main"):
        assert rest("GET", f"{ETL}/compare/{unknown}", token=token).status_code == 404


def test_branches_come_in_pages(github, rest, token):
    for number in range(3):
        github.commit("octo-org/etl", f"b{number}", {"a": str(number)}, "Branch")

    first = rest("GET", f"{ETL}/branches?per_page=3", token=token)
    second = rest("GET", first.links["next"]["url"], token=token)

    assert [branch["name"] for branch in first.json()] == ["b0", "b1", "b2"]
    assert first.json()[0]["commit"]["sha"] == github.head("octo-org/etl", "b0")
    assert [branch["name"] for branch in second.json()] == ["main"]
    assert sorted(second.links) == ["first", "prev"]
    assert "per_page=3" in first.links["last"]["url"]


def test_tags_lead_to_their_commits(story, rest):
    story.git("tag", "light", cwd=story.work)
    story.git("tag", "--annotate", "--message", "First", "v1.0", cwd=story.work)
    story.git("push", "--quiet", "--tags", cwd=story.work)
    head = story.github.head("octo-org/etl", "main")
    token = rest.token(story.installation_id)

    tags = rest("GET", f"{ETL}/tags", token=token).json()
    annotated = rest("GET", f"{ETL}/git/ref/tags/v1.0", token=token).json()
    commit = rest("GET", f"{ETL}/commits/v1.0", token=token).json()

    assert [(tag["name"], tag["commit"]["sha"]) for tag in tags] == [
        ("light", head),
        ("v1.0", head),
    ]
    assert annotated["object"]["type"] == "tag"
    assert commit["sha"] == head
