"""The credential slot and the lease on PostgreSQL, as two workers see them."""

from __future__ import annotations

import threading

import pytest
import requests
import sqlalchemy as sa
from nobody import NOBODY
from running import wait_until

from github_app.storage import database
from github_app.wiring import migrate
from github_app.worker.lease import LeaseLostError, fence
from github_app.worker.postgres_credential_lock import SlotLease
from github_app.worker.postgres_lease import RowLease
from github_app.worker.takeover import OrphanedRuns, Taken, TakeOver
from promotion.credential_slot import CredentialSlot
from promotion.git_credential import GitToken

SECONDS = 30
SLOT = "https://adb-1.azuredatabricks.net a-principal github"


@pytest.fixture
def backend():
    return "postgresql"


class Worker:
    """One worker's lease, and its view of the slot."""

    def __init__(self, database_url, tables, ttl=30.0):
        self.lost = []
        self.lease = RowLease(database_url, ttl=ttl, on_lost=lambda: self.lost.append(True))
        self.lease.start()
        self.lock = SlotLease(tables, SLOT, self.lease.executor_id)
        self.slot = CredentialSlot(lambda: 0.0, self.lock)


@pytest.fixture
def worker(database_url, tables):
    """Return a function that starts a worker."""
    started = []

    def start(**options):
        started.append(Worker(database_url, tables, **options))
        return started[-1]

    yield start
    for each in started:
        each.lease.stop()


class Source:
    def __init__(self, holder="installation 1"):
        self.holder = holder
        self.minted = []

    def mint(self, repositories):
        self.minted.append(set(repositories))
        return GitToken("x-access-token", f"{self.holder}/{len(self.minted)}", 3600.0)


class Credentials:
    def __init__(self):
        self.log = []

    def list_git_credentials(self):
        return []

    def create_git_credential(self, *, provider, username, token):
        self.log.append(token)


def ensure(worker, credentials, source, repository="octo-org/etl"):
    return worker.slot.ensure(
        credentials, source, provider="gitHub", repository=repository, others=frozenset()
    )


def remove(tables, lease):
    with tables.begin() as tx:
        tx.execute(sa.text("delete from workers where id = :id"), {"id": lease.executor_id})


def test_one_installations_promotions_share_a_slot_and_another_waits(worker):
    one, other = worker(), worker()
    came = threading.Event()

    def come():
        with other.slot.held_by("installation 2"):
            came.set()

    with one.slot.held_by("installation 1"), other.slot.held_by("installation 1"):
        waiting = threading.Thread(target=come)
        waiting.start()
        shut_out = not came.wait(0.5)

    assert shut_out
    assert came.wait(SECONDS)
    waiting.join()


def test_a_dead_workers_hold_ends_with_its_lease(worker, tables):
    dead, alive = worker(), worker()
    holding = dead.slot.held_by("installation 1")
    holding.__enter__()
    storing = dead.lock.storing()
    storing.__enter__()
    remove(tables, dead.lease)

    with alive.slot.held_by("installation 2"), alive.lock.storing():
        with pytest.raises(LeaseLostError):
            dead.lock.unknown()
        with pytest.raises(LeaseLostError):
            dead.lock.store("installation 1", frozenset(), 1.0)
    with pytest.raises(sa.exc.IntegrityError), dead.slot.held_by("installation 1"):
        pass
    storing.__exit__(None, None, None)
    holding.__exit__(None, None, None)


def test_what_one_worker_stored_the_other_need_not_store(worker):
    one, other, source, credentials = worker(), worker(), Source(), Credentials()

    first = ensure(one, credentials, source)
    second = ensure(other, credentials, source)

    assert credentials.log == ["installation 1/1"]
    assert (first, second) == (1, 1)


def test_a_refused_credential_is_stored_anew_once_for_all_workers(worker):
    one, other, source, credentials = worker(), worker(), Source(), Credentials()
    number = ensure(one, credentials, source)

    other.slot.forget(number)
    numbers = ensure(one, credentials, source), ensure(other, credentials, source)
    one.slot.forget(number)
    ensure(one, credentials, source, repository="octo-org/ml")

    assert numbers == (2, 2)
    assert source.minted == [{"octo-org/etl"}, {"octo-org/etl"}, {"octo-org/etl", "octo-org/ml"}]


def test_who_dies_while_storing_leaves_it_unknown(worker, tables):
    dead, alive, source, credentials = worker(), worker(), Source(), Credentials()
    ensure(dead, credentials, source)
    with dead.lock.storing():
        dead.lock.unknown()
        remove(tables, dead.lease)
        ensure(alive, credentials, source)

    assert credentials.log == ["installation 1/1", "installation 1/2"]


def test_no_token_is_kept_in_the_database(worker, tables):
    ensure(worker(), Credentials(), Source())

    with tables.connect() as reader:
        [row] = reader.execute(sa.text("select * from credential_slots"))
    assert "installation 1/1" not in str(row)


