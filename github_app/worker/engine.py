"""The durable engine: pending branches are started, and what a crash cut off is started again.

The only module that knows DBOS. A claim and its workflow are one transaction, so neither exists
without the other; the workflow is one step, so that every release can replay it.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import filelock
import sqlalchemy as sa
from dbos import DBOS, DBOSClient, DBOSConfig, EnqueueOptions

# Private, and pinned with the minor version: nothing public tells a newer schema.
from dbos._migration import get_migration_versions, get_sqlite_migration_versions

from github_app.runtime.metrics import Metrics
from github_app.runtime.periodic import Periodic
from github_app.storage import branches, claims, retention
from github_app.storage.branches import BranchPush
from github_app.storage.claims import Claim
from github_app.worker.lease import Lease, OnlyWorker
from github_app.worker.runs import RETRY_SECONDS, OnGivenUp, Runs
from github_app.worker.takeover import SECONDS as TAKE_OVER_SECONDS
from github_app.worker.takeover import OrphanedRuns, Taken, TakeOver
from promotion.errors import ConfigError

APPLICATION = "brickpush"
APPLICATION_VERSION = "1"  # constant: the work of another version would be left where it is
WORKFLOW = "promote_branch"
QUEUE = "branches"
BRANCHES_AT_ONCE = 16
POLL_SECONDS = 0.1
REPAIR_SECONDS = 5.0
FORGET_SECONDS = 3600.0
STALLED_SECONDS = (
    30.0  # without one successful read of the pending branches, the worker is not ready
)
MAX_RECOVERIES = 1000  # never reached: Runs counts, and leaves out a run that only waited
_ACTIVE = ["ENQUEUED", "PENDING", "DELAYED"]
_ENDED = ["SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"]


class EngineError(ConfigError):
    """The engine can't start here."""


def migrate(database_url: str, engine: sa.Engine) -> None:
    """Create or upgrade the durable engine's own tables; it starts on any newer ones itself."""
    if engine.dialect.name == "sqlite":
        found, known = get_sqlite_migration_versions(engine)
    else:
        found, known = get_migration_versions(engine, "dbos", True)
    if found > known:
        raise EngineError(
            f"the durable engine's tables have version {found}, and this release knows up to"
            f" {known}: they were upgraded by a newer release; start that one, or restore the"
            " backup made before the upgrade"
        )
    DBOS.migrate(database_url)


