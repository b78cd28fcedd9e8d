"""Changes of installations, each with its event."""

from __future__ import annotations

from collections.abc import Iterable

from sandbox.github.state.apps import App
from sandbox.github.state.installations import Account, Installation
from sandbox.github.state.repositories import Hosted
from sandbox.github.state.state import State
from sandbox.github.webhooks.announcements import announce_installation, announce_selection


def install(
    state: State, app: App, account: Account, repository_ids: Iterable[int] | None = None
) -> Installation:
    """Install the App on an account, on all its repositories or on some."""
    installation = state.installations.add(
        account, app_id=app.id, permissions=app.permissions, repository_ids=repository_ids
    )
    announce_installation(state, installation, "created")
    return installation


def uninstall(state: State, installation: Installation) -> None:
    """End an installation, and its tokens with it."""
    announce_installation(state, installation, "deleted")
    state.installations.remove(installation.id)


def suspend(state: State, installation: Installation) -> None:
    """Suspend an installation: no tokens, and no event but this."""
    installation.suspended_at = state.clock()
    announce_installation(state, installation, "suspend")


def unsuspend(state: State, installation: Installation) -> None:
    """End a suspension."""
    installation.suspended_at = None
    announce_installation(state, installation, "unsuspend")


def accept_permissions(state: State, installation: Installation) -> None:
    """Let the account's owner accept what the App asks for by now."""
    installation.permissions = state.app_of(installation).permissions
    announce_installation(state, installation, "new_permissions_accepted")


def select(state: State, installation: Installation, repository_ids: Iterable[int] | None) -> None:
    """Let an installation have all repositories, or just some, as its owner selects.

    GitHub names what was added and removed; but not what was removed from "all".
    """
    owned = state.repositories.of(installation.account.login)
    before = [one for one in owned if installation.reaches(one.repository)]
    had_all = installation.repository_ids is None
    installation.repository_ids = None if repository_ids is None else set(repository_ids)
    after = [one for one in owned if installation.reaches(one.repository)]
    if added := [one for one in after if one not in before]:
        announce_selection(state, installation, added=added)
    if removed := [one for one in before if one not in after]:
        announce_selection(state, installation, removed=[] if had_all else removed)


def add_repository(state: State, installation: Installation, hosted: Hosted) -> None:
    """Select one more repository for an installation that has not got all of them."""
    if installation.repository_ids is not None:
        select(state, installation, {*installation.repository_ids, hosted.repository.id})


def remove_repository(state: State, installation: Installation, hosted: Hosted) -> None:
    """Take one repository away from an installation; the others become its selection."""
    owned = state.repositories.of(installation.account.login)
    kept = {one.repository.id for one in owned if installation.reaches(one.repository)}
    select(state, installation, kept - {hosted.repository.id})
