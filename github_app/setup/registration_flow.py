"""The state of one App's registration: the page advances it, the terminal waits for it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from github_app.github.registration import NewApp, Registration
from promotion.errors import PromotionError


class Stage(Enum):
    READY = "ready"  # not registered yet
    REGISTERED = "registered"  # the files are written, the App is not installed yet
    INSTALLED = "installed"
    FAILED = "failed"


@dataclass(frozen=True)
class RegistrationRequest:
    """The request that the page shows."""

    github: str  # "github.com"
    organization: str | None
    webhook_url: str
    directory: str


class RegistrationFlow:
    """Exchanges GitHub's code once, and holds the state for page and terminal."""

    def __init__(
        self,
        wanted: RegistrationRequest,
        *,
        manifest: Callable[[], Mapping[str, Any]],
        convert: Callable[[str], NewApp],
        keep: Callable[[NewApp], None],
    ) -> None:
        self._wanted = wanted
        self._manifest = manifest
        self._convert = convert
        self._keep = keep
        self._stage = Stage.READY
        self._problem = ""
        self._next_steps: tuple[str, ...] = ()
        self._accounts: tuple[str, ...] = ()
        self._seen = Stage.READY.value
        self._changed = threading.Condition()
        self._taking = threading.Lock()  # one code at a time
        self.registration: Registration | None = None

    def shown(self) -> Mapping[str, Any]:
        """Return the values of the page."""
        with self._changed:
            return {
                "stage": self._stage.value,
                "wanted": self._wanted,
                "app": self.registration,
                "problem": self._problem,
                "accounts": self._accounts,
                "next_steps": self._next_steps,
                "permissions": self._manifest()["default_permissions"],
                "events": self._manifest()["default_events"],
            }

    def manifest(self) -> Mapping[str, Any]:
        return self._manifest()

    def take(self, code: str) -> None:
        """Exchange the code and write the result at once: GitHub shows the key only once."""
        with self._taking:
            if self.registration is not None:
                return
            try:
                app = self._convert(code)
                self.registration = app.registration
                self._keep(app)
            except PromotionError as exc:
                self.fail(f"{exc}{self._left_behind()}")
            else:
                self._move(Stage.REGISTERED)

    def settle(self, seconds: float) -> None:
        """Wait for a running exchange to end: GitHub shows the key only once."""
        if self._taking.acquire(timeout=seconds):
            self._taking.release()

    def seen(self, stage: str) -> None:
        with self._changed:
            self._seen = stage
            self._changed.notify_all()

    def installed(self, accounts: tuple[str, ...], next_steps: tuple[str, ...]) -> None:
        """Show on the page that the App is installed."""
        self._accounts, self._next_steps = accounts, next_steps
        self._move(Stage.INSTALLED)

    def wait_for_registration(self, seconds: float) -> Registration:
        """Return the new App; raise PromotionError if it was not registered in time."""
        with self._changed:
            self._changed.wait_for(lambda: self._stage is not Stage.READY, seconds)
            if self._stage is Stage.FAILED:
                raise PromotionError(self._problem)
            if self.registration is None:
                raise PromotionError(
                    "nobody registered the App in time: run `brickpush setup` again"
                )
            return self.registration

    def wait_until_seen(self, seconds: float) -> None:
        """Wait until an open page shows the last stage."""
        with self._changed:
            self._changed.wait_for(lambda: self._seen == self._stage.value, seconds)

    def fail(self, problem: str) -> None:
        """Show a failure on the page."""
        self._problem = problem
        self._move(Stage.FAILED)

    def _left_behind(self) -> str:
        if self.registration is None:
            return ""
        return (
            f". The App is on GitHub already: delete it at {self.registration.settings_url}, "
            "or create a new key there and run `brickpush setup --import`"
        )

    def _move(self, stage: Stage) -> None:
        with self._changed:
            self._stage = stage
            self._changed.notify_all()
