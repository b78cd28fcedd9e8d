"""The stand-in GitHub: everything behind one object, with levers for tests."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from sandbox.github.controls.apps import AppControls
from sandbox.github.controls.behaviour import BehaviourControls
from sandbox.github.controls.repositories import RepositoryControls
from sandbox.github.site import Site
from sandbox.github.state.apps import Apps
from sandbox.github.state.check_runs import CheckRuns
from sandbox.github.state.deployments import Deployments
from sandbox.github.state.installations import Accounts, Installations
from sandbox.github.state.limits import Limits
from sandbox.github.state.repositories import Repositories
from sandbox.github.state.state import Clock, State
from sandbox.github.state.statuses import Statuses
from sandbox.github.state.tokens import Tokens


class GitHub(AppControls, RepositoryControls, BehaviourControls):
    """GitHub at *url*: the web site and git there, REST below `/api/v3` as on GHES."""

    def __init__(
        self,
        directory: Path,
        *,
        url: str,
        clock: Callable[[], float] = time.time,
        has_app: bool = True,
    ) -> None:
        """Open; with *has_app* the first App is registered initially."""
        directory.mkdir(parents=True, exist_ok=True)
        own_clock = Clock(clock)
        self._state = State(
            url=url,
            clock=own_clock,
            apps=Apps(directory, own_clock),
            accounts=Accounts(),
            repositories=Repositories(directory / "repositories", url, own_clock),
            installations=Installations(own_clock),
            tokens=Tokens(own_clock),
            check_runs=CheckRuns(),
            statuses=Statuses(),
            deployments=Deployments(),
            limits=Limits(own_clock),
        )
        if has_app:
            self._state.apps.add_first()
        self.url = url
        self.api_url = f"{url}/api/v3"
        self.asgi = Site(self._state)

    def close(self) -> None:
        """Stop delivering webhooks."""
        self._state.apps.close()
