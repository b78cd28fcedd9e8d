"""What happens after a push: wait for its end, prove that it arrived, promote, and record it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

from hooks import push_end
from hooks.clock import Clock
from hooks.conclusion import conclude
from hooks.git import Git
from hooks.intent import Intent
from hooks.proof import Arrival, Proof, Witness
from hooks.pushed_repository import (
    PushedRepository,
    names_of,
    one_of_several,
    pushed_repository,
)
from hooks.record import Record
from hooks.result import State, repository_name, workspace_as_json
from hooks.results import Results
from hooks.run import Run
from hooks.single_flight import flight_lock, wait_for
from promotion.ancestry import Ancestry, Compare
from promotion.push import ZERO_SHA, Push

PUSH_SECONDS = 30 * 60.0  # the longest push that is waited for
EXPIRY_SECONDS = 15 * 60.0  # later than that, a promotion would surprise
SLEPT_SECONDS = 30.0  # a gap between the clocks that only a suspended machine explains
WAIT_SLICE_SECONDS = 30.0
LOOKS = (0.0, 2.0, 8.0, 20.0)  # a server may finish what a killed push began
BY_HAND = "run `git promote`"


class Promote(Protocol):
    """Carry out a promotion: `hooks.local_promotion.promote_pushed`."""

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
    """One push from this machine, from the moment that the hook has returned."""

    intent: Intent
    git: Git
    witness: Witness
    results: Results
    environ: Mapping[str, str]
    clock: Clock
    promote: Promote
    wait_for_end: Callable[[int, str, float], bool] = push_end.wait_for_end

    def run(self, records: dict[str, Record]) -> None:
        """Bring every ref that the push moves to an end; what is begun is in *records*."""
        awake = Awake(self.clock)
        if not self._wait():
            for record in records.values():
                words = f"the push did not end within {PUSH_SECONDS / 60:.0f} minutes"
                record.end(State.EXPIRED, words, BY_HAND)
            return
        ended = self.intent.pusher is not None
        for number, last in enumerate(self._looks()):
            if not self.intent.complete and (number == 0 or not ended):
                self._discover(records)
            self._look(records, awake, last=last or ended)
            if all(_settled(record) for record in records.values()) and (records or ended):
                return

    def _discover(self, records: dict[str, Record]) -> None:
        """Add the branches that the hook was not told of; pre-commit tells of the first alone."""
        for ref, after in self.witness.moved().items():
            if ref not in records:
                result = self.intent.result(len(records), ref, after)
                records[ref] = Record(result, self.results, self.clock)

    def _wait(self) -> bool:
        """Wait for the end of the push, in slices: only the wall clock sees a suspended machine."""
        if self.intent.pusher is None:
            return True
        pid, started = self.intent.pusher
        until = self.clock.time() + PUSH_SECONDS
        while not self.wait_for_end(pid, started, WAIT_SLICE_SECONDS):
            if self.clock.time() >= until:
                return False
        return True

    def _looks(self) -> Iterator[bool]:
        """Yield when it is time to look whether the push has arrived; True the last time."""
        if self.intent.pusher is not None:
            for number, pause in enumerate(LOOKS, start=1):
                self.clock.sleep(pause)
                yield number == len(LOOKS)
            return
        until, pause = self.clock.time() + PUSH_SECONDS, 0.25
        while self.clock.time() < until:
            self.clock.sleep(pause)
            pause = min(pause * 2, 60.0)
            yield self.clock.time() >= until

    def _look(self, records: dict[str, Record], awake: Awake, *, last: bool) -> None:
        arrived = []
        for record in records.values():
            if _settled(record):
                continue
            proof = self.witness.prove(record.result.ref, record.result.after)
            if proof.arrival is Arrival.PUSHED:
                arrived.append(record)
            elif proof.arrival.certain or last:
                _end_without(record, proof)
        if arrived:
            with ThreadPoolExecutor(len(arrived), "ref") as pool:
                list(pool.map(lambda record: self._promote_alone(record, awake), arrived))

    def _promote_alone(self, record: Record, awake: Awake) -> None:
        """Promote one ref when no other process promotes it."""
        arrived_at = self.clock.time()
        lock = flight_lock(self.results.directory.parent, self.intent.url, record.result.ref)
        with lock:
            sure = lock.acquire()
            if not sure and not wait_for(lock, self.clock, arrived_at + EXPIRY_SECONDS):
                words = "an older promotion of this branch is still running"
                record.end(State.EXPIRED, words, BY_HAND)
                return
            self._promote(record, awake, arrived_at, sure=sure)

    def _promote(self, record: Record, awake: Awake, arrived_at: float, *, sure: bool) -> None:
        """Promote, once more where the machine was suspended meanwhile."""
        push = self._push(record)
        while True:
            slept = awake.slept()
            if max(slept, self.clock.time() - arrived_at) > EXPIRY_SECONDS:
                words = f"the machine slept, and the push is {slept / 60:.0f} minutes old"
                record.end(State.EXPIRED, words, BY_HAND)
                return
            if not sure or slept > SLEPT_SECONDS:
                proof = self.witness.still_there(push.ref, push.after)
                if proof.arrival is not Arrival.PUSHED:
                    _end_without(record, proof)
                    return
            record.change(state=State.RUNNING, message="promoting")
            run = self._promote_where_it_is(push)
            state, message, next_step = conclude(run, push)
            if state is State.DONE or awake.slept() - slept <= SLEPT_SECONDS:
                break
        reports = [workspace_as_json(report) for report in run.reports]
        record.end(state, message, next_step, workspaces=reports, identity=run.identity)

    def _promote_where_it_is(self, push: Push) -> Run:
        """Promote in every repository that has the commit; a mirror may pass it on in a moment."""
        for pause in LOOKS:
            self.clock.sleep(pause)
            repository = self._repository(push)
            run = self.promote(
                push,
                url=self.intent.url,
                environ=self.environ,
                contains=self._contains,
                repository=repository,
            )
            if not repository.behind or any(report.decisions for report in run.reports):
                break
        return run

    def _repository(self, push: Push) -> PushedRepository:
        url, remote = self.intent.url, self.intent.remote
        if apart := one_of_several(self.git, url=url, remote=remote):
            return PushedRepository(names_of(url, self.git), apart=apart)
        return pushed_repository(self.git, url=url, remote=remote, ref=push.ref, after=push.after)

    def _push(self, record: Record) -> Push:
        ref, after = record.result.ref, record.result.after
        before = self.witness.before(ref) or ZERO_SHA
        return Push(repository_name(self.intent.url), ref, before, after)

    def _contains(self, head: str, after: str) -> Ancestry:
        return self.git.ancestry(head, after)


class Awake:
    """Knows how long the machine has been suspended since this was made."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._gap = clock.time() - clock.running()

    def slept(self) -> float:
        """Return the seconds by which the wall clock has run ahead."""
        return self._clock.time() - self._clock.running() - self._gap


def _settled(record: Record) -> bool:
    """Tell whether a ref needs no other look; "not pushed" may still turn out otherwise."""
    state = record.result.state
    return state.ended and state not in (State.NOT_PUSHED, State.UNKNOWN)


def _end_without(record: Record, proof: Proof) -> None:
    """End a ref that is not to be promoted."""
    states = {
        Arrival.SUPERSEDED: (State.SUPERSEDED, ""),
        Arrival.NOT_PUSHED: (State.NOT_PUSHED, ""),
        Arrival.UNKNOWN: (State.UNKNOWN, "if the push succeeded, run `git promote`"),
    }
    state, next_step = states[proof.arrival]
    if record.result.state is not state:
        record.end(state, proof.reason, next_step)
