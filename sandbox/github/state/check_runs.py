"""Check runs and the suites they are in, as the Apps last wrote them."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from sandbox import disclosure
from sandbox.github.state.replicas import Past

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
    head_branch: str | None  # None: the suite was not created by a push
    before: str | None
    created_at: float


@dataclass
class CheckRuns:
    """Every check run, and the suite that those of one App and commit share.

    The watchers see each as it is written, before anybody else does.
    """

    watchers: list[Callable[[CheckRun], None]] = field(default_factory=list)
    _ids: itertools.count[int] = field(default_factory=lambda: itertools.count(900_001))
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _by_id: dict[int, CheckRun] = field(default_factory=dict)
    _by_commit: dict[tuple[int, str], list[int]] = field(default_factory=dict)
    _past: Past[int, CheckRun | None] = field(default_factory=Past)
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
        _disclose(run)
        for watcher in self.watchers:
            watcher(run)
        self._past.note(run.id, self._by_id.get(run.id))
        if run.id not in self._by_id:
            self._by_commit.setdefault((run.repository_id, run.head_sha), []).append(run.id)
        self._by_id[run.id] = run
        return run

    def find(self, check_run_id: int, moment: float | None = None) -> CheckRun | None:
        """Return a check run as it is, or as it was at a moment of the monotonic clock."""
        return self._past.at(check_run_id, moment, self._by_id.get(check_run_id))

    def all(self) -> list[CheckRun]:
        """Return every check run, oldest first."""
        with self._lock:
            return list(self._by_id.values())

    def on_commit(
        self, repository_id: int, head_sha: str, moment: float | None = None
    ) -> list[CheckRun]:
        """Return the check runs of one commit, newest first."""
        with self._lock:
            numbers = self._by_commit.get((repository_id, head_sha), [])[::-1]
            found = [self.find(number, moment) for number in numbers]
        return [run for run in found if run is not None]

    def in_suite(self, suite_id: int) -> list[CheckRun]:
        """Return the check runs of one suite, oldest first."""
        return [run for run in self.all() if run.check_suite_id == suite_id]

    def find_suite(self, suite_id: int) -> CheckSuite | None:
        return next((one for one in self.suites() if one.id == suite_id), None)

    def suites(self) -> list[CheckSuite]:
        """Return every suite, oldest first."""
        with self._lock:
            return list(self._suites.values())


def _disclose(run: CheckRun) -> None:
    """Report what a run says; its details_url is a key by itself, to that page only."""
    texts = (run.name, run.external_id, run.title, run.summary, run.text)
    disclosure.written("check run", *texts, repr(run.annotations), repr(run.actions))


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
