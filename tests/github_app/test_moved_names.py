"""Calls under a name that a repository had before, against the stand-in GitHub's real sockets."""

from __future__ import annotations

import pytest
from builders import StillClock
from security.listener import listener

from github_app.github.access import InstallationAccess
from github_app.github.app import GitHubApp
from github_app.github.check_run import CheckRun, Subject
from github_app.github.confirm import GoneError
from github_app.github.tokens import (
    InstallationGoneError,
    NotAllowedError,
    NotIncludedError,
    TokenRequest,
)
from github_app.storage import repository_names
from github_app.worker.former_names import AGAIN_SECONDS, MOST_AT_ONCE, FormerNames
from promotion.errors import ApiError
from promotion.http import open_session
from promotion.redirects import MOST_HOPS
from promotion.repository_url import repository_key
from sandbox.certificates import make_certificate
from sandbox.github.server import GitHub
from sandbox.serving import Listener

OLD, NEW = "octo-org/etl", "octo-org/jobs"
BRANCH = "größe/a+b%20"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return make_certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture
def github(tmp_path, certificate):
    listening = Listener(certificate)
    opened = GitHub(tmp_path / "github", url=listening.url)
    listening.serve(opened.asgi)
    opened.add_organization("octo-org")
    opened.add_repository(OLD)
    opened.commit(OLD, BRANCH, {"a.txt": "1\n"}, "Begin")
    yield opened
    opened.close()
    listening.close()


@pytest.fixture
def open_app(github, certificate):
    """Return a function that opens the App; elsewhere than at this GitHub where it is told to."""
    with open_session(str(certificate.ca_path)) as session:

        def open_it(url=github.url, **more):
            return GitHubApp(
                url,
                app_id=github.app_id,
                private_key=github.private_key_path.read_text(),
                session=session,
                clock=StillClock(),
                **more,
            )

        yield open_it


@pytest.fixture
def app(open_app):
    return open_app()


def renamed(github):
    github.rename_repository(OLD, "jobs")
    return github.head(NEW, BRANCH)


def statuses(github, since):
    return [status for _, path, status in github.requests[since:] if "access_tokens" not in path]


def test_reads_and_writes_under_the_old_name_reach_the_repository(github, app):
    installation = app.installation_id(OLD)
    head = renamed(github)
    reading = app.acting(TokenRequest(installation, "contents", "read", frozenset({NEW})))
    writing = app.acting(TokenRequest(installation, "checks", "write", frozenset({NEW})))
    begun = len(github.requests)

    found = reading.head(OLD, BRANCH)
    again = reading.head(OLD, BRANCH, found)
    run_id = writing.create_check_run(
        OLD, CheckRun(Subject("refs/heads/main", "dev"), head, "in_progress", "t", "s")
    )
    writing.update_check_run(
        OLD, run_id, CheckRun(Subject("refs/heads/main", "prod"), head, "in_progress", "t", "s")
    )

    assert found.commit == head
    assert again is found
    assert [(run.id, run.name) for run in github.check_runs] == [
        (run_id, "Brickpush / prod / main")
    ]
    assert statuses(github, begun) == [301, 200, 301, 304, 307, 201, 307, 200]


def test_every_call_on_the_way_is_one_of_the_hours_calls(github, open_app):
    told = []
    app = open_app(on_rate_limit=lambda *known: told.append(known))
    renamed(github)
    installation = app.installation_id(OLD)

    found = app.acting(TokenRequest(installation, "metadata", "read")).repository(OLD)

    assert found.full_name == NEW
    assert [left for number, left in told if number == installation] == [4999, 4998]


def test_pages_under_the_old_name_are_all_read(github, app):
    for number in range(120):
        github.tag(OLD, f"v{number}", "main")
    renamed(github)
    installation = app.installation_id(OLD)

    tags = app.acting(TokenRequest(installation, "contents", "read", frozenset({NEW}))).tags(OLD)

    assert len(tags) == 120


def test_what_is_known_under_the_old_name_is_found_again(github, app):
    access = InstallationAccess(app, app.installation_id(OLD), OLD, StillClock())
    head = renamed(github)

    found = access.branch_head(BRANCH)  # GitHub gives no token for a name of yesterday

    assert (found, access.repository) == (head, NEW)


def test_a_transferred_repository_is_found_in_its_new_installation(github, app):
    access = InstallationAccess(app, app.installation_id(OLD), OLD, StillClock())
    theirs = github.add_organization("hub-org")
    github.transfer_repository(OLD, "hub-org")

    token = access.mint(frozenset({OLD.casefold()}))

    assert (access.repository, access.installation_id) == ("hub-org/etl", theirs)
    assert github.issued_tokens[-1].token == token.token
    assert github.issued_tokens[-1].repository_ids == (github.repository("hub-org/etl").id,)


def test_a_repository_that_went_to_a_stranger_is_not_followed_there(github, open_app):
    app = open_app(allows=lambda owner: owner == "octo-org")
    access = InstallationAccess(app, app.installation_id(OLD), OLD, StillClock())
    theirs = github.add_organization("stranger")
    github.transfer_repository(OLD, "stranger")

    with pytest.raises(NotAllowedError, match=f"{OLD} now belongs to stranger"):
        access.branch_head(BRANCH)

    assert theirs not in {token.installation_id for token in github.issued_tokens}


