"""The lease by which a worker lives: without it, it may change nothing any more."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import sqlalchemy as sa

from promotion.errors import PromotionError

TTL_SECONDS = 6.0  # taken over within this and a second more


class LeaseLostError(PromotionError):
    """Another worker has taken over what this one did."""


class Lease(Protocol):
    """What the engine, and whatever changes something for it, asks of a lease."""

    @property
    def executor_id(self) -> str:
        """The name under which runs are begun; no two workers share one."""
        ...

    @property
    def ttl(self) -> float:
        """Seconds without a sign of life until a worker is taken for dead."""
        ...

    def start(self) -> None:
        """Take the lease: before anything is begun under its name."""

    def stop(self) -> None:
        """Give it back, so that others take over at once what did not end."""

    def may_act(self) -> None:
        """Return when a call that changes something may be sent."""

    def still_mine(self, tx: sa.Connection) -> None:
        """Make sure that nobody takes over before *tx* has ended; its first statement."""

    def problems(self) -> Mapping[str, str]:
        """Return what is wrong, by part; empty while the lease is good."""
        ...


class OnlyWorker:
    """The one worker that a SQLite file has, by the lock on the file: nobody takes over."""

    executor_id = "local"
    ttl = 0.0

    def start(self) -> None:
        """Nothing to do."""

    def stop(self) -> None:
        """Nothing to do."""

    def may_act(self) -> None:
        """Always at once."""

    def still_mine(self, tx: sa.Connection) -> None:
        """Always."""

    def problems(self) -> Mapping[str, str]:
        """Never any."""
        return {}
