"""Check runs and the suites they are in, as the Apps last wrote them."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

PLAIN_FIELDS = ("name", "details_url", "external_id", "started_at", "completed_at")


@dataclass(frozen=True)
class CheckRun:
    """A check run as the App last wrote it."""

    id: int
    app_id: int
    repository_id: int
    repository: str  # full name
    head_sha: str
    check_suite_id: int
    name: str
    started_at: str
    details_url: str
    status: str = "queued"
    conclusion: str | None = None
    external_id: str = ""
    completed_at: str | None = None
    title: str | None = None
    summary: str | None = None
    text: str | None = None
    annotations: tuple[Mapping[str, object], ...] = ()
    actions: tuple[Mapping[str, object], ...] = ()


@dataclass(frozen=True)
class CheckSuite:
    """The check runs of one App on one commit."""

    id: int
    app_id: int
    repository_id: int
    head_sha: str
    head_branch: str | None  # None: the suite was not made by a push
    before: str | None
    created_at: float


@dataclass
class CheckRuns:
    """Every check run, and the suite that those of one App and commit share.

    *on_written* sees each as it is written, before anybody else does.
    """

    on_written: Callable[[CheckRun], None] = lambda _run: None
    _ids: itertools.count[int] = field(default_factory=lambda: itertools.count(900_001))
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _by_id: dict[int, CheckRun] = field(default_factory=dict)
    _suites: dict[tuple[int, int, str], CheckSuite] = field(default_factory=dict)

    def open_suite(
        self,
        app_id: int,
        repository_id: int,
        head_sha: str,
        *,
        now: float,
        head_branch: str | None = None,
        before: str | None = None,
    ) -> tuple[CheckSuite, bool]:
        """Return the suite of that commit, and whether it is a new one."""
        key = (app_id, repository_id, head_sha)
        with self._lock:
            if (known := self._suites.get(key)) is not None:
                return known, False
            number = 300_001 + len(self._suites)
            suite = CheckSuite(number, *key, head_branch, before, now)
            self._suites[key] = suite
            return suite, True

    def create(
        self,
        fields: Mapping[str, object],
        suite: CheckSuite,
        *,
        repository: str,
        now: str,
        details_url: str,
    ) -> CheckRun:
        """Store a new check run from *fields*, which must be valid."""
        with self._lock:
            blank = CheckRun(
                id=next(self._ids),
                app_id=suite.app_id,
                repository_id=suite.repository_id,
                repository=repository,
                head_sha=suite.head_sha,
                check_suite_id=suite.id,
                name=str(fields["name"]),
                started_at=now,
                details_url=details_url,
            )
            return self._keep(written(blank, fields, now))

    def update(self, check_run_id: int, fields: Mapping[str, object], *, now: str) -> CheckRun:
        """Write valid *fields* over a check run."""
        with self._lock:
            return self._keep(written(self._by_id[check_run_id], fields, now))

    def _keep(self, run: CheckRun) -> CheckRun:
        self.on_written(run)
        self._by_id[run.id] = run
        return run

    def find(self, check_run_id: int) -> CheckRun | None:
        return self._by_id.get(check_run_id)

    def all(self) -> list[CheckRun]:
        """Return every check run, oldest first."""
        with self._lock:
            return list(self._by_id.values())

    def on_commit(self, repository_id: int, head_sha: str) -> list[CheckRun]:
        """Return the check runs of one commit, newest first."""
        where = (repository_id, head_sha)
        return [run for run in self.all()[::-1] if (run.repository_id, run.head_sha) == where]

    def in_suite(self, suite_id: int) -> list[CheckRun]:
        """Return the check runs of one suite, oldest first."""
        return [run for run in self.all() if run.check_suite_id == suite_id]

    def find_suite(self, suite_id: int) -> CheckSuite | None:
        return next((one for one in self.suites() if one.id == suite_id), None)

    def suites(self) -> list[CheckSuite]:
        """Return every suite, oldest first."""
        with self._lock:
            return list(self._suites.values())


def written(run: CheckRun, fields: Mapping[str, object], now: str) -> CheckRun:
    """Return *run* with valid *fields* written over it. Pure."""
    given = {name: fields[name] for name in PLAIN_FIELDS if fields.get(name) is not None}
    changed: CheckRun = replace(run, **given)  # type: ignore[arg-type]  # validated as text
    status = fields.get("status")
    if (conclusion := fields.get("conclusion")) is not None:
        changed = replace(
            changed,
            status="completed",
            conclusion=str(conclusion),
            completed_at=str(fields.get("completed_at") or now),
        )
    elif isinstance(status, str):
        changed = replace(changed, status=status, conclusion=None, completed_at=None)
    if isinstance(actions := fields.get("actions"), list):
        changed = replace(changed, actions=tuple(actions))
    if isinstance(output := fields.get("output"), dict):
        texts = {name: output[name] for name in ("title", "summary", "text") if name in output}
        more = tuple(output.get("annotations", ()))
        changed = replace(changed, **texts, annotations=changed.annotations + more)
    return changed