def test_a_lease_that_was_taken_away_lets_nothing_be_recorded(worker, tables):
    one = worker(ttl=1.5)
    remove(tables, one.lease)

    with tables.begin() as tx, pytest.raises(LeaseLostError):
        one.lease.still_mine(tx)
    wait_until(lambda: len(one.lost) > 1, seconds=SECONDS)  # the renewal finds out too

    wait_until(lambda: "lease" in one.lease.problems(), seconds=SECONDS)


def test_a_worker_without_a_lease_sends_nothing_that_changes(worker, tables):
    one, sent = worker(), []
    session = requests.Session()
    fence(session, lambda: (one.lease.may_act(), sent.append("allowed")))

    for method in ("GET", "PATCH"):
        with pytest.raises(requests.ConnectionError):
            session.request(method, f"http://{NOBODY}/", timeout=5)

    assert sent == ["allowed"]
    session.close()


def test_only_the_runs_of_workers_without_a_lease_are_taken_over(worker, tables):
    alive, resumed = worker(), []
    runs = [
        Taken("a", alive.lease.executor_id, "q"),
        Taken("b", "gone", "q"),
        Taken("c", None, "r"),
    ]
    look = TakeOver(
        tables, ttl=0.0, taken=lambda: runs, resume=lambda queue, ids: resumed.append((queue, ids))
    ).look

    look()

    assert resumed == [("q", ["b"]), ("r", ["c"])]


def test_of_two_workers_that_look_at_once_one_takes_over(tables):
    resumed = []

    def resume(queue, ids):
        resumed.append((queue, ids))
        if len(resumed) == 1:
            look()  # the other one, meanwhile

    look = TakeOver(tables, ttl=0.0, taken=lambda: [Taken("a", "gone", "q")], resume=resume).look

    look()

    assert resumed == [("q", ["a"])]


def test_a_worker_that_stops_gives_its_lease_back_and_may_act_no_more(worker, tables):
    one = worker()

    one.lease.stop()

    with tables.connect() as reader:
        assert reader.execute(sa.text("select count(*) from workers")).scalar() == 0
    assert list(one.lease.problems()) == ["lease"]
    assert one.lost == []


def test_a_lease_that_ran_out_is_ended_but_not_while_something_is_recorded_under_it(worker, tables):
    slow = worker()
    look = TakeOver(tables, ttl=0.0, taken=list, resume=print).look

    def let_it_run_out():
        with tables.begin() as tx:
            tx.execute(sa.text("update workers set expires = 1"))

    def is_kept_while_it_is_held():
        let_it_run_out()
        with tables.begin() as tx:
            slow.lease.still_mine(tx)
            if tx.execute(sa.text("select expires from workers")).scalar() != 1:
                return False  # renewed before it was held: once more
            look()
            slow.lease.still_mine(tx)
        return True

    def is_ended():
        let_it_run_out()
        look()
        with tables.begin() as tx:
            return not tx.execute(sa.text("select count(*) from workers")).scalar()

    wait_until(is_kept_while_it_is_held, what="a look at a lease that is held")
    wait_until(is_ended, what="the end of a lease that ran out")

    with tables.begin() as tx, pytest.raises(LeaseLostError):
        slow.lease.still_mine(tx)


def test_after_a_restart_of_the_database_everybody_has_a_ttl_to_report(worker, tables):
    one = worker()
    look = TakeOver(tables, ttl=1e9, taken=list, resume=print).look

    def is_kept_though_it_ran_out():
        with tables.begin() as tx:
            tx.execute(sa.text("update workers set expires = 1"))
        look()
        with tables.begin() as tx:
            one.lease.still_mine(tx)
            # Else it was renewed, perhaps before the look: once more.
            return tx.execute(sa.text("select expires from workers")).scalar() == 1

    wait_until(is_kept_though_it_ran_out, what="a look at a lease that ran out")


def test_a_run_that_its_own_worker_forgot_is_begun_again_at_the_second_look():
    resumed = []
    runs = [Taken("carried out", "me", "q"), Taken("forgotten", "me", "q"), Taken("its", "it", "q")]
    forgotten = OrphanedRuns(
        "me",
        taken=lambda: runs,
        running=lambda: ["carried out"],
        resume=lambda queue, ids: resumed.append((queue, ids)),
    )

    forgotten.look()
    before = list(resumed)
    forgotten.look()

    assert (before, resumed) == ([], [("q", ["forgotten"])])


def test_a_newer_schema_of_ours_is_refused(database_url, tables):
    with tables.begin() as tx:
        tx.execute(sa.text("update alembic_version set version_num = '9999'"))

    with pytest.raises(database.SchemaError, match="has revision 9999"):
        migrate(database_url)


def test_a_database_that_is_away_is_said_in_one_line(postgres):
    url = postgres.url("brickpush").replace(f"127.0.0.1:{postgres.port}", NOBODY)

    with pytest.raises(database.DatabaseAwayError, match="can't be used: connection"):
        migrate(url)


def test_many_processes_may_migrate_at_once(postgres):
    postgres.execute("create database fresh")
    url, problems = postgres.url("fresh"), []

    def run():
        try:
            migrate(url)
        except Exception as exc:
            problems.append(exc)

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS * 2)
    postgres.drop(url)

    assert problems == []
