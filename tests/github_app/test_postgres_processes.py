"""Two web and two worker processes on one PostgreSQL; any of them may die, or the database."""

from __future__ import annotations

import random
import signal
import threading
import time

import pytest
from cluster import Cluster
from postgres import CAREFUL, CARELESS
from running import wait_until

from github_app.config.settings import TTL_SECONDS
from github_app.worker.postgres_lease import EXIT_CODE

NUMBERS = iter(range(1000, 10**9))
TAKE_OVER_SECONDS = 10.0
SECONDS = 60


@pytest.fixture(scope="module")
def whole(postgres, tmp_path_factory):
    url = postgres.new_database()
    cluster = Cluster(url, tmp_path_factory.mktemp("cluster") / "promoted")
    yield cluster
    cluster.end()
    postgres.drop(url)


@pytest.fixture
def cluster(whole):
    whole.heal()
    return whole


@pytest.fixture
def push(cluster, a_body, signed):
    """Return a function that pushes a new commit, and returns it with the answer's status."""

    def deliver(branch, *, to=0):
        number = next(NUMBERS)
        body = a_body(number, branch=branch)
        return f"{number:040x}", cluster.post(body, signed(body, guid=f"guid {number}"), to=to)

    return deliver


@pytest.mark.slow
def test_a_delivery_that_a_killed_web_process_acknowledged_is_promoted(cluster, push):
    commit, status = push("web", to=0)
    cluster.webs[0].end(signal.SIGKILL)
    another, also = push("other-web", to=1)

    wait_until(lambda: cluster.lines("promoted", commit), seconds=SECONDS)
    wait_until(lambda: cluster.lines("promoted", another), seconds=SECONDS)
    assert (status, also) == (202, 202)


def test_a_killed_workers_promotion_is_taken_over_within_ten_seconds(cluster, push, say):
    commit, _ = push("killed")
    worker = wait_until(lambda: cluster.worker_of(commit), seconds=SECONDS)

    worker.end(signal.SIGKILL)
    killed_at = time.time()

    wait_until(lambda: cluster.lines("promoted", commit), seconds=SECONDS)
    first, second = cluster.lines("started", commit)
    taken_over = second.at - killed_at
    say(f"a killed worker's promotion was taken over after {taken_over:.1f} s")
    assert (first.pid, second.pid != worker.pid) == (worker.pid, True)
    assert taken_over < TAKE_OVER_SECONDS
    assert len(cluster.lines("promoted", commit)) == 1


@pytest.mark.slow
def test_a_frozen_worker_is_taken_over_and_ends_when_it_wakes(cluster, push, say):
    commit, _ = push("frozen")
    worker = wait_until(lambda: cluster.worker_of(commit), seconds=SECONDS)

    worker.send(signal.SIGSTOP)
    frozen_at = time.time()
    wait_until(lambda: len(cluster.lines("started", commit)) == 2, seconds=SECONDS)
    taken_over = cluster.lines("started", commit)[1].at - frozen_at
    worker.send(signal.SIGCONT)

    wait_until(lambda: worker.exit_code is not None, seconds=SECONDS)
    wait_until(lambda: cluster.lines("promoted", commit), seconds=SECONDS)
    say(f"a frozen worker's promotion was taken over after {taken_over:.1f} s")
    assert worker.exit_code == EXIT_CODE
    assert taken_over < TAKE_OVER_SECONDS
    assert len(cluster.lines("acted", commit)) == 1
    assert len(cluster.lines("promoted", commit)) == 1


@pytest.mark.slow
def test_a_worker_that_ends_in_order_leaves_nothing_to_wait_for(cluster, push):
    commit, _ = push("ended")
    worker = wait_until(lambda: cluster.worker_of(commit), seconds=SECONDS)

    worker.end(signal.SIGTERM)

    wait_until(lambda: cluster.lines("promoted", commit), seconds=SECONDS)
    assert worker.exit_code == 0
    assert len(cluster.lines("started", commit)) == 1


@pytest.mark.slow
def test_workers_whose_sessions_are_all_ended_go_on(cluster, push):
    commit, _ = push("cut-off")
    wait_until(lambda: cluster.worker_of(commit), seconds=SECONDS)

    [(ended,)] = cluster.rows(
        "select count(pg_terminate_backend(pid)) from pg_stat_activity"
        " where datname = current_database() and pid <> pg_backend_pid()"
    )

    wait_until(lambda: cluster.lines("promoted", commit), seconds=SECONDS)
    wait_until(cluster.settled, seconds=SECONDS)
    statuses = [worker.request("GET", "/readyz") for worker in cluster.workers]
    assert ended > 4
    assert [worker.exit_code for worker in cluster.workers] == [None, None]
    assert statuses == [200, 200]


class Load:
    """Pushes to a few branches, one after the other, until it is stopped."""

    def __init__(self, push):
        self._push = push
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.statuses, self.newest = [], {}

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self._thread.join(60)

    def _run(self):
        number = 0
        while not self._over.wait(0.1):
            branch = f"load-{number % 4}"
            commit, status = self._push(branch, to=number % 2)
            self.statuses.append(status)
            if status == 202:
                self.newest[branch] = commit
            number += 1


@pytest.mark.slow
def test_a_restarted_database_costs_refusals_and_loses_nothing(postgres, cluster, push, say):
    postgres.stop()
    postgres.start(CAREFUL)
    wait_until(lambda: push("before")[1] == 202, seconds=SECONDS)
    with cluster.supervised(), Load(push) as load:
        wait_until(lambda: load.statuses.count(202) >= 10, seconds=SECONDS)
        postgres.stop()
        stopped_at = time.time()
        wait_until(lambda: 503 in load.statuses, seconds=SECONDS)
        time.sleep(2)  # the outage itself
        postgres.start(CARELESS)
        refused = load.statuses.count(503)
        wait_until(lambda: load.statuses[-5:] == [202] * 5, seconds=SECONDS)
        again = time.time() - stopped_at

    wait_until(cluster.settled, seconds=SECONDS)
    say(f"{refused} of {len(load.statuses)} pushes refused, again stored after {again:.1f} s")
    assert set(load.statuses) <= {202, 503}
    newest = {row[0]: row[1] for row in cluster.rows('select ref, "after" from branches')}
    assert {branch: newest[f"refs/heads/{branch}"] for branch in load.newest} == load.newest
    assert all(cluster.lines("promoted", commit) for commit in load.newest.values())


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_minute_of_kills_and_freezes_loses_nothing(cluster, push, say):
    chosen, ends = random.Random(3), {"kill": 0, "freeze": 0}
    with cluster.supervised(), Load(push) as load:
        until = time.monotonic() + 60
        while time.monotonic() < until:
            time.sleep(chosen.uniform(2, 5))  # between two troubles
            victims = [each for each in (*cluster.workers, *cluster.webs) if each.exit_code is None]
            victim = chosen.choice(victims)
            if victim.role == "web" or chosen.random() < 0.5:
                victim.send(signal.SIGKILL)
                ends["kill"] += 1
            else:
                victim.send(signal.SIGSTOP)
                time.sleep(TTL_SECONDS + 3)  # longer than its lease
                victim.send(signal.SIGCONT)
                ends["freeze"] += 1

    with cluster.supervised():
        wait_until(cluster.settled, seconds=120)
    say(f"{ends}: {len(load.statuses)} pushes, the newest of each branch promoted")
    assert all(cluster.lines("promoted", commit) for commit in load.newest.values())
