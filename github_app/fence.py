"""Let a worker change something elsewhere only while it holds its lease."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import requests
from requests.adapters import BaseAdapter

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
