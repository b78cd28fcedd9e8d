"""What happens after a push, with a clock that can sleep for hours and a remote made of facts."""

from __future__ import annotations

import pytest

from hooks.after_push import AfterPush
from hooks.git import Git
from hooks.intent import Intent
from hooks.local_promotion import Run
from hooks.lock import Lock
from hooks.proof import Arrival, Proof
from hooks.record import Record
from hooks.result import State
from hooks.results import Results
from hooks.single_flight import flight_lock

REF = "refs/heads/main"
SHA = "a" * 40
URL = "https://github.com/octo-org/etl"
HERE = Proof(Arrival.PUSHED, "main is at aaaaaaa", SHA)
NOT_HERE = Proof(Arrival.NOT_PUSHED, "main is at bbbbbbb, not at aaaaaaa")
NEWER = Proof(Arrival.SUPERSEDED, "main is at ccccccc, which is newer")


class Clock:
    """Time passes when somebody sleeps; the machine may be suspended between two looks at it."""

    def __init__(self) -> None:
        self.now, self.suspended = 1_000_000.0, 0.0

    def time(self) -> float:
        return self.now

    def running(self) -> float:
        return self.now - self.suspended

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def suspend(self, seconds: float) -> None:
        self.now += seconds
        self.suspended += seconds


class Facts:
    """A witness that has its answers prepared; the last one stays."""

    def __init__(self, *proofs: Proof, later: Proof = HERE) -> None:
        self.proofs, self.later = list(proofs), later
        self.asked_again = 0

    def before(self, ref: str) -> None:
        return None

    def moved(self) -> dict[str, str]:
        return {}

    def prove(self, ref: str, after: str) -> Proof:
        return self.proofs.pop(0) if len(self.proofs) > 1 else self.proofs[0]

    def still_there(self, ref: str, after: str) -> Proof:
        self.asked_again += 1
        return self.later


class Promotions:
    """Counts promotions; each ends as it is told."""

    def __init__(self, *runs: Run, meanwhile=lambda: None) -> None:
        self.runs, self.meanwhile, self.count = list(runs) or [Run("dev", ())], meanwhile, 0

    def __call__(self, push, **_) -> Run:
        self.count += 1
        self.meanwhile()
        return self.runs.pop(0) if len(self.runs) > 1 else self.runs[0]


def an_intent(**changes) -> Intent:
    values = {
        "key": "1000-1",
        "started_at": 1_000_000.0,
        "directory": "/",
        "remote": "origin",
        "url": URL,
        "refs": {REF: SHA},
        "complete": True,
        "before": {},
        "pusher": (4711, "1"),
    }
    return Intent(**{**values, **changes})


@pytest.fixture
def after(tmp_path):
    """Carry out what follows a push, and return its result."""

    def carry_out(witness, promotions, *, clock=None, wait=lambda *_: True, **changes):
        clock, results, intent = clock or Clock(), Results(tmp_path), an_intent(**changes)
        work = AfterPush(intent, Git(tmp_path, {}), witness, results, {}, clock, promotions, wait)
        records = {each.ref: Record(each, results, clock) for each in intent.results()}
        work.run(records)
        for record in records.values():
            record.close()
        return results.latest()

    return carry_out


def test_a_push_that_arrived_is_promoted_without_asking_again(after):
    witness, promotions = Facts(HERE), Promotions()

    result = after(witness, promotions)

    assert (result.state, result.identity, promotions.count) == (State.DONE, "dev", 1)
    assert witness.asked_again == 0


def test_a_push_is_looked_for_four_times_before_it_is_given_up(after):
    clock, promotions = Clock(), Promotions()

    result = after(Facts(NOT_HERE), promotions, clock=clock)

    assert (result.state, result.message) == (State.NOT_PUSHED, NOT_HERE.reason)
    assert (clock.now - 1_000_000, promotions.count) == (30, 0)


def test_a_push_that_arrives_late_is_promoted(after):
    assert after(Facts(NOT_HERE, NOT_HERE, HERE), Promotions()).state is State.DONE


def test_without_the_process_of_the_push_it_is_looked_for_until_it_is_there(after):
    clock = Clock()

    result = after(Facts(*[NOT_HERE] * 5, HERE), Promotions(), clock=clock, pusher=None)

    assert result.state is State.DONE
    assert clock.now - 1_000_000 < 30


def test_without_the_process_of_the_push_it_is_given_up_after_half_an_hour(after):
    clock = Clock()

    result = after(Facts(NOT_HERE), Promotions(), clock=clock, pusher=None)

    assert result.state is State.NOT_PUSHED
    assert 30 * 60 <= clock.now - 1_000_000 < 32 * 60


def test_a_push_that_does_not_end_expires(after):
    clock = Clock()

    def wait(_pid, _started, seconds):
        clock.sleep(seconds)
        return False

    result = after(Facts(HERE), Promotions(), clock=clock, wait=wait)

    assert (result.state, result.next_step) == (State.EXPIRED, "run `git promote`")
    assert result.message == "the push did not end within 30 minutes"


@pytest.mark.parametrize(
    ("seconds", "later", "state", "asked"),
    [
        pytest.param(5, NEWER, State.DONE, 0, id="a moment"),
        pytest.param(300, HERE, State.DONE, 1, id="minutes"),
        pytest.param(300, NEWER, State.SUPERSEDED, 1, id="minutes, and others pushed"),
        pytest.param(8 * 3600, HERE, State.EXPIRED, 0, id="a night"),
    ],
)
def test_a_machine_that_slept_after_the_push_looks_again(after, seconds, later, state, asked):
    clock, witness = Clock(), Facts(HERE, later=later)

    def wait(*_):
        clock.suspend(seconds)
        return True

    result = after(witness, Promotions(), clock=clock, wait=wait)

    assert (result.state, witness.asked_again) == (state, asked)


def test_a_promotion_that_failed_because_the_machine_slept_is_tried_once_more(after):
    clock = Clock()
    naps = [300.0, 0.0]
    promotions = Promotions(
        Run("dev", (), problem="connection lost"),
        Run("dev", ()),
        meanwhile=lambda: clock.suspend(naps.pop(0)),
    )

    result = after(Facts(HERE), promotions, clock=clock)

    assert (result.state, promotions.count) == (State.DONE, 2)


def test_a_promotion_that_failed_is_not_tried_again_by_itself(after):
    promotions = Promotions(Run("dev", (), problem="connection lost"))

    result = after(Facts(HERE), promotions)

    assert (result.state, result.message, promotions.count) == (State.FAILED, "connection lost", 1)


def test_a_missing_login_is_told_apart(after):
    run = Run("", (), problem="no token", next_step="run `git promote login`", needs_login=True)

    result = after(Facts(HERE), Promotions(run))

    assert (result.state, result.next_step) == (State.NEEDS_LOGIN, "run `git promote login`")


def test_a_promotion_behind_one_that_does_not_end_expires(after, tmp_path):
    with flight_lock(tmp_path, URL, REF) as lock:
        assert lock.acquire()

        result = after(Facts(HERE), Promotions())

    assert result.state is State.EXPIRED
    assert result.message == "an older promotion of this branch is still running"


def test_a_lock_is_free_again_once_its_holder_lets_go(tmp_path):
    first, second = Lock(tmp_path / "lock"), Lock(tmp_path / "lock")

    assert first.acquire()
    assert not second.acquire()
    first.release()
    assert second.acquire()
    second.release()
