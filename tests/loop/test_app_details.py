"""The page of a promotion's details: every line, for exactly those who have the link."""

from __future__ import annotations

import contextlib
import subprocess
import sys

import pytest
import requests
from app_world import FAST, completed, fill, push, settled
from details_pages import words
from nobody import NOBODY
from postgres import postgres, postgres_url  # noqa: F401 - fixtures
from running import Service, environment, running_service, wait_until

from sandbox import world
from sandbox.github.git import git
from sandbox.sandbox import Options, open_sandbox

PUBLIC = "https://brickpush.example.com"
DETAILS = {**FAST, "BRICKPUSH_PUBLIC_URL": PUBLIC, "BRICKPUSH_RECONCILE_SECONDS": "3600"}


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory):
    with open_sandbox(tmp_path_factory.mktemp("sandbox"), Options(empty=True)) as opened:
        fill(opened)
        fill(opened, branch="dev", people=("grace",))
        yield opened


@pytest.fixture(scope="module")
def service(sandbox):
    with running_service(sandbox, **DETAILS) as running:
        yield running


@pytest.fixture(scope="module")
def run(sandbox, service):
    """The finished check run of a push in the workspace dev."""
    return completed(sandbox, push(sandbox, service))["dev"]


def reached(url, service):
    """Return a link as it is reached from here."""
    assert url.startswith(f"{PUBLIC}/promotions/")
    return service.url + url.removeprefix(PUBLIC)


def parent(sandbox, sha):
    path = sandbox.github.repository(world.MAIN).path
    return git.run(path, "rev-parse", f"{sha}^").decode().strip()


def get(url):
    return requests.get(url, timeout=10, allow_redirects=False)


def test_a_check_run_links_a_page_that_says_as_much_as_it_does(sandbox, service, run):
    page = get(reached(run.details_url, service))

    told = words(page)
    assert page.status_code == 200
    assert f"✓ 2 of 2 Git folders at {run.head_sha[:7]} (success)" in told
    assert f"Repository {world.MAIN} Branch main Commit {run.head_sha[:12]} Workspace dev" in told
    before = parent(sandbox, run.head_sha)
    for person in ("ada", "alan"):
        line = f"✓ success /Repos/{person}/etl-main {before[:7]} → {run.head_sha[:7]} at"
        assert line in told
    assert "1 left unchanged" in told
    assert "/Repos/grace/etl-dev follows dev" in told
    for folder in sandbox.workspace("dev").folders():
        assert f'href="{sandbox.workspace("dev").url}/browse/folders/{folder.id}"' in page.text


def test_the_page_is_for_no_cache_no_other_site_and_no_search_engine(service, run):
    page = get(reached(run.details_url, service))

    assert "script" not in page.text
    assert "style=" not in page.text
    assert '<meta name="robots" content="noindex, nofollow">' in page.text
    assert {name: page.headers[name] for name in ("Cache-Control", "Referrer-Policy")} == {
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
    }
    assert page.headers["X-Robots-Tag"] == "noindex, nofollow"
    assert page.headers["Content-Security-Policy"].startswith(
        "default-src 'none'; style-src 'self';"
    )


def test_whoever_has_not_the_link_gets_the_same_answer_whatever_there_is(sandbox, service, run):
    url = reached(run.details_url, service)
    head, name, key = url.rsplit("/", 2)
    prod = completed(sandbox, run.head_sha)["prod"].details_url.rsplit("/", 2)[1]
    other = "0" if key[0] != "0" else "1"

    answers = [
        get(guess)
        for guess in (
            f"{head}/{name}/{other}{key[1:]}",  # a wrong key
            f"{head}/{name}/",
            f"{head}/{name}",
            f"{head}/{name}/more/{key}",
            f"{head}/{prod}/{key}",  # another workspace's page
            f"{head}/{'A' * 32}/{key}",  # there is no such page
            f"{head}/{'9' * 5000}/{key}",
            f"{head}/1/dev/{key}",
            f"{head}/%27%00/{key}",
            f"{head}/{name}/%C3%A9%00%FF",
        )
    ]

    said = {
        (
            answer.status_code,
            answer.text,
            tuple(sorted((n, v) for n, v in answer.headers.items() if n.lower() != "date")),
        )
        for answer in answers
    }
    assert {status for status, _, _ in said} == {404}
    assert len(said) == 1
    assert "There is no such page" in answers[0].text


