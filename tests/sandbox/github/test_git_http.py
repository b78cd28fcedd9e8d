"""Real git clones, fetches and pushes, and what GitHub refuses."""

from __future__ import annotations

import gzip


def with_token(clone_url, token, user="x-access-token"):
    return clone_url.replace("://", f"://{user}:{token}@")


def test_a_push_moves_the_branch_and_a_fetch_brings_it_back(story):
    after = story.git.commit(story.work, {"jobs/etl.py": "print('naïve')\n"})

    story.git("push", "--quiet", "origin", "main", "main:refs/heads/feature/a", cwd=story.work)

    assert story.github.head("octo-org/etl", "main") == after
    assert story.github.head("octo-org/etl", "feature/a") == after
    assert story.github.head("octo-org/etl", "nobody's") is None
    story.git("fetch", "--quiet", cwd=story.work)
    assert story.git("rev-parse", "origin/main", cwd=story.work) == after


def test_a_commit_on_the_server_is_seen_by_a_pull(story):
    first = story.github.head("octo-org/etl", "main")

    sha = story.github.commit(
        "octo-org/etl", "main", {'a "b"/ü.txt': "1\n", "README.md": None}, "Second"
    )
    side = story.github.commit("Octo-Org/ETL", "side", {"b.txt": "2\n"}, "On the side")

    story.git("pull", "--quiet", cwd=story.work)
    assert (story.work / 'a "b"' / "ü.txt").read_text() == "1\n"
    assert not (story.work / "README.md").exists()
    log = story.git("log", "--format=%H", "origin/side", cwd=story.work).split()
    assert log == [side, sha, first]


def test_a_large_push_and_a_large_clone_go_through(story):
    lines = "".join(f"{number * 7919}\n" for number in range(400_000))
    story.git.commit(story.work, {"data.csv": lines})

    story.git("-c", "http.postBuffer=65536", "push", "--quiet", "origin", "main", cwd=story.work)

    url = with_token(story.github.repository("octo-org/etl").clone_url, story.github.user_token())
    story.git("clone", "--quiet", "--depth", "1", url, "again")
    assert (story.git.home / "again" / "data.csv").read_text() == lines


def test_a_compressed_request_is_understood(story, rest):
    repository = story.github.repository("octo-org/etl")
    sha = story.github.head("octo-org/etl", "main")
    want = f"0032want {sha}\n00000009done\n".encode()

    answer = rest(
        "POST",
        f"{repository.clone_url}/git-upload-pack",
        auth=("octocat", story.github.user_token()),
        data=gzip.compress(want),
        headers={
            "Content-Type": "application/x-git-upload-pack-request",
            "Content-Encoding": "gzip",
        },
    )

    assert answer.status_code == 200
    assert b"PACK" in answer.content


def test_an_installation_token_reads_its_repository_by_any_spelling(story, rest):
    token = rest.token(
        story.installation_id, repositories=["etl"], permissions={"contents": "read"}
    )
    url = with_token(f"{story.github.url}/Octo-Org/ETL", token)

    listed = story.git("ls-remote", url, "refs/heads/main")

    assert listed.split()[0] == story.github.head("octo-org/etl", "main")


def test_a_token_that_may_only_read_cannot_push(story, rest):
    token = rest.token(story.installation_id)
    url = with_token(story.github.repository("octo-org/etl").clone_url, token)

    pushed = story.git.attempt("push", url, "HEAD:refs/heads/new", cwd=story.work)

    assert pushed.returncode != 0
    assert "Write access to repository not granted." in pushed.stderr
    assert "error: 403" in pushed.stderr
    assert story.github.head("octo-org/etl", "new") is None


def test_a_token_without_contents_cannot_read(story, rest):
    token = rest.token(story.installation_id, permissions={"checks": "write"})
    url = with_token(story.github.repository("octo-org/etl").clone_url, token)

    assert "error: 403" in story.git.attempt("ls-remote", url).stderr


def test_a_token_that_may_write_pushes_as_the_app(story, rest):
    story.github.app_permissions["contents"] = "write"
    token = rest.token(story.installation_id)
    url = with_token(story.github.repository("octo-org/etl").clone_url, token)

    story.git("push", "--quiet", url, "HEAD:refs/heads/new", cwd=story.work)

    assert story.github.head("octo-org/etl", "new") is not None


def test_a_repository_outside_the_token_does_not_exist(story, rest):
    story.github.add_repository("octo-org/other")
    story.github.add_repository("monalisa/private")
    token = rest.token(story.installation_id, repositories=["etl"])

    for name in ("octo-org/other", "octo-org/nowhere", "monalisa/private"):
        url = with_token(f"{story.github.url}/{name}.git", token)
        assert "Repository not found." in story.git.attempt("ls-remote", url).stderr
        assert story.github.requests[-1] == ("GET", f"/{name}.git/info/refs", 404)


def test_a_repository_taken_from_the_installation_is_gone_for_old_tokens(story, rest):
    token = rest.token(story.installation_id)
    url = with_token(story.github.repository("octo-org/etl").clone_url, token)
    story.git("ls-remote", url)

    story.github.remove_repository_from_installation(story.installation_id, "octo-org/etl")

    assert "not found" in story.git.attempt("ls-remote", url).stderr


def test_git_is_asked_for_credentials_of_a_private_repository(story, rest):
    url = story.github.repository("octo-org/etl").clone_url

    answer = rest("GET", f"{url}/info/refs?service=git-upload-pack")

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == 'Basic realm="GitHub"'
    assert "could not read Username" in story.git.attempt("ls-remote", url).stderr


def test_a_bad_token_fails_to_authenticate(story):
    for user in ("x-access-token", "octocat"):
        url = with_token(story.github.repository("octo-org/etl").clone_url, "ghs_wrong", user)

        assert "Authentication failed" in story.git.attempt("ls-remote", url).stderr


def test_an_expired_token_fails_to_authenticate(story, rest, clock):
    url = story.github.repository("octo-org/etl").clone_url
    token = rest.token(story.installation_id)
    story.git("ls-remote", with_token(url, token))

    clock.later = 3601

    assert "Authentication failed" in story.git.attempt("ls-remote", with_token(url, token)).stderr


def test_all_tokens_can_be_made_to_expire(story, rest):
    token = rest.token(story.installation_id)

    story.github.expire_tokens()

    url = with_token(story.github.repository("octo-org/etl").clone_url, token)
    assert "Authentication failed" in story.git.attempt("ls-remote", url).stderr


def test_a_suspended_installation_reads_nothing(story, rest):
    token = rest.token(story.installation_id)

    story.github.suspend(story.installation_id)

    url = with_token(story.github.repository("octo-org/etl").clone_url, token)
    assert "This installation has been suspended" in story.git.attempt("ls-remote", url).stderr


def test_anybody_reads_a_public_repository_and_nobody_pushes_to_it_unasked(github, git):
    repository = github.add_repository("octo-org/open", private=False)

    git("clone", "--quiet", repository.clone_url, "open")

    pushed = git.attempt("push", "origin", "HEAD:refs/heads/x", cwd=git.home / "open")
    assert "could not read Username" in pushed.stderr


def test_what_is_not_gits_protocol_is_not_found(story, rest):
    for path in ("/octo-org/etl", "/octo-org/etl.git/HEAD", "/octo-org/etl.git/info/refs", "/"):
        assert rest("GET", story.github.url + path).status_code == 404
