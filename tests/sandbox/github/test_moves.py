"""Old names lead on: a repository that was renamed, transferred or archived."""

from __future__ import annotations

from urllib.parse import quote

OLD = "/repos/octo-org/etl"


def test_the_old_name_leads_to_the_id_over_rest(github, rest):
    installation_id = github.add_organization("octo-org")
    number = github.add_repository("octo-org/etl").id
    token = rest.token(installation_id)
    github.rename_repository("octo-org/etl", "jobs")

    first = rest("GET", f"{OLD}/branches?per_page=1", token=token, allow_redirects=False)
    followed = rest("GET", f"{OLD}/git/ref/heads/main", token=token)
    written = rest("POST", f"{OLD}/check-runs", token=token, json={}, allow_redirects=False)
    found = rest.app("GET", f"{OLD}/installation")

    assert (first.status_code, first.json()["message"]) == (301, "Moved Permanently")
    where = f"{github.api_url}/repositories/{number}"
    assert first.headers["Location"] == first.json()["url"] == f"{where}/branches?per_page=1"
    assert followed.json()["object"]["sha"] == github.head("octo-org/jobs", "main")
    assert (written.status_code, written.headers["Location"]) == (307, f"{where}/check-runs")
    assert found.json()["id"] == installation_id
    assert rest("GET", OLD).status_code == 404
    assert rest("GET", OLD, token=token).json()["full_name"] == "octo-org/jobs"


def test_what_follows_the_old_name_is_led_on_as_it_came(github, rest):
    branch = "größe/a+b%20"
    github.add_repository("octo-org/etl")
    head = github.commit("octo-org/etl", branch, {"a": "1"}, "Begin")
    github.rename_repository("octo-org/etl", "jobs")

    found = rest("GET", f"{OLD}/git/ref/heads/{quote(branch)}", token=github.user_token())

    assert [answer.status_code for answer in (*found.history, found)] == [301, 200]
    assert found.json()["object"]["sha"] == head


def test_the_old_name_leads_on_in_git(story):
    story.github.add_account("hub-org")
    story.github.transfer_repository("octo-org/etl", "hub-org")
    story.github.rename_repository("hub-org/etl", "jobs")
    head = story.git.commit(story.work, {"a.txt": "1\n"})

    story.git("push", "--quiet", "origin", "main", cwd=story.work)
    story.git("fetch", "--quiet", "origin", cwd=story.work)

    assert story.github.head("hub-org/jobs", "main") == head
    assert story.git("rev-parse", "origin/main", cwd=story.work) == head


def test_a_new_repository_takes_the_old_name_over(github, rest):
    github.add_organization("octo-org")
    moved = github.add_repository("octo-org/etl")
    github.rename_repository("octo-org/etl", "jobs")
    new = github.add_repository("octo-org/etl")
    github.commit("octo-org/etl", "main", {"a": "1"}, "Only here")

    found = rest("GET", OLD, token=github.user_token())

    assert found.json()["id"] == new.id != moved.id
    assert github.head("octo-org/jobs", "main") != github.head("octo-org/etl", "main")
    assert github.rename_repository("octo-org/jobs", "Jobs").full_name == "octo-org/Jobs"


def test_an_archived_repository_is_read_only(story, rest):
    story.github.archive_repository("octo-org/etl")
    token = rest.token(story.installation_id)

    pushed = story.git.attempt("push", "origin", "main:refs/heads/a", cwd=story.work)
    written = rest("POST", f"{OLD}/check-runs", token=token, json={})

    assert "This repository was archived so it is read-only." in pushed.stderr
    assert written.status_code == 403
    assert written.json()["message"] == "Repository was archived so is read-only."
    story.git("fetch", "--quiet", "origin", cwd=story.work)
    assert rest("GET", OLD, token=token).json()["archived"] is True
