"""Report on a commit: as a check run, else as a commit status, else in the log."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Set
from dataclasses import replace

from github_app.access import InstallationAccess
from github_app.check_run import COMPLETED, CheckRun
from github_app.permitted import Permitted

Names = Callable[[Set[str]], Iterable[str]]

STATES = {"success": "success", "neutral": "success", "skipped": "success", "failure": "failure"}


class CommitReports:
    """Writes check runs, and commit statuses where an installation allows only those."""

    def __init__(self, permitted: Permitted | None = None) -> None:
        self._permitted = permitted or Permitted()

    def show(self, access: InstallationAccess, run: CheckRun, *, urgent: bool = True) -> None:
        """Show *run*: one check run for each commit and name, found again after a crash.

        GitHub may have made one although its answer was lost, and shows the newest of a name:
        an older one is only never left open. Raises PromotionError where GitHub can't be asked.
        """
        repository = access.repository

        def write() -> None:
            found = access.write(
                "checks", lambda it: it.check_runs(repository, run.head_sha, name=run.name)
            )
            if not found:
                self._create(access, run, urgent=urgent)
            for number, each in enumerate(found):
                if number == 0 or each.status != COMPLETED == run.status:
                    self._update(access, each.id, run, urgent=urgent)

        if not self._permitted.attempt(access, "checks", write):
            self._set_status(access, run, urgent=urgent)

    def show_on_all(
        self, access: InstallationAccess, run: CheckRun, names: Names, *, completed: bool
    ) -> None:
        """Show *run* on every check run of ours on its commit, and under *names*.

        *names* is told what check runs there are. Those that are completed already are left as
        they are unless *completed* says otherwise.
        """
        repository = access.repository

        def write() -> None:
            found = access.write("checks", lambda it: it.check_runs(repository, run.head_sha))
            for each in found:
                if completed or each.status != COMPLETED:
                    self._update(access, each.id, replace(run, name=each.name), urgent=False)
            there = {each.name for each in found}
            for name in set(names(there)) - there:
                self._create(access, replace(run, name=name), urgent=False)

        if not self._permitted.attempt(access, "checks", write):
            for name in names(frozenset()):
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

        self._permitted.attempt(access, "statuses", write)
