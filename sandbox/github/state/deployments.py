"""Deployments and their statuses, as GitHub keeps them."""

from __future__ import annotations

import itertools
import threading
from dataclasses import dataclass, field, replace

from sandbox import disclosure
from sandbox.github.state.installations import Account

STATES = ("error", "failure", "inactive", "in_progress", "queued", "pending", "success")


@dataclass(frozen=True)
class DeploymentStatus:
    """How a deployment went at one time."""

    id: int
    state: str
    description: str
    environment: str
    log_url: str
    environment_url: str
    creator: Account
    created_at: float


@dataclass(frozen=True)
class Deployment:
    """A request to bring a commit to an environment."""

    id: int
    repository_id: int
    sha: str
    ref: str
    task: str
    environment: str
    description: str | None
    payload: object
    transient: bool
    production: bool
    creator: Account
    created_at: float
    statuses: tuple[DeploymentStatus, ...] = ()  # oldest first

    @property
    def state(self) -> str | None:
        return self.statuses[-1].state if self.statuses else None


@dataclass
class Deployments:
    """Every deployment."""

    _ids: itertools.count[int] = field(default_factory=lambda: itertools.count(800_001))
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _by_id: dict[int, Deployment] = field(default_factory=dict)

    def next_id(self) -> int:
        return next(self._ids)

    def add(self, deployment: Deployment) -> None:
        texts = (deployment.ref, deployment.task, deployment.environment, deployment.description)
        disclosure.written("deployment", *texts, repr(deployment.payload))
        with self._lock:
            self._by_id[deployment.id] = deployment

    def add_status(self, deployment_id: int, status: DeploymentStatus, *, inactivate: bool) -> None:
        """Store a status; a success may make the environment's earlier ones inactive."""
        disclosure.written("deployment status", status.description, status.environment)
        with self._lock:
            one = self._by_id[deployment_id]
            self._by_id[one.id] = replace(one, statuses=(*one.statuses, status))
            if not inactivate or status.state != "success":
                return
            for other in list(self._by_id.values()):
                if _is_replaced_by(other, one):
                    over = replace(status, id=self.next_id(), state="inactive", description="")
                    self._by_id[other.id] = replace(other, statuses=(*other.statuses, over))

    def find(self, deployment_id: int) -> Deployment | None:
        return self._by_id.get(deployment_id)

    def all(self) -> list[Deployment]:
        """Return every deployment, oldest first."""
        with self._lock:
            return list(self._by_id.values())


def _is_replaced_by(other: Deployment, one: Deployment) -> bool:
    same_place = (other.repository_id, other.environment) == (one.repository_id, one.environment)
    return same_place and other.id < one.id and not other.transient and other.state == "success"