def test_a_name_that_another_repository_has_got_is_not_taken_for_it(github, app):
    """Also where the App was installed anew meanwhile, so that all has to be found again."""
    installation, number = app.installation_id(OLD), github.repository(OLD).id
    access = InstallationAccess(app, installation, OLD, StillClock(), number)
    renamed(github)
    github.uninstall(installation)
    github.add_repository(OLD)
    github.add_organization("octo-org")

    with pytest.raises(GoneError, match=f"{OLD} now names another repository"):
        access.branch_head(BRANCH)


def test_a_repository_that_was_only_taken_away_is_said_to_be_missing(github, app):
    github.add_repository("octo-org/other")
    installation = app.installation_id(OLD)
    access = InstallationAccess(app, installation, OLD, StillClock())
    github.remove_repository_from_installation(installation, OLD)

    with pytest.raises(NotIncludedError, match=f"does not include {OLD}"):
        access.branch_head(BRANCH)


def test_an_app_that_is_gone_is_said_to_be_gone(github, app):
    installation = app.installation_id(OLD)
    access = InstallationAccess(app, installation, OLD, StillClock())
    github.uninstall(installation)

    with pytest.raises(InstallationGoneError, match="is not installed on octo-org/etl any more"):
        access.branch_head(BRANCH)


def test_neither_the_apps_own_signature_nor_a_token_follows_to_another_host(open_app, app):
    token = app.mint_token(app.installation_id(OLD), repositories=[OLD], permissions={})

    with (
        listener() as (elsewhere, stolen),
        listener(status=301, headers=[("Location", f"{elsewhere}/api/v3/x")]) as (url, _),
    ):
        theirs = open_app(url)
        with pytest.raises(ApiError, match=f"a redirect to {elsewhere}, which is not followed"):
            theirs.installation_id(OLD)
        with pytest.raises(ApiError, match=f"a redirect to {elsewhere}, which is not followed"):
            theirs.installation(token).repository(OLD)

    assert stolen == []


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_that_never_ends_is_given_up(open_app, status):
    with (
        listener(status=status, headers=[("Location", "/api/v3/again")]) as (url, seen),
        pytest.raises(ApiError, match=f"a redirect to {url}, which is not followed"),
    ):
        open_app(url).http.call("GET", "/app")

    assert len(seen) == MOST_HOPS + 1


def test_see_other_is_another_request_and_is_not_sent(open_app):
    with (
        listener(status=303, headers=[("Location", "/api/v3/app")]) as (url, seen),
        pytest.raises(ApiError, match="which is not followed"),
    ):
        open_app(url).http.call("POST", "/app", json={})

    assert len(seen) == 1


def test_a_name_in_a_folders_url_is_learnt_once_and_for_all(github, app, tables):
    number = github.repository(OLD).id
    renamed(github)
    old, new = (repository_key(f"{github.url}/{name}") for name in (OLD, NEW))

    learnt = FormerNames(tables, app).learn([old], among=[app.find(NEW)])

    with tables.connect() as reader:
        remembered, newest = (
            repository_names.by_name(reader),
            repository_names.known_as(reader, number)[0],
        )
    assert learnt == {old: number}
    assert remembered == {old: number, new: number}
    assert newest == new


def test_a_name_that_leads_nowhere_is_asked_for_again_after_hours_only(github, app, tables):
    clock = StillClock()
    search = FormerNames(tables, app, clock.time)
    github.add_repository("stranger/lake")
    keys = [repository_key(f"{github.url}/{name}") for name in ("stranger/lake", "o/../x")]
    keys += [repository_key(f"https://{host}/o/n") for host in ("github.com", "evil.example")]
    github.add_repository(NEW)
    among = [app.find(OLD), app.find(NEW)]

    def asked(number=1):
        begun = len(github.requests)
        assert search.learn(filter(None, keys), among=among[:number]) == {}
        return [path for _, path, _ in github.requests[begun:]]

    counts = [len(asked()), len(asked()), len(asked())]
    clock.now += AGAIN_SECONDS
    later = asked()
    changed = asked(2)

    assert counts == [1, 0, 0]
    assert later == changed == ["/api/v3/repos/stranger/lake/installation"]
    assert asked(0) == []


def test_of_many_unknown_names_some_are_asked_for_at_a_time(github, app, tables):
    keys = [repository_key(f"{github.url}/stranger/lake-{n}") for n in range(MOST_AT_ONCE + 5)]
    among, search = [app.find(OLD)], FormerNames(tables, app)
    begun = len(github.requests)

    search.learn(keys, among=among)
    first = len(github.requests) - begun
    search.learn(keys, among=among)

    assert (first, len(github.requests) - begun) == (MOST_AT_ONCE, len(keys))


def test_an_installation_that_is_not_served_gives_no_token_for_the_question(github, app, tables):
    github.add_organization("stranger")
    github.add_repository("stranger/lake")
    github.rename_repository("stranger/lake", "sea")
    key = repository_key(f"{github.url}/stranger/lake")
    among, begun = [app.find(OLD)], len(github.issued_tokens)

    learnt = FormerNames(tables, app).learn([key], among=among)

    assert learnt == {}
    assert len(github.issued_tokens) == begun
