"""What changes about installations and repositories, who may be served, and our own echo."""

from __future__ import annotations

import pytest
from app_world import (
    FAST,
    checks,
    commit,
    completed,
    counted,
    delivered,
    fill,
    heads,
    post,
    push,
    push_payload,
    settled,
    wait_for_heads,
)
from running import Developer, running_service, wait_until

from sandbox import world
from sandbox.sandbox import Options, open_sandbox

FINISHED = 'brickpush_runs_total{ending="finished"}'


@pytest.fixture
def sandbox(tmp_path):
    with open_sandbox(tmp_path / "sandbox", Options(empty=True)) as opened:
        fill(opened)
        yield opened


@pytest.fixture
def service(sandbox):
    with running_service(sandbox, **FAST) as running:
        yield running


def compared(sandbox):
    """Wait until the next comparison with GitHub has begun."""
    asked = sandbox.github.requests.count(("GET", "/api/v3/installation/repositories", 200))
    wait_until(
        lambda: (
            sandbox.github.requests.count(("GET", "/api/v3/installation/repositories", 200)) > asked
        ),
        what="a comparison",
    )


def test_a_repository_that_is_taken_away_stays_where_it_is_and_comes_back(sandbox, service):
    github, installation = sandbox.github, sandbox.installation_id
    github.remove_repository_from_installation(installation, world.MAIN)
    delivered(sandbox, "installation_repositories", "removed")
    compared(sandbox)
    before = heads(sandbox)
    sha = commit(sandbox, 1)
    github.suspend(installation)  # two events that ask for a comparison
    github.unsuspend(installation)
    delivered(sandbox, "installation", "unsuspend")
    compared(sandbox)
    settled(service)
    assert heads(sandbox) == before

    github.add_repository_to_installation(installation, world.MAIN)

    delivered(sandbox, "installation_repositories", "added")
    wait_for_heads(sandbox, sha)
    assert {run.conclusion for run in completed(sandbox, sha).values()} == {"success"}


def test_what_was_pushed_to_an_archived_repository_is_promoted_when_that_ends(sandbox, service):
    sandbox.github.archive_repository(world.MAIN)
    delivered(sandbox, "repository", "archived")
    sha = commit(sandbox, 1)

    sandbox.github.unarchive_repository(world.MAIN)

    delivered(sandbox, "repository", "unarchived")
    wait_for_heads(sandbox, sha)
    completed(sandbox, sha)


def test_an_uninstalled_app_promotes_nothing_any_more_and_says_so(sandbox, service):
    completed(sandbox, push(sandbox, service))
    settled(service)
    before = heads(sandbox)

    sandbox.github.uninstall(sandbox.installation_id)
    delivered(sandbox, "installation", "deleted")
    sha = commit(sandbox, 1)
    wait_until(
        lambda: f"uninstalled from {world.ORGANIZATION}" in service.log.read_text(), what="the note"
    )
    settled(service)

    assert heads(sandbox) == before
    assert checks(sandbox, sha) == {}


@pytest.mark.slow
def test_all_checks_of_a_commit_are_run_again_by_their_suite(sandbox, service, tmp_path):
    developer = Developer(sandbox, tmp_path / "clone")
    sha = developer.commit()
    developer.push()
    completed(sandbox, sha)
    settled(service)
    ran = counted(service, FINISHED)

    sandbox.github.rerequest_suite(sha)

    delivered(sandbox, "check_suite", "rerequested")
    wait_until(lambda: counted(service, FINISHED) == ran + 1, what="another run")
    assert {run.conclusion for run in checks(sandbox, sha).values()} == {"success"}


def test_our_own_check_runs_and_suites_are_heard_and_start_nothing(sandbox, service, tmp_path):
    sandbox.github.switches.check_run_events = True
    developer = Developer(sandbox, tmp_path / "clone")

    sha = developer.commit()
    developer.push()
    completed(sandbox, sha)
    delivered(sandbox, "check_run", "completed")
    wait_until(lambda: counted(service, FINISHED) == 1, what="the end of the run")

    heard = [(d.event, d.action) for d in sandbox.github.deliveries if d.status == "OK"]
    assert heard.count(("check_run", "created")) == heard.count(("check_run", "completed")) == 2
    assert ("check_suite", "requested") in heard
    assert counted(service, 'brickpush_stored_total{status="accepted"}') == 1
    assert len(checks(sandbox, sha)) == 2


def test_a_strangers_installation_is_ignored_and_said_to_be(sandbox):
    github = sandbox.github
    github.add_account("stranger-org")
    github.add_repository("stranger-org/lake")
    fill(sandbox, repository="stranger-org/lake", people=("grace",))
    before = heads(sandbox, "lake")
    commit(sandbox, 1, repository="stranger-org/lake")
    allowed = {"BRICKPUSH_GITHUB__ALLOWED_OWNERS": '["octo-org"]'}

    with running_service(sandbox, **FAST, **allowed) as service:
        theirs = github.add_installation("stranger-org")
        delivered(sandbox, "installation", "created")
        payload = push_payload(
            sandbox,
            "0" * 40,
            github.head("stranger-org/lake", "main"),
            repository="stranger-org/lake",
            installation=theirs,
        )
        answer = post(sandbox, service, payload)
        ours = commit(sandbox, 2)
        wait_until(
            lambda: any(d.event == "installation" for d in github.deliveries), what="the event"
        )
        post(sandbox, service, push_payload(sandbox, "0" * 40, ours))
        completed(sandbox, ours)
        settled(service)

    [told] = [d for d in github.deliveries if d.event == "installation"]
    said = "stranger-org is not in github.allowed_owners"
    assert (told.status_code, said in told.response_body) == (202, True)
    assert answer == (202, {**answer[1], "status": "ignored", "reason": said})
    assert said in service.log.read_text()
    assert heads(sandbox, "lake") == before
    assert theirs not in {token.installation_id for token in github.issued_tokens}
