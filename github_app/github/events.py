"""Parse the GitHub events that the service acts on. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from github_app.github.payload import (
    MAX_ID,
    PayloadError,
    full_name,
    identifier,
    optional,
    ref,
    sha,
    text,
)
from promotion.model import Push
from promotion.repository_url import repository_key

PROMOTE_AGAIN = "promote-again"  # the button under our check runs
INSTALLATION_EVENTS = ("installation", "installation_repositories")
REPOSITORY_ACTIONS = ("renamed", "transferred", "archived", "unarchived", "deleted")


@dataclass(frozen=True)
class PushEvent:
    """One push event: the push and what is needed to act on it."""

    push: Push
    repository_id: int  # kept when the repository is renamed or transferred
    repository_url: str  # "https://github.com/octo-org/etl"
    default_branch: str | None
    installation_id: int | None  # None in a delivery of a plain webhook
    pusher: str | None
    forced: bool = False
    pushed_at: int | None = None  # seconds, by GitHub's clock


@dataclass(frozen=True)
class Rerequest:
    """A request to run a check of a commit again ("Re-run")."""

    repository: str
    repository_id: int
    installation_id: int | None
    head_sha: str
    app_id: int | None = None  # the App that owns the check
    ref: str | None = None  # the check run's ref; None: all refs at the commit
    by_itself: bool = False  # sent by the App's own bot


@dataclass(frozen=True)
class InstallationChange:
    """An installation was created or deleted, or its repositories or permissions changed."""

    action: str  # "created", "deleted", "suspend", ..., "added", "removed"
    installation_id: int
    account: str

    @property
    def ends(self) -> bool:
        return self.action == "deleted"


@dataclass(frozen=True)
class RepositoryChange:
    """A repository was renamed, transferred, archived, unarchived or deleted."""

    action: str  # one of REPOSITORY_ACTIONS
    repository: str
    repository_id: int
    repository_url: str
    installation_id: int | None
    former_names: tuple[str, ...] = ()  # full names

    @property
    def ends(self) -> bool:
        return self.action in ("archived", "deleted")


def push_event(payload: Mapping[str, object]) -> PushEvent:
    """Parse a push event."""
    push = Push(
        repository=full_name(payload, "repository.full_name"),
        ref=ref(payload, "ref"),
        before=sha(payload, "before"),
        after=sha(payload, "after"),
    )
    return PushEvent(
        push=push,
        repository_id=identifier(payload, "repository.id"),
        repository_url=_repository_url(payload),
        default_branch=optional(payload, "repository.default_branch", str),
        installation_id=_installation_id(payload),
        pusher=optional(payload, "pusher.name", str),
        forced=optional(payload, "forced", bool) or False,
        pushed_at=_pushed_at(payload),
    )


def is_rerequest(payload: Mapping[str, object], event: str, action: str | None) -> bool:
    """Return whether an event requests another promotion of its commit."""
    if action == "rerequested":
        return event in ("check_run", "check_suite")
    if event != "check_run" or action != "requested_action":
        return False
    return optional(payload, "requested_action.identifier", str) == PROMOTE_AGAIN


def rerequest(payload: Mapping[str, object], event: str) -> Rerequest:
    """Parse a request to run a check again."""
    slug = optional(payload, f"{event}.app.slug", str)
    sender = optional(payload, "sender.login", str)
    return Rerequest(
        repository=full_name(payload, "repository.full_name"),
        repository_id=identifier(payload, "repository.id"),
        installation_id=_installation_id(payload),
        head_sha=sha(payload, f"{event}.head_sha"),
        app_id=optional(payload, f"{event}.app.id", int),
        ref=_ref_of_check(payload) if event == "check_run" else None,
        by_itself=slug is not None and sender == f"{slug}[bot]",
    )


def _ref_of_check(payload: Mapping[str, object]) -> str | None:
    """Return the ref in a check run's `external_id`, None if there is none.

    Ours is "refs/heads/main WORKSPACE"; a ref can't contain a space. Another App's may be anything.
    """
    try:
        words = {"ref": text(payload, "check_run.external_id").partition(" ")[0]}
        return ref(words, "ref")
    except PayloadError:
        return None


def installation_change(payload: Mapping[str, object], action: str) -> InstallationChange:
    """Parse an event about an installation."""
    account = text(payload, "installation.account.login")
    return InstallationChange(action, identifier(payload, "installation.id"), account)


def repository_change(payload: Mapping[str, object], action: str) -> RepositoryChange:
    """Parse an event about a repository, with its former names."""
    repository = full_name(payload, "repository.full_name")
    owner, _, name = repository.partition("/")
    former = []
    if (old := optional(payload, "changes.repository.name.from", str)) is not None:
        former.append(f"{owner}/{old}")
    for kind in ("organization", "user"):
        login = optional(payload, f"changes.owner.from.{kind}.login", str)
        if login is not None:
            former.append(f"{login}/{name}")
    return RepositoryChange(
        action=action,
        repository=repository,
        repository_id=identifier(payload, "repository.id"),
        repository_url=_repository_url(payload),
        installation_id=_installation_id(payload),
        former_names=tuple(former),
    )


def _repository_url(payload: Mapping[str, object]) -> str:
    url = text(payload, "repository.html_url")
    if repository_key(url) is None:
        raise PayloadError("repository.html_url", "must be the URL of a repository")
    return url


def _installation_id(payload: Mapping[str, object]) -> int | None:
    return None if payload.get("installation") is None else identifier(payload, "installation.id")


def _pushed_at(payload: Mapping[str, object]) -> int | None:
    """Return the time of the push: a number in push events, a text in others."""
    repository = payload.get("repository")
    value = repository.get("pushed_at") if isinstance(repository, dict) else None
    return value if type(value) is int and 0 < value <= MAX_ID else None
