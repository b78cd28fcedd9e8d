"""Send events of repositories and installations to the Apps; each event has one GUID."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping

from sandbox.github.git.refs import RefChange
from sandbox.github.representations import objects
from sandbox.github.representations.objects import Json
from sandbox.github.state.apps import App
from sandbox.github.state.installations import Account, Installation
from sandbox.github.state.repositories import Hosted
from sandbox.github.state.state import State
from sandbox.github.webhooks import push_events
from sandbox.github.webhooks.check_announcements import announce_suite
from sandbox.github.webhooks.event_context import surroundings

ZEN = "Keep it logically awesome."


def announce_push(
    state: State, hosted: Hosted, refs_before: dict[str, str], pusher: Account
) -> None:
    """Queue a push event for every ref that is not what it was, and then the check suites."""
    changes = hosted.moved(refs_before)
    if changes:
        hosted.pushed_at = state.clock()
    announced = push_events.announced(changes)
    for change in announced:

        def payload(installation: Installation, change: RefChange = change) -> Json:
            return push_events.payload(
                state.url, hosted, change, refs_before, pusher=pusher, installation=installation
            )

        _tell(state, hosted, "push", payload)
    if state.switches.check_suites_on_push:
        for change in announced:
            announce_suite(state, hosted, change, pusher)


def announce_repository(
    state: State, hosted: Hosted, action: str, changes: Mapping[str, object] | None = None
) -> None:
    """Queue `repository.*`, by the user in front of the web pages."""
    fields: Json = {"action": action, **({"changes": dict(changes)} if changes else {})}

    def payload(installation: Installation) -> Json:
        return {**fields, **surroundings(state, hosted, installation, state.user())}

    _tell(state, hosted, "repository", payload)


def announce_ping(state: State, app: App) -> None:
    """Queue the first event of every webhook."""
    hook = app.hook
    config = {"content_type": hook.content_type, "insecure_ssl": hook.insecure_ssl}
    if hook.url is not None:
        config["url"] = hook.url
    if hook.secret:
        config["secret"] = "********"
    shown: Json = {
        "type": "App",
        "id": hook.id,
        "name": "web",
        "active": hook.active,
        "events": list(app.events),
        "config": config,
        "updated_at": objects.timestamp(state.clock()),
        "created_at": objects.timestamp(app.created_at),
        "app_id": app.id,
        "deliveries_url": f"{state.url}/api/v3/app/hook/deliveries",
    }
    app.deliveries.send("ping", {"zen": ZEN, "hook_id": hook.id, "hook": shown})


def announce_installation(state: State, installation: Installation, action: str) -> None:
    """Queue `installation.*`; only at the beginning and the end with the repositories."""
    fields: Json = {}
    if action in ("created", "deleted", "new_permissions_accepted"):
        owned = state.repositories.of(installation.account.login)
        reached = [one for one in owned if installation.reaches(one.repository)]
        fields["repositories"] = [_minimal(one) for one in reached]
    if action == "created":
        fields["requester"] = None
    _tell_of_installation(state, installation, "installation", {"action": action, **fields})


def announce_selection(
    state: State,
    installation: Installation,
    *,
    added: Iterable[Hosted] = (),
    removed: Iterable[Hosted] = (),
) -> None:
    """Queue `installation_repositories.*`."""
    gone = [_minimal(one) for one in removed]
    come = [_minimal(one) for one in added]
    fields: Json = {
        "action": "added" if come else "removed",
        "repository_selection": installation.repository_selection,
        "repositories_added": come,
        "repositories_removed": gone,
        "requester": None,
    }
    _tell_of_installation(state, installation, "installation_repositories", fields)


def _tell(
    state: State, hosted: Hosted, event: str, payload: Callable[[Installation], Json]
) -> None:
    guid = str(uuid.uuid4())
    for installation in state.installations.covering(hosted.repository):
        app = state.app_of(installation)
        if app.hears(event):
            app.deliveries.send(
                event,
                payload(installation),
                installation_id=installation.id,
                repository_id=hosted.repository.id,
                guid=guid,
            )


def _tell_of_installation(
    state: State, installation: Installation, event: str, fields: Mapping[str, object]
) -> None:
    app = state.app_of(installation)
    shown = objects.installation(state.url, installation, app)
    sender = objects.account(state.url, state.user())
    body: Json = {**fields, "installation": shown, "sender": sender}
    app.deliveries.send(event, body, installation_id=installation.id)


def _minimal(hosted: Hosted) -> Json:
    one = hosted.repository
    return {
        "id": one.id,
        "node_id": objects.node_id("Repository", one.id),
        "name": one.name,
        "full_name": one.full_name,
        "private": one.private,
    }
