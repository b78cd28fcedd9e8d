"""The work after a push: wait for its end, verify that it arrived, promote, record the result."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

from hooks.background import push_end
from hooks.background.single_flight import flight_lock, wait_for
from hooks.background.verify import PushStatus, PushVerifier, Verification
from hooks.pushed.repository import (
    PushedRepository,
    names_of,
    one_of_several,
    pushed_repository,
)
from hooks.results.model import State, repository_name, workspace_as_json
from hooks.results.queued_push import QueuedPush
from hooks.results.store import Record, Results
from hooks.results.summary import conclude
from hooks.system.clock import Clock
from hooks.system.git import Git
from hooks.workspaces.run import Run
from promotion.ancestry import Ancestry, Compare
from promotion.model import ZERO_SHA, Push

PUSH_SECONDS = 30 * 60.0  # the longest push that is waited for
EXPIRY_SECONDS = 15 * 60.0  # a promotion later than this would come as a surprise
SLEPT_SECONDS = 30.0  # a longer gap between the clocks means that the machine was suspended
WAIT_SLICE_SECONDS = 30.0
# Pauses between the checks: a server may complete a push whose client was killed.
CHECK_PAUSES = (0.0, 2.0, 8.0, 20.0)
BY_HAND = "run `git promote`"


class Promote(Protocol):
    """The signature of `hooks.workspaces.promote.promote_pushed`."""

    def __call__(
        self,
        push: Push,
        *,
        url: str,
        environ: Mapping[str, str],
        contains: Compare,
        repository: PushedRepository,
    ) -> Run: ...


@dataclass(frozen=True)
class AfterPush:
    """The work on one push from this machine, after the hook has returned."""

    queued: QueuedPush
    git: Git
    verifier: PushVerifier
    results: Results
    environ: Mapping[str, str]
    clock: Clock
    promote: Promote
    wait_for_end: Callable[[int, str, float], bool] = push_end.wait_for_end

    def run(self, records: dict[str, Record]) -> None:
        """Process every ref that the push moves; *records* has one record for each ref."""
        awake = Awake(self.clock)
        if not self._wait():
            for record in records.values():
                words = f"the push did not end within {PUSH_SECONDS / 60:.0f} minutes"
                record.end(State.EXPIRED, words, BY_HAND)
            return
        ended = self.queued.pusher is not None
        for number, last in enumerate(self._checks()):
            if not self.queued.complete and (number == 0 or not ended):
                self._discover(records)
            self._check(records, awake, last=last or ended)
            if all(_settled(record) for record in records.values()) and (records or ended):
                return

    def _discover(self, records: dict[str, Record]) -> None:
        """Add the branches that the hook was not given: pre-commit passes only the first."""
        for ref, after in self.verifier.moved().items():
            if ref not in records:
                result = self.queued.result(len(records), ref, after)
                records[ref] = Record(result, self.results, self.clock)

    def _wait(self) -> bool:
        """Wait for the end of the push, in slices: only the wall clock counts suspended time."""
        if self.queued.pusher is None:
            return True
        pid, started = self.queued.pusher
        until = self.clock.time() + PUSH_SECONDS
        while not self.wait_for_end(pid, started, WAIT_SLICE_SECONDS):
            if self.clock.time() >= until:
                return False
        return True

    def _checks(self) -> Iterator[bool]:
        """Yield whenever it is time to check whether the push has arrived; True the last time."""
        if self.queued.pusher is not None:
            for number, pause in enumerate(CHECK_PAUSES, start=1):
                self.clock.sleep(pause)
                yield number == len(CHECK_PAUSES)
            return
        until, pause = self.clock.time() + PUSH_SECONDS, 0.25
        while self.clock.time() < until:
            self.clock.sleep(pause)
            pause = min(pause * 2, 60.0)
            yield self.clock.time() >= until

    def _check(self, records: dict[str, Record], awake: Awake, *, last: bool) -> None:
        """Verify the refs that are not settled, and promote those that have arrived."""
        arrived = []
        for record in records.values():
            if _settled(record):
                continue
            found = self.verifier.verify(record.result.ref, record.result.after)
            if found.status is PushStatus.PUSHED:
                arrived.append(record)
            elif found.status.certain or last:
                _end_unpromoted(record, found)
        if arrived:
            with ThreadPoolExecutor(len(arrived), "ref") as pool:
                list(pool.map(lambda record: self._promote_alone(record, awake), arrived))

    def _promote_alone(self, record: Record, awake: Awake) -> None:
        """Promote one ref while no other process promotes it."""
        arrived_at = self.clock.time()
        lock = flight_lock(self.results.directory.parent, self.queued.url, record.result.ref)
        with lock:
            sure = lock.acquire()
            if not sure and not wait_for(lock, self.clock, arrived_at + EXPIRY_SECONDS):
                words = "an older promotion of this branch is still running"
                record.end(State.EXPIRED, words, BY_HAND)
                return
            self._promote(record, awake, arrived_at, sure=sure)

    def _promote(self, record: Record, awake: Awake, arrived_at: float, *, sure: bool) -> None:
        """Promote; repeat it where the machine was suspended meanwhile."""
        push = self._push(record)
        while True:
            slept = awake.slept()
            if max(slept, self.clock.time() - arrived_at) > EXPIRY_SECONDS:
                words = f"the machine was suspended, and the push is {slept / 60:.0f} minutes old"
                record.end(State.EXPIRED, words, BY_HAND)
                return
            if not sure or slept > SLEPT_SECONDS:
                found = self.verifier.verify_again(push.ref, push.after)
                if found.status is not PushStatus.PUSHED:
                    _end_unpromoted(record, found)
                    return
            record.change(state=State.RUNNING, message="promoting")
            run = self._promote_in_repositories(push)
            state, message, next_step = conclude(run, push)
            if state is State.DONE or awake.slept() - slept <= SLEPT_SECONDS:
                break
        reports = [workspace_as_json(report) for report in run.reports]
        record.end(state, message, next_step, workspaces=reports, identity=run.identity)

    def _promote_in_repositories(self, push: Push) -> Run:
        """Promote for every repository that has the commit; a mirror may pass it on in a moment."""
        for pause in CHECK_PAUSES:
            self.clock.sleep(pause)
            repository = self._repository(push)
            run = self.promote(
                push,
                url=self.queued.url,
                environ=self.environ,
                contains=self._contains,
                repository=repository,
            )
            if not repository.behind or any(report.decisions for report in run.reports):
                break
        return run

    def _repository(self, push: Push) -> PushedRepository:
        url, remote = self.queued.url, self.queued.remote
        if separate := one_of_several(self.git, url=url, remote=remote):
            return PushedRepository(names_of(url, self.git), separate=separate)
        return pushed_repository(self.git, url=url, remote=remote, ref=push.ref, after=push.after)

    def _push(self, record: Record) -> Push:
        ref, after = record.result.ref, record.result.after
        before = self.verifier.before(ref) or ZERO_SHA
        return Push(repository_name(self.queued.url), ref, before, after)

    def _contains(self, head: str, after: str) -> Ancestry:
        return self.git.ancestry(head, after)


class Awake:
    """Measures how long the machine has been suspended since this was created."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._gap = clock.time() - clock.running()

    def slept(self) -> float:
        """Return the seconds by which the wall clock has run ahead."""
        return self._clock.time() - self._clock.running() - self._gap


def _settled(record: Record) -> bool:
    """Return whether a ref needs no other check; "not pushed" may still change."""
    state = record.result.state
    return state.ended and state not in (State.NOT_PUSHED, State.UNKNOWN)


def _end_unpromoted(record: Record, found: Verification) -> None:
    """Record the end of a ref that is not promoted."""
    states = {
        PushStatus.SUPERSEDED: (State.SUPERSEDED, ""),
        PushStatus.NOT_PUSHED: (State.NOT_PUSHED, ""),
        PushStatus.UNKNOWN: (State.UNKNOWN, "if the push succeeded, run `git promote`"),
    }
    state, next_step = states[found.status]
    if record.result.state is not state:
        record.end(state, found.reason, next_step)
