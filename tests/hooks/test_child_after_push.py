"""What happens after a push, with a clock that can sleep for hours and a remote made of facts."""

from __future__ import annotations

import stat
from typing import ClassVar

import pytest
from builders import a_decision

from hooks.background.job import AfterPush
from hooks.background.single_flight import POLL_SECONDS, flight_lock
from hooks.background.verify import PushStatus, Verification
from hooks.pushed.repository import PushedRepository
from hooks.results.lock import Lock
from hooks.results.model import State
from hooks.results.queued_push import QueuedPush
from hooks.results.store import Record, Results
from hooks.system.git import Git
from hooks.workspaces.run import Run
from promotion.workspace import Report

REF = "refs/heads/main"
SHA, OLDER_SHA, NEWER_SHA = "a" * 40, "b" * 40, "c" * 40
URL = "https://github.com/octo-org/etl"
HERE = Verification(PushStatus.PUSHED, "main is at aaaaaaa", SHA)
NOT_HERE = Verification(PushStatus.NOT_PUSHED, "main is at bbbbbbb, not at aaaaaaa")
NEWER = Verification(PushStatus.SUPERSEDED, "main is at ccccccc, which is newer")


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

    def __init__(self, *proofs: Verification, later: Verification = HERE) -> None:
        self.proofs, self.later = list(proofs), later
        self.asked_again = 0

    def before(self, ref: str) -> None:
        return None

    def moved(self) -> dict[str, str]:
        return {}

    def verify(self, ref: str, after: str) -> Verification:
        return self.proofs.pop(0) if len(self.proofs) > 1 else self.proofs[0]

    def verify_again(self, ref: str, after: str) -> Verification:
        self.asked_again += 1
        return self.later


class Promotions:
    """Counts promotions; each ends as it is told."""

    def __init__(self, *runs: Run, meanwhile=lambda: None) -> None:
        self.runs, self.meanwhile, self.count = list(runs) or [Run("dev", ())], meanwhile, 0
        self.repositories: list[PushedRepository] = []

    def __call__(self, push, *, repository, **_) -> Run:
        self.count += 1
        self.repositories.append(repository)
        self.meanwhile()
        return self.runs.pop(0) if len(self.runs) > 1 else self.runs[0]


class Split:
    """git in a clone that pushes to URL and is read from elsewhere; the last head stays."""

    environ: ClassVar[dict[str, str]] = {}

    def __init__(self, *heads: str | None) -> None:
        self.heads = list(heads)

    def fetch_url(self, remote: str) -> str:
        return "https://ghes.example/octo-org/etl"

    def push_urls(self, remote: str) -> list[str]:
        return [URL]

    def ls_remote(self, remote: str, ref: str) -> str | None:
        return self.heads.pop(0) if len(self.heads) > 1 else self.heads[0]

    def is_ancestor(self, ancestor: str, descendant: str) -> bool:
        return (ancestor, descendant) == (SHA, NEWER_SHA)


def a_queued_push(**changes) -> QueuedPush:
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
    return QueuedPush(**{**values, **changes})


@pytest.fixture
def after(tmp_path):
    """Carry out what follows a push, and return its result."""

    def carry_out(verifier, promotions, *, clock=None, wait=lambda *_: True, git=None, **changes):
        clock, results, queued = clock or Clock(), Results(tmp_path), a_queued_push(**changes)
        git = git or Git(tmp_path, {})
        work = AfterPush(queued, git, verifier, results, {}, clock, promotions, wait)
        records = {each.ref: Record(each, results, clock) for each in queued.results()}
        work.run(records)
        for record in records.values():
            record.close()
        return results.latest()

    return carry_out


def test_a_push_that_arrived_is_promoted_without_asking_again(after):
    verifier, promotions = Facts(HERE), Promotions()

    result = after(verifier, promotions)

    assert (result.state, result.identity, promotions.count) == (State.DONE, "dev", 1)
    assert verifier.asked_again == 0


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
    clock, verifier = Clock(), Facts(HERE, later=later)

    def wait(*_):
        clock.suspend(seconds)
        return True

    result = after(verifier, Promotions(), clock=clock, wait=wait)

    assert (result.state, verifier.asked_again) == (state, asked)


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
    clock = Clock()
    with flight_lock(tmp_path, URL, REF) as lock:
        assert lock.acquire()

        result = after(Facts(HERE), Promotions(), clock=clock)

    assert result.state is State.EXPIRED
    assert result.message == "an older promotion of this branch is still running"
    assert 15 * 60 <= clock.now - 1_000_000 < 16 * 60


@pytest.mark.parametrize(
    ("later", "state", "count"), [(HERE, State.DONE, 1), (NEWER, State.SUPERSEDED, 0)]
)
def test_after_the_wait_for_another_promotion_the_remote_is_asked_again(
    after, tmp_path, later, state, count
):
    clock, verifier, promotions = Clock(), Facts(HERE, later=later), Promotions()
    with flight_lock(tmp_path, URL, REF) as lock:
        assert lock.acquire()
        clock.sleep = lambda seconds: lock.release() if seconds == POLL_SECONDS else None

        result = after(verifier, promotions, clock=clock)

    assert (result.state, promotions.count, verifier.asked_again) == (state, count, 1)


@pytest.mark.parametrize("other", [(URL, "refs/heads/dev"), (f"{URL}-2", REF)])
def test_a_promotion_of_another_branch_or_repository_is_not_waited_for(after, tmp_path, other):
    verifier = Facts(HERE)
    with flight_lock(tmp_path, *other) as lock:
        assert lock.acquire()

        result = after(verifier, Promotions())

    assert (result.state, verifier.asked_again) == (State.DONE, 0)