class Engine:
    """Starts pending branches in this process until it is stopped. At most one per process."""

    def __init__(
        self,
        *,
        database_url: str,
        engine: sa.Engine,
        promote: Callable[[BranchPush], None],
        metrics: Metrics,
        lease: Lease | None = None,
        branches_at_once: int = BRANCHES_AT_ONCE,
        retry_seconds: Sequence[float] = RETRY_SECONDS,
        on_given_up: OnGivenUp = lambda _tx, _pushed, _reason: None,
        keep: retention.Keep = retention.Keep(),  # noqa: B008 - it can't be changed
    ) -> None:
        self._database_url = database_url
        self._keep = keep
        self._engine = engine
        self._metrics = metrics
        self._branches_at_once = branches_at_once
        self._lease = lease or OnlyWorker()
        self._runs = Runs(
            engine,
            promote,
            metrics,
            retry_seconds=retry_seconds,
            on_given_up=on_given_up,
            still_mine=self._lease.still_mine,
        )
        self._running = _Running()
        self._forgotten = OrphanedRuns(
            self._lease.executor_id, taken=_taken, running=self._running.now, resume=_resume
        )
        self._file_lock = _file_lock(engine.url)
        self._client: DBOSClient | None = None
        self._threads = {
            "dispatch": Periodic("dispatch", self._dispatch, seconds=POLL_SECONDS),
            "repair": Periodic("repair", self._repair, seconds=REPAIR_SECONDS),
            "forget": Periodic("forget", self._forget, seconds=FORGET_SECONDS),
        }
        if engine.dialect.name == "postgresql":
            take_over = TakeOver(engine, ttl=self._lease.ttl, taken=_taken, resume=_resume)
            self._threads["take over"] = Periodic(
                "take over", take_over.look, seconds=TAKE_OVER_SECONDS
            )

    def start(self) -> None:
        """Recover what the last process left, and start pending branches. The tables must exist."""
        self._take_file()
        self._lease.start()
        self._client = DBOSClient(
            system_database_engine=self._engine,
            application_name=APPLICATION,
            retry_connection_errors=False,
        )
        # Before the launch: a queue that appears later is noticed only a second later.
        self._client.register_queue(
            QUEUE, worker_concurrency=self._branches_at_once, polling_interval_sec=POLL_SECONDS
        )
        DBOS(config=self._config())
        self._register_workflow()
        DBOS.launch()
        for thread in self._threads.values():
            thread.start()

    def stop(self, within_seconds: float) -> bool:
        """Start nothing more, and give what runs this long to end; say whether it did.

        What did not end is taken up at the next start. Its threads can't be ended, so the caller
        of a False must leave the process with os._exit().
        """
        deadline = time.monotonic() + within_seconds
        for thread in self._threads.values():
            thread.stop(max(0.1, deadline - time.monotonic()))
        # DBOS first waits a whole second, also where nothing runs.
        left = max(1, math.floor(deadline - time.monotonic()))
        DBOS.destroy(
            destroy_registry=True,
            workflow_completion_timeout_sec=left if self._running.now() else 0,
        )
        self._runs.uncount_start()
        if self._client is not None:
            self._client.destroy()
        self._lease.stop()
        if self._file_lock is not None:
            self._file_lock.release()
        return not self._running.now()

    def wake(self) -> None:
        """Look for pending branches at once."""
        self._threads["dispatch"].wake()

    def problems(self) -> Mapping[str, str]:
        """Return what keeps this worker from working, by part; empty while all is well."""
        silent = self._threads["dispatch"].seconds_since_success()
        if silent < STALLED_SECONDS:
            return self._lease.problems()
        return {"worker": f"has not read the pending branches for {silent:.0f} s; see the log"}

    def _config(self) -> DBOSConfig:
        sqlite = self._engine.dialect.name == "sqlite"
        return DBOSConfig(
            name=APPLICATION,
            system_database_url=self._database_url,
            sys_db_pool_size=2 if sqlite else 8,
            application_version=APPLICATION_VERSION,
            # A worker takes up the work of its own id: shared, two would do it twice.
            executor_id=self._lease.executor_id,
            # A frozen worker must not lock others out for longer than its lease.
            sys_db_idle_transaction_timeout_sec=self._lease.ttl,
            run_migrations=False,
            log_level="WARNING",
        )

    def _register_workflow(self) -> None:
        @DBOS.step(name="promote_newest_push")
        def promote_newest_push(held: Claim) -> None:
            with self._running.counted(_workflow_id(held)):
                self._runs.carry_out(held)
            self.wake()  # what came meanwhile is pending now

        @DBOS.workflow(name=WORKFLOW, max_recovery_attempts=MAX_RECOVERIES)
        def promote_branch(repository_id: int, ref: str, run: int) -> None:
            promote_newest_push(Claim(repository_id, ref, run))

    def _dispatch(self) -> None:
        """Claim every pending branch, each together with its workflow."""
        while self._claim_some() == claims.CLAIMS_PER_TRANSACTION:
            pass

    def _claim_some(self) -> int:
        assert self._client is not None
        with self._engine.begin() as tx:
            pushed = claims.ready(tx, now=time.time())
            for claim in pushed:
                if claims.claim(tx, claim):
                    options: EnqueueOptions = {
                        "workflow_name": WORKFLOW,
                        "queue_name": QUEUE,
                        "workflow_id": _workflow_id(claim),
                        "app_version": APPLICATION_VERSION,
                    }
                    key = (claim.repository_id, claim.ref, claim.run)
                    self._client.enqueue_in_transaction(tx, options, *key)
        return len(pushed)

    def _repair(self) -> None:
        """Release branches whose workflow ended without doing so, and count the pending ones."""
        with self._engine.connect() as reader:
            held = {_workflow_id(claim): claim for claim in claims.held(reader)}
            self._metrics.pending(branches.count_pending(reader))
        active = (
            DBOS.list_workflows(
                workflow_ids=list(held), status=_ACTIVE, load_input=False, load_output=False
            )
            if held
            else []
        )
        for workflow_id in held.keys() - {workflow.workflow_id for workflow in active}:
            self._runs.release_orphan(held[workflow_id])
        self._forgotten.look()

    def _forget(self) -> None:
        now = time.time()
        retention.forget(self._engine, now=now, keep=self._keep)
        before = datetime.fromtimestamp(now, UTC) - timedelta(days=retention.WORKFLOW_DAYS)
        while ended := DBOS.list_workflows(
            completed_before=before.isoformat(),
            status=_ENDED,
            limit=retention.ROWS_PER_TRANSACTION,
            load_input=False,
            load_output=False,
        ):
            DBOS.delete_workflows([workflow.workflow_id for workflow in ended])

    def _take_file(self) -> None:
        if self._file_lock is None:
            return
        try:
            self._file_lock.acquire(timeout=0)
        except filelock.Timeout as exc:
            raise EngineError(
                f"another worker uses {self._engine.url.database}; stop it, or use PostgreSQL"
            ) from exc


class _Running:
    """Which runs are carried out in this process."""

    def __init__(self) -> None:
        self._runs: list[str] = []
        self._lock = threading.Lock()

    def now(self) -> list[str]:
        """Return the workflows' ids."""
        with self._lock:
            return list(self._runs)

    @contextmanager
    def counted(self, workflow_id: str) -> Iterator[None]:
        with self._lock:
            self._runs.append(workflow_id)
        try:
            yield
        finally:
            with self._lock:
                self._runs.remove(workflow_id)


def _taken() -> Iterator[Taken]:
    """Yield what is begun and not ended, by whomever."""
    for each in DBOS.list_workflows(status="PENDING", load_input=False, load_output=False):
        yield Taken(each.workflow_id, each.executor_id, each.queue_name or QUEUE)


def _resume(queue: str, workflow_ids: Sequence[str]) -> None:
    DBOS.resume_workflows(list(workflow_ids), queue_name=queue)


def _workflow_id(claim: Claim) -> str:
    return f"{claim.repository_id}:{claim.ref}#{claim.run}"


def _file_lock(url: sa.URL) -> filelock.BaseFileLock | None:
    """Return the lock that keeps a second worker off a SQLite file."""
    if url.get_backend_name() != "sqlite":
        return None
    return filelock.FileLock(f"{url.database}.worker.lock", thread_local=False)
