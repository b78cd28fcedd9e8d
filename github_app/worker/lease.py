"""The lease by which a worker lives: without it, it may change nothing any more."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import requests
import sqlalchemy as sa
from requests.adapters import BaseAdapter

from promotion.errors import PromotionError


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


READS = ("GET", "HEAD", "OPTIONS")


def fence(session: requests.Session, may_act: Callable[[], None]) -> None:
    """Have every call of *session* that changes something wait for *may_act*.

    The adapter is the last that sees a call before it is on the wire: what waited for its turn
    under a limit, or was frozen with its process, is looked at once more.
    """
    for prefix, adapter in list(session.adapters.items()):
        session.mount(prefix, _Fenced(adapter, may_act))


class _Fenced(BaseAdapter):
    def __init__(self, adapter: BaseAdapter, may_act: Callable[[], None]) -> None:
        super().__init__()
        self._adapter = adapter
        self._may_act = may_act

    def send(
        self, request: requests.PreparedRequest, *args: Any, **kwargs: Any
    ) -> requests.Response:
        if request.method not in READS:
            self._may_act()
        return self._adapter.send(request, *args, **kwargs)

    def close(self) -> None:
        self._adapter.close()
