"""GitHub deployments: one for each promotion of a branch, in an environment of its workspace."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import structlog

from github_app.github.access import InstallationAccess
from github_app.github.installation import MOST_DESCRIPTION, Installation
from github_app.reports.publish import PermissionCache
from promotion.errors import PromotionError

PERMISSION = "deployments"
TASK = "promote"
MARK = "brickpush"  # the key of what we write into a deployment, to find it again
LOOKED_THROUGH = 30  # newest deployments of an environment
IN_PROGRESS, SUCCESS, FAILURE, INACTIVE = "in_progress", "success", "failure", "inactive"
ENDED = {SUCCESS, FAILURE, INACTIVE, "error"}

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Promoted:
    """The promotion that a deployment is of."""

    run: int  # the seq of its delivery
    environment: str  # "databricks/dev"
    ref: str  # "refs/heads/main"
    sha: str


@dataclass(frozen=True)
class State:
    """What a deployment's status says."""

    word: str  # GitHub's, "in_progress"
    description: str = ""
    log_url: str = ""

    def body(self) -> dict[str, Any]:
        told = {"description": self.description[:MOST_DESCRIPTION], "log_url": self.log_url}
        return {"state": self.word} | {key: value for key, value in told.items() if value}


@dataclass(frozen=True)
class Deployment:
    """A deployment of ours that GitHub has."""

    id: int
    run: int
    ref: str
    state: str | None = None  # None where nobody asked


def environment_of(workspace: str) -> str:
    """Return the environment that a workspace's deployments are in."""
    return f"databricks/{workspace}"


class Deployments:
    """Writes deployments where an installation allows it. One a process."""

    def __init__(self, permission_cache: PermissionCache | None = None) -> None:
        self._permission_cache = permission_cache or PermissionCache()

    def begin(
        self, access: InstallationAccess, promoted: Promoted, state: State
    ) -> Deployment | None:
        """Have a deployment in *state*, found again after a crash; end those that were cut off.

        Where GitHub does not take it now the log says so, and `end` tries again.
        """
        begun: list[Deployment] = []

        def write(it: Installation) -> None:
            calls = _Calls(it, access.repository, urgent=True)
            begun.append(calls.find_or_create(promoted))
            if not begun[0].state:
                calls.show(begun[0], state)
            calls.end_what_was_cut_off(begun[0], promoted)

        try:
            self._write(access, write)
        except PromotionError as exc:
            log.warning("deployment.refused", sha=promoted.sha, error=str(exc))
        return begun[0] if begun else None

    def end(
        self,
        access: InstallationAccess,
        promoted: Promoted,
        state: State,
        begun: Deployment | None = None,
    ) -> None:
        """Say how the promotion ended. Raises PromotionError where GitHub does not take it now."""

        def write(it: Installation) -> None:
            calls = _Calls(it, access.repository, urgent=True)
            ours = begun or calls.find_or_create(promoted)
            if ours.state != state.word:
                calls.show(ours, state)

        self._write(access, write)

    def end_what_is_open(
        self, access: InstallationAccess, promoted: Promoted, state: State, *, urgent: bool
    ) -> None:
        """Say how the promotion ended where its deployment has begun, and nobody has ended it."""

        def write(it: Installation) -> None:
            calls = _Calls(it, access.repository, urgent=urgent)
            ours = calls.find(promoted)
            if ours is not None and ours.state not in ENDED:
                calls.show(ours, state)

        self._write(access, write)

    def _write(self, access: InstallationAccess, write: Callable[[Installation], None]) -> None:
        self._permission_cache.attempt(access, PERMISSION, lambda: access.write(PERMISSION, write))


@dataclass(frozen=True)
class _Calls:
    """The calls for the deployments of one repository."""

    it: Installation
    repository: str
    urgent: bool

    def find_or_create(self, promoted: Promoted) -> Deployment:
        return self.find(promoted) or self._create(promoted)

    def find(self, promoted: Promoted) -> Deployment | None:
        """Return the promotion's deployment with its state: a run may be repeated."""
        for one in self._list(promoted, sha=promoted.sha, per_page=100):
            if one.run == promoted.run:
                return Deployment(one.id, one.run, one.ref, self._state(one))
        return None

    def show(self, deployment: Deployment, state: State) -> None:
        """Add a status; a success makes GitHub end the environment's earlier deployments."""
        path = f"{self._path}/{deployment.id}/statuses"
        self.it.create(path, state.body(), urgent=self.urgent)

    def end_what_was_cut_off(self, ours: Deployment, promoted: Promoted) -> None:
        """End the branch's earlier deployments that a newer push kept from their own end."""
        by = State(INACTIVE, f"Superseded by {promoted.sha[:7]}")
        for one in self._list(promoted, per_page=LOOKED_THROUGH):
            if one.id >= ours.id or one.ref != promoted.ref:
                continue
            if self._state(one) in ENDED:
                return
            self.show(one, by)

    @property
    def _path(self) -> str:
        return f"/repos/{self.repository}/deployments"

    def _create(self, promoted: Promoted) -> Deployment:
        """Create a deployment. GitHub's defaults would merge branches, and wait for checks."""
        body = {
            "ref": promoted.sha,
            "task": TASK,
            "auto_merge": False,
            "required_contexts": [],
            "environment": promoted.environment,
            "transient_environment": False,
            "production_environment": False,
            "payload": {MARK: {"run": promoted.run, "ref": promoted.ref}},
            "description": "Azure Databricks Git folders",
        }
        made = self.it.create(self._path, body, urgent=self.urgent)
        return Deployment(int(made["id"]), promoted.run, promoted.ref)

    def _list(self, promoted: Promoted, **params: str | int) -> Iterator[Deployment]:
        """Yield our deployments in the environment, the newest first."""
        wanted = {"environment": promoted.environment, "task": TASK, **params}
        for one in self.it.read(self._path, wanted):
            mark = mark_of(one.get("payload"))
            if mark is not None:
                yield Deployment(int(one["id"]), mark[0], mark[1])

    def _state(self, deployment: Deployment) -> str:
        """Return the newest status's word, empty where there is none."""
        statuses = self.it.read(f"{self._path}/{deployment.id}/statuses", {"per_page": 1})
        return str(statuses[0]["state"]) if statuses else ""


def mark_of(payload: Any) -> tuple[int, str] | None:
    """Return the run and the ref that we wrote into a payload, which may be JSON or its text."""
    try:
        found = json.loads(payload) if isinstance(payload, str) else payload
        return int(found[MARK]["run"]), str(found[MARK]["ref"])
    except (ValueError, TypeError, KeyError):
        return None
