"""What GitHub tells beside pushes: names, installations, re-runs, strangers."""

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
    push_payload,
    settled,
    wait_for_heads,
)
from running import Developer, running_service, wait_until

from sandbox import world
from sandbox.sandbox import Options, open_sandbox


@pytest.fixture
def sandbox(tmp_path):
    with open_sandbox(tmp_path / "sandbox", Options(empty=True)) as opened:
        fill(opened)
        yield opened


@pytest.fixture
def service(sandbox):
    with running_service(sandbox, **FAST) as running:
        yield running


@pytest.fixture
def developer(sandbox, tmp_path):
    return Developer(sandbox, tmp_path / "clone")


def test_a_renamed_repository_keeps_its_git_folders(sandbox, service):
    renamed = sandbox.github.rename_repository(world.MAIN, "etl-renamed")
    delivered(sandbox, "repository", "renamed")
    sha = commit(sandbox, 1, repository=renamed.full_name)
    payload = push_payload(sandbox, "0" * 40, sha, repository=renamed.full_name)

    post(sandbox, service, payload)

    wait_for_heads(sandbox, sha)
    runs = completed(sandbox, sha)
    assert {run.repository for run in runs.values()} == {"octo-org/etl-renamed"}


def test_a_transferred_repository_is_promoted_by_the_installation_of_its_new_owner(
    sandbox, service
):
    installation = sandbox.github.add_organization("other-org")
    moved = sandbox.github.transfer_repository(world.MAIN, "other-org")
    delivered(sandbox, "repository", "transferred")
    sha = commit(sandbox, 1, repository=moved.full_name)

    post(
        sandbox,
        service,
        push_payload(sandbox, "0" * 40, sha, repository=moved.full_name, installation=installation),
    )

    wait_for_heads(sandbox, sha)
    assert {run.conclusion for run in completed(sandbox, sha).values()} == {"success"}


def test_an_archived_repository_is_left_alone(sandbox, service):
    sha = commit(sandbox, 1)
    sandbox.github.archive_repository(world.MAIN)
    delivered(sandbox, "repository", "archived")

    wait_until(
        lambda: "was archived: its promotions stop" in service.log.read_text(), what="the note"
    )
    sandbox.github.add_installation("octocat")  # asks for a comparison
    delivered(sandbox, "installation", "created")
    settled(service)

    assert checks(sandbox, sha) == {}


@pytest.mark.slow
def test_a_suspension_stops_promotions_until_it_ends(sandbox, service):
    sha = commit(sandbox, 1)
    sandbox.github.suspend(sandbox.installation_id)
    delivered(sandbox, "installation", "suspend")
    before = heads(sandbox)
    post(sandbox, service, push_payload(sandbox, "0" * 40, sha))
    wait_until(
        lambda: "is suspended: its owner can unsuspend it" in service.log.read_text(), what="why"
    )
    assert heads(sandbox) == before

    sandbox.github.unsuspend(sandbox.installation_id)

    wait_for_heads(sandbox, sha)
    assert {run.conclusion for run in completed(sandbox, sha).values()} == {"success"}


def test_a_rerun_and_our_own_button_promote_again(sandbox, service, developer):
    place = sandbox.workspace("dev")
    place.write_file("/Repos/ada/etl-main", world.EDITED_FILE, "rows = 1000\n")
    sha = developer.commit(world.EDITED_FILE, "rows = 7\n")
    developer.push()
    failed = completed(sandbox, sha)["dev"]
    place.write_file("/Repos/ada/etl-main", world.EDITED_FILE, "rows = 1\n")

    sandbox.github.press(failed.id, "promote-again")
    wait_for_heads(sandbox, sha)
    wait_until(lambda: checks(sandbox, sha)["dev"].conclusion == "success", what="success")
    runs = counted(service, 'brickpush_runs_total{ending="finished"}')
    sandbox.github.rerequest(failed.id)
    wait_until(
        lambda: counted(service, 'brickpush_runs_total{ending="finished"}') > runs, what="a run"
    )

    assert failed.conclusion == "action_required"
    assert [action["identifier"] for action in failed.actions] == ["promote-again"]
    assert checks(sandbox, sha)["dev"].actions == ()
    assert len([run for run in sandbox.github.check_runs if run.head_sha == sha]) == 2


def test_a_rerun_of_an_older_commit_says_which_commit_is_the_newest(sandbox, service, developer):
    old = developer.commit("a.txt")
    developer.push()
    run = completed(sandbox, old)["dev"]
    new = developer.commit("b.txt")
    developer.push()
    completed(sandbox, new)
    settled(service)

    sandbox.github.rerequest(run.id)

    wait_until(
        lambda: checks(sandbox, old)["dev"].title == f"Superseded by {new[:7]}",
        what="the answer on the check",
    )
    assert heads(sandbox) == {new}
    assert new in checks(sandbox, old)["dev"].summary


def test_strangers_echoes_and_what_asks_nothing_are_ignored(sandbox, service):
    sha = commit(sandbox, 1)
    ours = {"id": sandbox.github.app_id, "slug": sandbox.github.app_slug}
    asked = {
        **push_payload(sandbox, "0" * 40, sha),
        "action": "rerequested",
        "check_run": {"head_sha": sha, "app": ours},
        "sender": {"login": f"{sandbox.github.app_slug}[bot]"},
    }
    others = {**asked, "check_run": {"head_sha": sha, "app": {"id": 1, "slug": "other"}}}
    revoked = {"action": "revoked", "sender": {"login": "octocat"}}

    echo = post(sandbox, service, asked, event="check_run")
    foreign = post(sandbox, service, others, event="check_run")
    unknown = post(sandbox, service, {"action": "novel"}, event="brand_new")
    nothing = post(sandbox, service, revoked, event="github_app_authorization")

    assert (echo[1]["reason"], foreign[1]["reason"]) == (
        "the App asked itself",
        "the check is another App's",
    )
    assert {answer[0] for answer in (echo, foreign, unknown, nothing)} == {202}
    assert unknown[1]["status"] == nothing[1]["status"] == "ignored"
    assert counted(service, 'brickpush_deliveries_total{event="other"}') == 1


def test_owners_who_are_not_allowed_are_ignored_and_told_so(sandbox):
    github = sandbox.github
    github.add_organization("stranger-org")
    github.add_repository("stranger-org/etl")
    fill(sandbox, repository="stranger-org/etl", people=("grace",))
    before = heads(sandbox, "grace")
    sha = commit(sandbox, 1, repository="stranger-org/etl")
    allowed = {"BRICKPUSH_GITHUB__ALLOWED_OWNERS": '["Octo-Org"]'}

    with running_service(sandbox, **FAST, **allowed) as service:
        ours = commit(sandbox, 2)
        answer = post(
            sandbox, service, push_payload(sandbox, "0" * 40, sha, repository="stranger-org/etl")
        )
        post(sandbox, service, push_payload(sandbox, "0" * 40, ours))
        completed(sandbox, ours)
        settled(service)

    assert answer[1]["reason"] == "stranger-org is not in github.allowed_owners"
    assert heads(sandbox, "grace") == before
