"""Report on a commit: as a check run, else as a commit status, else in the log."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import replace

import structlog

from github_app.access import InstallationAccess
from github_app.check_run import COMPLETED, CheckRun
from github_app.github_tokens import NotGrantedError
from promotion.errors import ApiError

ASK_AGAIN_SECONDS = 600.0  # an owner may grant what was missing
NOT_ALLOWED = "Resource not accessible by integration"
STATES = {"success": "success", "neutral": "success", "skipped": "success", "failure": "failure"}

log = structlog.get_logger(__name__)


class CommitReports:
    """Writes check runs; remembers which installations do not allow that. One a process."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._refused: dict[tuple[int, str], float] = {}  # until when not to try

    def show(self, access: InstallationAccess, run: CheckRun, *, urgent: bool = True) -> None:
        """Show *run*: one check run for each commit and name, found again after a crash.

        Raises PromotionError where GitHub can't be asked now.
        """
        repository = access.repository

        def write() -> None:
            found = access.write(
                "checks", lambda it: it.check_runs(repository, run.head_sha, name=run.name)
            )
            if found:
                self._update(access, found[0].id, run, urgent=urgent)
            else:
                self._create(access, run, urgent=urgent)

        if not self._attempt(access, "checks", write):
            self._set_status(access, run, urgent=urgent)

    def show_on_all(
        self, access: InstallationAccess, run: CheckRun, names: Iterable[str], *, completed: bool
    ) -> None:
        """Show *run* on every check run of ours on its commit, and under *names*.

        Those that are completed already are left as they are unless *completed* says otherwise.
        """
        repository = access.repository

        def write() -> None:
            found = access.write("checks", lambda it: it.check_runs(repository, run.head_sha))
            for each in found:
                if completed or each.status != COMPLETED:
                    self._update(access, each.id, replace(run, name=each.name), urgent=False)
            for name in set(names) - {each.name for each in found}:
                self._create(access, replace(run, name=name), urgent=False)

        if not self._attempt(access, "checks", write):
            for name in names:
                self._set_status(access, replace(run, name=name), urgent=False)

    def _create(self, access: InstallationAccess, run: CheckRun, *, urgent: bool) -> None:
        access.write(
            "checks", lambda it: it.create_check_run(access.repository, run, urgent=urgent)
        )

    def _update(
        self, access: InstallationAccess, run_id: int, run: CheckRun, *, urgent: bool
    ) -> None:
        access.write(
            "checks",
            lambda it: it.update_check_run(access.repository, run_id, run, urgent=urgent),
        )

    def _set_status(self, access: InstallationAccess, run: CheckRun, *, urgent: bool) -> None:
        state = STATES.get(run.conclusion or "", "error") if run.status == COMPLETED else "pending"

        def write() -> None:
            access.write(
                "statuses",
                lambda it: it.create_status(access.repository, run, state, urgent=urgent),
            )

        self._attempt(access, "statuses", write)

    def _attempt(
        self, access: InstallationAccess, permission: str, write: Callable[[], None]
    ) -> bool:
        """Write, and return True; False where the installation does not allow it."""
        key = (access.installation_id, permission)
        with self._lock:
            if self._now() < self._refused.get(key, 0.0):
                return False
        try:
            write()
        except NotGrantedError as exc:
            self._note_refusal(key, str(exc))
            return False
        except ApiError as exc:
            if exc.status != 403 or NOT_ALLOWED not in exc.message:
                raise
            self._note_refusal(key, str(exc))
            return False
        return True

    def _note_refusal(self, key: tuple[int, str], why: str) -> None:
        with self._lock:
            first = key not in self._refused
            self._refused[key] = self._now() + ASK_AGAIN_SECONDS
        if first:
            log.warning("report.not_allowed", permission=key[1], installation=key[0], reason=why)
