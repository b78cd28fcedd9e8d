"""Report on a commit: as a check run, else as a commit status, else in the log.

One check run for each subject (a branch or tag in a workspace) on a commit: two branches may be at
one commit, and what is reported of the one never touches the other's.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import dataclass, replace
from functools import partial

import structlog

from github_app.github.access import InstallationAccess
from github_app.github.check_run import COMPLETED, CheckRun, Subject, WrittenRun
from github_app.github.installation import Installation, Still
from github_app.github.tokens import NotGrantedError
from github_app.reports import render
from github_app.reports.check_run_records import CheckRunRecords, Place
from promotion.errors import ApiError

Workspaces = Callable[[Set[str]], Iterable[str]]

STATES = {"success": "success", "neutral": "success", "skipped": "success", "failure": "failure"}


def _always() -> bool:
    return True


@dataclass(frozen=True)
class CommitReports:
    """Writes check runs, and commit statuses where an installation allows only those."""

    records: CheckRunRecords
    permission_cache: PermissionCache

    def show(
        self,
        access: InstallationAccess,
        repository_id: int,
        run: CheckRun,
        *,
        urgent: bool = True,
        still: Still = _always,
    ) -> None:
        """Show *run*: one check run for its subject, found again after a crash.

        GitHub may have made one although its answer was lost, and shows the newest of a name:
        an older one is only never left open. *still* is asked directly before each write. Raises
        PromotionError where GitHub can't be asked, and NoLongerTrueError.
        """
        job = _Job(self.records, access, repository_id, run, urgent, still)
        if not self.permission_cache.attempt(access, "checks", job.show):
            self._set_status(access, run, urgent=urgent, still=still)

    def show_on_all(
        self,
        access: InstallationAccess,
        repository_id: int,
        run: CheckRun,
        workspaces: Workspaces,
        *,
        completed: bool,
        still: Still = _always,
    ) -> None:
        """Show *run* on every check run for its ref on its commit, and for *workspaces*.

        *workspaces* is told where there are check runs. Those that are completed already are left
        as they are unless *completed* says otherwise.
        """
        job = _Job(self.records, access, repository_id, run, False, still)

        def write() -> None:
            job.show_on_all(workspaces, completed=completed)

        if not self.permission_cache.attempt(access, "checks", write):
            for workspace in workspaces(frozenset()):
                subject = replace(run.subject, workspace=workspace)
                self._set_status(access, replace(run, subject=subject), urgent=False, still=still)

    def is_there(self, repository_id: int, run: CheckRun) -> bool:
        """Say whether there is a check run for the subject already, or there may be."""
        return self.records.find(Place(repository_id, run.head_sha, run.subject)) is not None

    def is_doubtful(self, repository_id: int, run: CheckRun) -> bool:
        """Say whether GitHub may have one more check run, to be looked for once it shows it."""
        record = self.records.find(Place(repository_id, run.head_sha, run.subject))
        return record is not None and record.doubtful

    def settled(self, repository_id: int, run: CheckRun) -> None:
        """Note that no check run is left open: it was looked for long after it was made."""
        self.records.settled(Place(repository_id, run.head_sha, run.subject))

    def _set_status(
        self, access: InstallationAccess, run: CheckRun, *, urgent: bool, still: Still
    ) -> None:
        state = STATES.get(run.conclusion or "", "error") if run.status == COMPLETED else "pending"

        def write() -> None:
            access.write(
                "statuses",
                lambda it: it.create_status(
                    access.repository, run, state, urgent=urgent, still=still
                ),
            )

        self.permission_cache.attempt(access, "statuses", write)


@dataclass(frozen=True)
class _Job:
    """The writing of one check run, or of one ref's check runs, on a commit."""

    records: CheckRunRecords
    access: InstallationAccess
    repository_id: int
    run: CheckRun
    urgent: bool
    still: Still

    def show(self) -> None:
        record = self.records.find(self._place(self.run.subject))
        if record is None and self.run.status != COMPLETED:
            self._create(self.run)
            return
        if self.run.status != COMPLETED and record is not None and record.id is not None:
            if record.ended:
                self.records.reopening(self._place(self.run.subject))
            self._update(record.id, self.run)
            return
        listed = {one.id: one.status == COMPLETED for one in self._listed(self.run.subject)}
        if record is not None and record.id is not None:
            listed.setdefault(record.id, record.ended)
        if not listed:
            self._create(self.run)
        for number, (run_id, ended) in enumerate(sorted(listed.items(), reverse=True)):
            if number == 0 or not ended:
                self._update(run_id, self.run)

    def show_on_all(self, workspaces: Workspaces, *, completed: bool) -> None:
        found = self._of_ref()
        for run_id, (subject, ended) in sorted(found.items()):
            if completed or not ended:
                self._update(run_id, replace(self.run, subject=subject))
        there = {subject.workspace for subject, _ in found.values()}
        for workspace in sorted(set(workspaces(there)) - there):
            self._create(replace(self.run, subject=replace(self.run.subject, workspace=workspace)))

    def _of_ref(self) -> Mapping[int, tuple[Subject, bool]]:
        """Return the ref's check runs by id, each with whether it has ended.

        GitHub's list lags behind what we have just written, so our own records come first.
        """
        records = self.records.of_ref(self._place(self.run.subject))
        known: dict[int, tuple[Subject, bool]] = {
            record.id: (record.subject, record.ended) for record in records if record.id is not None
        }
        for one in self._listed(None):
            if one.subject is not None and one.subject.ref == self.run.subject.ref:
                known.setdefault(one.id, (one.subject, one.status == COMPLETED))
        return known

    def _listed(self, subject: Subject | None) -> list[WrittenRun]:
        """Return the App's check runs on the commit, of one subject where it is given."""
        name = subject.name if subject is not None else ""
        sha, repository = self.run.head_sha, self.access.repository
        found = self.access.write("checks", lambda it: it.check_runs(repository, sha, name=name))
        return [one for one in found if subject in (None, one.subject)]

    def _create(self, run: CheckRun) -> None:
        place = self._place(run.subject)
        self.records.creating(place)

        def create(it: Installation, form: CheckRun) -> int:
            return it.create_check_run(
                self.access.repository, form, urgent=self.urgent, still=self.still
            )

        try:
            number = self._accepted(create, run)
        except ApiError as exc:
            if exc.status < 500:
                self.records.refused(place)
            raise
        self.records.written(place, number, run.conclusion)

    def _update(self, run_id: int, run: CheckRun) -> None:
        def update(it: Installation, form: CheckRun) -> int:
            it.update_check_run(
                self.access.repository, run_id, form, urgent=self.urgent, still=self.still
            )
            return run_id

        self._accepted(update, run)
        self.records.written(self._place(run.subject), run_id, run.conclusion)

    def _accepted(self, write: Callable[[Installation, CheckRun], int], run: CheckRun) -> int:
        """Write *run*, or something shorter where GitHub says that it can't take it (422)."""
        forms = [run, *render.shorter(run)]
        while True:
            try:
                return self.access.write("checks", partial(_written_as, write, forms.pop(0)))
            except ApiError as exc:
                if exc.status != 422 or not forms:
                    raise

    def _place(self, subject: Subject) -> Place:
        return Place(self.repository_id, self.run.head_sha, subject)


def _written_as(
    write: Callable[[Installation, CheckRun], int], form: CheckRun, installation: Installation
) -> int:
    return write(installation, form)


ASK_AGAIN_SECONDS = 600.0  # an owner may grant what was missing
NOT_ALLOWED = "Resource not accessible by integration"

log = structlog.get_logger(__name__)


class PermissionCache:
    """Remembers which installations do not grant what, and says so once. One a process."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._refused: dict[tuple[int, str], float] = {}  # until when not to try

    def attempt(
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