@pytest.mark.parametrize(
    ("pusher", "found"),
    [
        pytest.param((4711, "1"), {REF}, id="the push has ended: it is another's"),
        pytest.param(None, {REF, "refs/heads/dev"}, id="it may still go on"),
    ],
)
def test_a_branch_that_moves_later_is_the_pushs_own_as_long_as_that_may_go_on(
    after, tmp_path, pusher, found
):
    verifier = Facts(NOT_HERE, NOT_HERE, HERE)
    moved = iter([{}])
    verifier.moved = lambda: next(moved, {"refs/heads/dev": OLDER_SHA})

    after(verifier, Promotions(), pusher=pusher, complete=False)

    assert {result.ref for result in Results(tmp_path).all()} == found


def test_a_promotion_waits_for_another_for_a_quarter_of_an_hour_and_no_longer(after, tmp_path):
    clock, promotions = Clock(), Promotions()
    with flight_lock(tmp_path, URL, REF) as lock:
        assert lock.acquire()

        after(Facts(HERE), promotions, clock=clock)

    assert promotions.count == 0
    assert 900 <= clock.now - 1_000_000 < 901


@pytest.mark.parametrize(
    ("later", "state", "count"), [(HERE, State.DONE, 1), (NEWER, State.SUPERSEDED, 0)]
)
def test_after_another_promotion_of_the_branch_the_remote_is_asked_again(
    after, tmp_path, later, state, count
):
    promotions, verifier = Promotions(), Facts(HERE, later=later)
    with flight_lock(tmp_path, URL, REF) as lock:
        assert lock.acquire()
        clock = Clock()
        clock.sleep = lambda seconds: seconds and lock.release()  # the other one ends meanwhile

        result = after(verifier, promotions, clock=clock)

    assert (result.state, promotions.count, verifier.asked_again) == (state, count, 1)


@pytest.mark.parametrize(
    ("url", "ref"), [(URL, "refs/heads/dev"), ("https://github.com/octo-org/other", REF)]
)
def test_only_a_promotion_of_the_same_branch_of_the_same_repository_is_waited_for(
    after, tmp_path, url, ref
):
    clock = Clock()
    with flight_lock(tmp_path, url, ref) as lock:
        assert lock.acquire()

        result = after(Facts(HERE), Promotions(), clock=clock)

    assert (result.state, clock.now) == (State.DONE, 1_000_000)


def test_locks_are_their_owners_only(tmp_path):
    with flight_lock(tmp_path / "state", URL, REF) as lock:
        assert lock.acquire()

        modes = [stat.S_IMODE(path.stat().st_mode) for path in (lock.path.parent, lock.path)]

    assert modes == [0o700, 0o600]


@pytest.mark.parametrize(
    ("pusher", "found"),
    [((4711, "1"), []), (None, ["refs/heads/another"])],
    ids=["ended", "unseen"],
)
def test_branches_that_are_moved_after_the_push_has_ended_are_another_pushs(
    after, tmp_path, pusher, found
):
    class Later(Facts):
        """A witness that sees another branch move, by a push from here, at the second look."""

        looks = 0

        def moved(self):
            self.looks += 1
            return {"refs/heads/another": SHA} if self.looks > 1 else {}

    verifier = Later(NOT_HERE, NOT_HERE, NOT_HERE, HERE)

    after(verifier, Promotions(), complete=False, pusher=pusher)

    assert [each.ref for each in Results(tmp_path).all() if each.ref != REF] == found


def test_a_lock_is_free_again_once_its_holder_lets_go(tmp_path):
    first, second = Lock(tmp_path / "lock"), Lock(tmp_path / "lock")

    assert first.acquire()
    assert not second.acquire()
    first.release()
    assert second.acquire()
    second.release()


def test_another_repository_that_the_remote_is_read_from_gets_half_a_minute(after):
    clock, promotions = Clock(), Promotions()

    after(Facts(HERE), promotions, clock=clock, git=Split(OLDER_SHA, None, OLDER_SHA))

    behind = "ghes.example/octo-org/etl, which the remote is fetched from, "
    assert [(len(each.keys), each.behind) for each in promotions.repositories] == [
        (1, f"{behind}is at bbbbbbb, not at aaaaaaa"),
        (1, f"{behind}has no refs/heads/main"),
        (1, f"{behind}is at bbbbbbb, not at aaaaaaa"),
        (1, f"{behind}is at bbbbbbb, not at aaaaaaa"),
    ]
    assert clock.now - 1_000_000 == 30


@pytest.mark.parametrize("there", [SHA, NEWER_SHA])
def test_another_repository_that_has_the_commit_is_promoted_as_well(after, there):
    promotions = Promotions()

    after(Facts(HERE), promotions, git=Split(OLDER_SHA, there))

    hosts = [[key.host for key in each.keys] for each in promotions.repositories]
    assert hosts == [["github.com"], ["github.com", "ghes.example"]]


def test_where_git_folders_have_the_repository_no_other_is_waited_for(after):
    clock, promotions = Clock(), Promotions(Run("dev", (Report("dev", "", (a_decision(),)),)))

    after(Facts(HERE), promotions, clock=clock, git=Split(OLDER_SHA))

    assert (promotions.count, clock.now) == (1, 1_000_000)
