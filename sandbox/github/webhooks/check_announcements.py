"""Send events of check suites and check runs to the App that owns them."""

from __future__ import annotations

from sandbox.github.git import history
from sandbox.github.git.refs import HEADS, RefChange
from sandbox.github.representations import checks, objects
from sandbox.github.representations.objects import Json
from sandbox.github.state.apps import App
from sandbox.github.state.check_runs import CheckRun, CheckSuite
from sandbox.github.state.installations import Account, Installation
from sandbox.github.state.repositories import Hosted
from sandbox.github.state.state import State
from sandbox.github.webhooks.event_context import surroundings


def announce_suite(state: State, hosted: Hosted, change: RefChange, pusher: Account) -> None:
    """Create the suites of a pushed branch, one for every App that writes checks.

    A commit has one suite for each App: the same commit on a second branch creates none.
    """
    if change.deleted or not change.ref.startswith(HEADS):
        return
    for installation in state.installations.covering(hosted.repository):
        app = state.app_of(installation)
        if installation.permissions.get("checks") != "write":
            continue
        suite, is_new = state.check_runs.open_suite(
            app.id,
            hosted.repository.id,
            change.after,
            now=state.clock(),
            head_branch=change.short_name,
            before=change.before,
        )
        if is_new:
            _send_suite(state, hosted, app, installation, suite, "requested", pusher)


def announce_rerequested_suite(state: State, hosted: Hosted, suite: CheckSuite) -> None:
    """Queue what "Re-run all checks" sends."""
    found = _installation(state, hosted, suite.app_id)
    if found is not None:
        app = state.app_of(found)
        _send_suite(state, hosted, app, found, suite, "rerequested", state.user())


def announce_run(
    state: State,
    hosted: Hosted,
    run: CheckRun,
    action: str,
    sender: Account,
    *,
    identifier: str | None = None,
) -> None:
    """Queue `check_run.*` to the App that owns the run, if it subscribes to them."""
    installation = _installation(state, hosted, run.app_id)
    if installation is None:
        return
    app = state.app_of(installation)
    if not app.hears("check_run", action) and not state.switches.check_run_events:
        return
    suite = state.check_runs.find_suite(run.check_suite_id)
    assert suite is not None, "every run is in a suite"
    name, publisher = hosted.repository.full_name, state.publisher(app)
    runs = state.check_runs.in_suite(suite.id)
    shown_app = objects.app(state.url, app, publisher)
    brief = checks.check_suite_brief(state.url, name, suite, runs)
    body: Json = {
        "action": action,
        "check_run": {
            **checks.check_run(state.url, name, run, app, publisher),
            "check_suite": {**brief, "app": shown_app},
        },
        **surroundings(state, hosted, installation, sender),
    }
    if identifier is not None:
        body["requested_action"] = {"identifier": identifier}
    app.deliveries.send(
        "check_run", body, installation_id=installation.id, repository_id=hosted.repository.id
    )


def _send_suite(
    state: State,
    hosted: Hosted,
    app: App,
    installation: Installation,
    suite: CheckSuite,
    action: str,
    sender: Account,
) -> None:
    commit = history.read_commits(hosted.path, "-1", suite.head_sha)[0]
    runs = state.check_runs.in_suite(suite.id)
    name = hosted.repository.full_name
    shown = checks.check_suite(state.url, name, suite, runs, commit)
    shown["app"] = objects.app(state.url, app, state.publisher(app))
    body: Json = {
        "action": action,
        "check_suite": shown,
        **surroundings(state, hosted, installation, sender),
    }
    app.deliveries.send(
        "check_suite", body, installation_id=installation.id, repository_id=hosted.repository.id
    )


def _installation(state: State, hosted: Hosted, app_id: int) -> Installation | None:
    covering = state.installations.covering(hosted.repository)
    return next((one for one in covering if one.app_id == app_id), None)
