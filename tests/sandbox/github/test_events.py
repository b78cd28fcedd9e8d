"""The events beyond push: each has the shape that GitHub publishes, and comes when it should."""

from __future__ import annotations

import githubkit.webhooks as webhooks
import pytest

ETL = "/repos/octo-org/etl"


@pytest.fixture
def hooked(github, hook):
    github.hook_url = hook.url
    github.switches.check_suites_on_push = False
    github.add_account("octo-org")
    for name in ("octo-org/etl", "octo-org/other"):
        github.add_repository(name)
    return github


@pytest.fixture
def told(hook):
    def receive(count):
        """Return that many events, each read as GitHub describes it."""
        events = []
        for _ in range(count):
            headers, body = hook.receive()
            events.append(
                (headers["x-github-event"], webhooks.parse(headers["x-github-event"], body))
            )
        assert hook.inbox.empty()
        return events

    return receive


def named(events):
    return [f"{name}.{getattr(event, 'action', None)}" for name, event in events]


def full_names(listed):
    return [one.full_name for one in listed]


def test_an_installation_from_its_beginning_to_its_end(hooked, told, rest):
    installation_id = hooked.add_installation("octo-org")
    token = rest.token(installation_id)
    hooked.suspend(installation_id)
    hooked.unsuspend(installation_id)
    hooked.request_permissions({**hooked.app_permissions, "statuses": "write"})
    hooked.accept_permissions(installation_id)
    hooked.uninstall(installation_id)

    events = told(5)

    assert named(events) == [
        "installation.created",
        "installation.suspend",
        "installation.unsuspend",
        "installation.new_permissions_accepted",
        "installation.deleted",
    ]
    created, suspended = events[0][1], events[1][1]
    assert full_names(created.repositories) == ["octo-org/etl", "octo-org/other"]
    assert created.installation.id == installation_id
    assert not suspended.repositories
    assert suspended.installation.suspended_at is not None
    assert events[3][1].installation.permissions.statuses == "write"
    assert rest("GET", ETL, token=token).status_code == 401
    assert rest.app("GET", f"/app/installations/{installation_id}").status_code == 404


def test_an_app_ends_and_suspends_its_installation_itself(hooked, told, rest):
    path = f"/app/installations/{hooked.add_organization('octo-org')}"

    answers = [
        rest.app(method, path + end).status_code
        for method, end in (
            ("PUT", "/suspended"),
            ("DELETE", "/suspended"),
            ("DELETE", ""),
            ("DELETE", ""),
        )
    ]

    assert answers == [204, 204, 204, 404]
    assert named(told(3)) == [
        "installation.suspend",
        "installation.unsuspend",
        "installation.deleted",
    ]


def test_going_from_all_to_selected_names_no_removed_repository(hooked, told):
    installation_id = hooked.add_organization("octo-org")

    hooked.remove_repository_from_installation(installation_id, "octo-org/other")
    hooked.add_repository_to_installation(installation_id, "octo-org/other")
    hooked.remove_repository_from_installation(installation_id, "octo-org/etl")

    events = told(3)
    assert named(events) == [
        "installation_repositories.removed",
        "installation_repositories.added",
        "installation_repositories.removed",
    ]
    from_all, added, removed = (event for _, event in events)
    assert (from_all.repository_selection, from_all.repositories_removed) == ("selected", [])
    assert full_names(added.repositories_added) == ["octo-org/other"]
    assert full_names(removed.repositories_removed) == ["octo-org/etl"]


def test_a_repository_is_renamed_transferred_and_archived(hooked, told):
    hooked.add_organization("octo-org")
    target = hooked.add_organization("hub-org")
    hooked.add_account("nobody-org")

    hooked.rename_repository("octo-org/etl", "jobs")
    moved = hooked.transfer_repository("octo-org/jobs", "hub-org")
    hooked.archive_repository("hub-org/jobs")
    hooked.transfer_repository("octo-org/other", "nobody-org")

    events = told(3)
    assert named(events) == ["repository.renamed", "repository.transferred", "repository.archived"]
    renamed, transferred, archived = (event for _, event in events)
    assert renamed.changes.repository.name.from_ == "etl"
    assert renamed.repository.full_name == "octo-org/jobs"
    assert transferred.changes.owner.from_.organization.login == "octo-org"
    assert (transferred.repository.full_name, transferred.installation.id) == (
        "hub-org/jobs",
        target,
    )
    assert archived.repository.archived
    assert moved.id == hooked.repository("hub-org/jobs").id