def test_no_log_tells_a_link(sandbox, service, run):
    url = reached(run.details_url, service)
    get(url)
    get(url[:-1])

    settled(service)
    log = service.log.read_text()

    assert url.rpartition("/")[2] not in log
    assert "/promotions/" not in log


def test_every_run_in_every_workspace_has_a_link_of_its_own(sandbox, service, run):
    again = completed(sandbox, push(sandbox, service))

    links = {run.details_url, *(each.details_url for each in again.values())}
    assert len({link.rpartition("/")[2] for link in links}) == 3
    assert all(get(reached(link, service)).status_code == 200 for link in links)


def test_a_commit_status_links_the_page_where_no_check_run_may_be_written(tmp_path):
    with open_sandbox(tmp_path / "sandbox", Options(empty=True)) as sandbox:
        fill(sandbox)
        sandbox.github.app_permissions = {
            "contents": "read",
            "metadata": "read",
            "statuses": "write",
        }
        with running_service(sandbox, **DETAILS) as service:
            sha = push(sandbox, service)
            status = wait_until(
                lambda: next(
                    (s for s in sandbox.github.statuses if (s.sha, s.state) == (sha, "success")),
                    None,
                ),
                what="a status",
            )
            page = get(reached(status.target_url, service))

    assert f"2 of 2 Git folders at {sha[:7]}" in words(page)


def test_a_web_process_shows_what_a_worker_elsewhere_has_promoted(tmp_path, postgres_url):  # noqa: F811
    with contextlib.ExitStack() as stack:
        sandbox = stack.enter_context(open_sandbox(tmp_path / "sandbox", Options(empty=True)))
        fill(sandbox)
        web, worker = (
            Service(
                sandbox.config_path,
                tmp_path / f"{role}.log",
                role=role,
                BRICKPUSH_DATABASE_URL=postgres_url,
                **DETAILS,
            )
            for role in ("web", "worker")
        )
        stack.callback(web.close)
        stack.callback(worker.close)

        run = completed(sandbox, push(sandbox, web))["prod"]
        page, nothing = (get(reached(run.details_url, service)) for service in (web, worker))

    assert f"2 of 2 Git folders at {run.head_sha[:7]}" in words(page)
    assert (nothing.status_code, nothing.text) == (404, "Not Found")


def test_a_check_run_that_is_written_later_has_its_link_too(sandbox, service):
    url = "*/check-runs/*"
    fault = sandbox.github_faults.add(status=500, method="PATCH", path=url, times=2)

    runs = completed(sandbox, push(sandbox, service))

    assert fault.hits == 2
    assert all(get(reached(run.details_url, service)).status_code == 200 for run in runs.values())


def test_without_a_public_url_there_is_neither_link_nor_page(tmp_path):
    with open_sandbox(tmp_path / "sandbox", Options(empty=True)) as sandbox:
        fill(sandbox)
        with running_service(sandbox, **FAST) as service:
            runs = completed(sandbox, push(sandbox, service))
            answer = get(f"{service.url}/promotions/1/dev/key")

    assert [run.details_url for run in runs.values() if PUBLIC in (run.details_url or "")] == []
    assert (answer.status_code, answer.text) == (404, "Not Found")


@pytest.mark.slow
def test_a_worker_that_can_not_sign_links_does_not_start(sandbox, tmp_path):
    config = tmp_path / "brickpush.toml"
    config.write_text(sandbox.config_path.read_text().replace('"webhook.secret"', '"none"'))
    command = ("-m", "brickpush", "serve", "--config", str(config), "--role", "worker")

    ended = subprocess.run(
        (sys.executable, "-I", *command),
        env=environment(
            BRICKPUSH_DATABASE_URL=f"postgresql://{NOBODY}/none", BRICKPUSH_PUBLIC_URL=PUBLIC
        ),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert ended.returncode == 2
    assert "public_url is set, so a worker signs links with the webhook secret" in ended.stderr