def test_a_check_run_is_asked_for_again(hooked, told, rest):
    token = rest.token(hooked.add_organization("octo-org"))
    head = hooked.head("octo-org/etl", "main")
    action = {"label": "Retry", "description": "Once more", "identifier": "retry"}
    run = {"name": "dev", "head_sha": head, "conclusion": "failure", "actions": [action]}
    number = rest("POST", f"{ETL}/check-runs", token=token, json=run).json()["id"]

    hooked.rerequest(number)
    hooked.rerequest_suite(head)
    hooked.press(number, "retry")

    events = told(3)
    assert named(events) == [
        "check_run.rerequested",
        "check_suite.rerequested",
        "check_run.requested_action",
    ]
    assert [event.sender.login for _, event in events] == ["octocat"] * 3
    assert events[0][1].check_run.id == number
    assert events[1][1].check_suite.head_sha == head
    assert events[1][1].check_suite.head_branch is None
    assert events[2][1].requested_action.identifier == "retry"
    with pytest.raises(LookupError, match="no button 'force'"):
        hooked.press(number, "force")
    assert hooked.check_runs[0].status == "completed"


def test_our_own_check_runs_are_told_where_that_is_switched_on(hooked, told, rest):
    token = rest.token(hooked.add_organization("octo-org"))
    run = {"name": "dev", "head_sha": hooked.head("octo-org/etl", "main")}
    rest("POST", f"{ETL}/check-runs", token=token, json=run)
    hooked.switches.check_run_events = True

    made = rest("POST", f"{ETL}/check-runs", token=token, json=run).json()
    path = f"{ETL}/check-runs/{made['id']}"
    for change in ({"status": "in_progress"}, {"conclusion": "success"}, {"conclusion": "neutral"}):
        rest("PATCH", path, token=token, json=change)

    events = told(2)
    assert named(events) == ["check_run.created", "check_run.completed"]
    assert events[1][1].check_run.conclusion == "success"
    assert events[1][1].sender.login == f"{hooked.app_slug}[bot]"


def test_each_pushed_commit_has_a_check_suite_unasked(story, hook, told):
    story.github.hook_url = hook.url
    story.github.switches.check_suites_on_push = True
    head = story.git.commit(story.work, {"a.txt": "1\n"})

    story.git("push", "--quiet", "origin", "main", "main:refs/heads/b", cwd=story.work)
    story.git("push", "--quiet", "origin", ":b", cwd=story.work)

    events = told(4)
    assert named(events) == ["push.None", "push.None", "check_suite.requested", "push.None"]
    suite = events[2][1].check_suite
    assert (suite.head_sha, suite.head_branch, suite.status) == (head, "b", "queued")


def test_a_webhook_is_pinged(hooked, told):
    hooked.ping()

    [(name, event)] = told(1)
    assert name == "ping"
    assert (event.hook.type, event.hook.app_id) == ("App", hooked.app_id)
    assert event.hook.events == ["push", "repository"]


def test_a_second_app_hears_under_the_same_guid(story, hook, until):
    story.github.hook_url = hook.url
    second = story.github.register_app(
        {
            "name": "Second",
            "url": "https://second.example",
            "hook_attributes": {"url": hook.url},
            "default_permissions": {"contents": "read"},
            "default_events": ["push"],
        }
    )
    story.github.add_installation("octo-org", app=second)

    story.git("push", "--quiet", "origin", "main:refs/heads/a", cwd=story.work)

    until(lambda: len(second.deliveries.log()) == 3 and len(story.github.deliveries) == 1)
    assert [one.event for one in second.deliveries.log()] == ["ping", "installation", "push"]
    assert second.deliveries.log()[2].guid == story.github.deliveries[0].guid
    received = [hook.receive()[0] for _ in range(4)]
    apps = {one["x-github-hook-installation-target-id"] for one in received}
    assert apps == {str(second.id), str(story.github.app_id)}
