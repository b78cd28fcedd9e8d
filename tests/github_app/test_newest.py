"""Which push is a branch's newest, in whatever order deliveries come, and from several processes."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import sqlalchemy as sa
from running import wait_until

from github_app.runtime.metrics import Metrics
from github_app.storage import branches, claims, push_order
from github_app.storage.tables import branches as branch_rows
from github_app.storage.tables import deliveries as delivery_rows
from github_app.storage.tables import outbox_items, outcomes
from github_app.webhooks.inbox import Intake, Stored
from promotion.model import Push

X, A, B, C = (f"{number:x}" * 40 for number in (9, 10, 11, 12))
REPOSITORY = {"id": 7, "full_name": "octo-org/etl", "html_url": "https://github.com/octo-org/etl"}
NOON = 1_700_000_000


@pytest.fixture(params=["sqlite", "postgresql"])
def backend(request):
    return request.param


@pytest.fixture
def told(a_delivery):
    """Return a function that builds a delivery of a push, at some second of GitHub's or at none."""
    numbers = iter(range(100))

    def build(before, after, second=None):
        pushed_at = {} if second is None else {"pushed_at": NOON + second}
        return a_delivery(
            guid=f"guid-{next(numbers)}",
            before=before,
            after=after,
            repository={**REPOSITORY, **pushed_at},
        )

    return build


def row(tables):
    with tables.connect() as reader:
        return reader.execute(sa.select(branch_rows)).one()


def notes(tables):
    query = sa.select(delivery_rows.c.after, delivery_rows.c.note).order_by(delivery_rows.c.seq)
    with tables.connect() as reader:
        return [tuple(each) for each in reader.execute(query)]


def superseded(tables):
    with tables.connect() as reader:
        return reader.execute(sa.select(outbox_items.c.head_sha)).scalars().all()


@pytest.mark.parametrize(
    ("pushes", "ends_at"),
    [
        pytest.param([(X, A, 1), (A, B, 2)], B, id="in order"),
        pytest.param([(A, B, 2), (X, A, 1)], B, id="swapped"),
        pytest.param([(X, A, 1), (B, A, 3), (A, B, 2)], A, id="an undone push comes late"),
        pytest.param([(X, A, 1), (B, C, 3), (A, B, 2)], C, id="a push in the middle comes late"),
        pytest.param([(X, A, 1), (B, C, 2)], C, id="a push is lost"),
        pytest.param([(X, A, 1), (A, B, 1)], B, id="in order, in one second"),
        pytest.param([(A, B, 1), (X, A, 1)], B, id="swapped, in one second"),
        pytest.param([(X, A, 1), (A, B, 1), (B, A, 1)], A, id="undone in one second"),
        pytest.param([(X, A, 1), (B, C, 1)], C, id="a push is lost, in one second"),
        pytest.param([(X, A), (A, B)], B, id="in order, at no time"),
        pytest.param([(A, B), (X, A)], B, id="swapped, at no time"),
        pytest.param([(X, A, 1), (A, B)], B, id="the second at no time"),
        pytest.param([(A, B, 1), (X, A)], B, id="swapped, the second at no time"),
        pytest.param([(X, A), (A, B, 1)], B, id="the first at no time"),
    ],
)
def test_the_newest_of_some_pushes(intake, tables, told, pushes, ends_at):
    for push in pushes:
        intake.store_now(told(*push))

    assert row(tables).after == ends_at


def test_a_push_that_comes_late_is_superseded_by_the_newest(intake, tables, told):
    for push in ((X, A, 1), (B, C, 3), (A, B, 2)):
        intake.store_now(told(*push))

    assert superseded(tables) == [B]
    assert notes(tables)[-1] == (B, "a newer push of the branch was here first")


def test_a_push_that_comes_late_is_not_superseded_by_its_own_commit(intake, tables, told):
    for push in ((B, A, 3), (X, A, 1)):
        intake.store_now(told(*push))

    assert superseded(tables) == []
    assert notes(tables)[-1] == (A, "a newer push of the branch was here first")


def test_what_github_says_is_the_head_is_the_newest_whatever_is_known(intake, tables, told):
    for push in ((X, A, 1), (A, B, 2)):
        intake.store_now(told(*push))
    back = replace(told(B, A, 1).push, pushed_at=None)

    with tables.begin() as tx:
        taken = push_order.take_head(tx, back, seq=99, received_at=1.0)

    assert taken
    assert (row(tables).before, row(tables).after, row(tables).pushed_at) == (B, A, NOON + 2)


def claimed(tables):
    with tables.begin() as tx:
        (held,) = claims.ready(tx, now=time.time())
        claims.claim(tx, held)
        return held, branches.newest(tx, held)


def test_a_run_moves_the_newest_push_to_where_github_says_that_the_branch_is(intake, tables, told):
    for push in ((X, A, 1), (A, B, 2)):
        intake.store_now(told(*push))
    held, pushed = claimed(tables)

    with tables.begin() as tx:
        moved = push_order.move_to_head(tx, pushed, C)

    with tables.connect() as reader:
        again = branches.newest(reader, held)  # as a run sees it that is repeated
    assert moved
    assert again.push == Push("octo-org/etl", "refs/heads/main", B, C)
    assert [push.after for push in again.superseded] == [A, B]


def test_a_run_that_has_lost_the_branch_moves_nothing(intake, tables, told):
    intake.store_now(told(X, A, 1))
    held, pushed = claimed(tables)
    with tables.begin() as tx:
        claims.release(tx, held, seq=pushed.seq, not_before=0)

    with tables.begin() as tx:
        moved = push_order.move_to_head(tx, pushed, C)

    assert not moved
    assert row(tables).after == A


def test_a_run_moves_no_push_that_has_come_since(intake, tables, told):
    intake.store_now(told(X, A, 1))
    _, pushed = claimed(tables)
    intake.store_now(told(A, B, 2))

    with tables.begin() as tx:
        moved = push_order.move_to_head(tx, pushed, C)

    assert not moved
    assert row(tables).after == B


def test_an_annotated_tag_that_was_taken_to_its_commit_is_not_superseded_by_it(
    intake, tables, a_delivery
):
    intake.store_now(a_delivery(ref="refs/tags/v1", before="0" * 40, after=A))
    held, pushed = claimed(tables)

    with tables.begin() as tx:
        push_order.move_to_head(tx, pushed, B)
        again = branches.newest(tx, held)

    assert (again.push.after, again.superseded) == (B, ())


@pytest.mark.parametrize(
    ("conclusion", "pending"),
    [("failure", 1), ("timed_out", 1), ("action_required", 1), ("success", 0), ("skipped", 0)],
)
def test_what_failed_is_marked_pending_at_once(intake, tables, told, conclusion, pending):
    intake.store_now(told(X, A, 1))
    held, pushed = claimed(tables)
    with tables.begin() as tx:
        tx.execute(sa.insert(outcomes).values(**an_outcome(pushed, conclusion)))
        claims.finish(tx, held, seq=pushed.seq)

    with tables.begin() as tx:
        count = push_order.mark_failed(tx, branch_rows.c.repository_id == 7)
        ready = claims.ready(tx, now=time.time())

    assert count == len(ready) == pending


def test_what_was_given_up_is_marked_pending_at_once(intake, tables, told):
    intake.store_now(told(X, A, 1))
    held, pushed = claimed(tables)
    with tables.begin() as tx:
        claims.release(tx, held, seq=pushed.seq, not_before=branches.NEVER)

    with tables.begin() as tx:
        others = push_order.mark_failed(tx, branch_rows.c.repository_id == 8)
        count = push_order.mark_failed(tx, branch_rows.c.repository_id == 7)

    assert (others, count) == (0, 1)
    assert (row(tables).attempts, row(tables).not_before) == (0, 0)


def an_outcome(pushed, conclusion):
    return {
        "seq": pushed.seq,
        "repository_id": 7,
        "ref": "refs/heads/main",
        "workspace": "dev",
        "git_folder_id": 1,
        "path": "/Repos/team/etl",
        "conclusion": conclusion,
        "reason": "because",
        "seconds": 1.0,
        "at": 1.0,
    }


@pytest.fixture
def two(database_url):
    """What two web processes store with."""
    both = [Intake(database_url, metrics=Metrics()) for _ in range(2)]
    for intake in both:
        intake.start()
    yield both
    for intake in both:
        intake.stop()


def is_waiting(tables):
    """Say whether somebody waits for a lock."""
    with tables.connect() as reader:
        waiting = "select count(*) from pg_locks where not granted"
        return reader.exec_driver_sql(waiting).scalar_one() > 0


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
@pytest.mark.parametrize("first", ["the newer", "the older"])
def test_of_two_processes_neither_wins_by_the_number_that_it_drew(two, tables, told, first):
    older, newer = told(A, B, 2), told(B, A, 3)
    slow, quick = two
    slow.store_now(told(X, A, 1))
    early, late = (newer, older) if first == "the newer" else (older, newer)

    with ThreadPoolExecutor(2) as threads:
        drawn, other = threading.Event(), []

        def hold(_connection, _cursor, statement, *_):
            """Stop after the number was drawn, until the other process is done or can't go on."""
            if "insert into deliveries" in statement and not drawn.is_set():
                drawn.set()
                wait_until(lambda: other and (other[0].done() or is_waiting(tables)), seconds=20)

        sa.event.listen(slow._engine, "after_cursor_execute", hold)
        one = threads.submit(slow.store_now, early)
        assert drawn.wait(20)
        other.append(threads.submit(quick.store_now, late))
        stored = {one.result(20), other[0].result(20)}

    assert stored == {Stored.ACCEPTED}
    assert row(tables).after == A
    assert superseded(tables) in ([B], [])  # told at once, or by the promotion
    assert claimed(tables)[1].push.after == A


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_locks_are_taken_in_one_order_so_that_nobody_waits_in_a_ring(tables):
    first, second = sorted(
        [(7, "refs/heads/main"), (7, "refs/heads/dev")],
        key=lambda each: push_order._lock_number(*each),
    )
    done = threading.Event()

    def take_both():
        with tables.begin() as tx:
            push_order.lock(tx, [second, first])
        done.set()

    with tables.begin() as tx:
        push_order.lock(tx, [first])
        thread = threading.Thread(target=take_both)
        thread.start()
        wait_until(lambda: is_waiting(tables), what="the other to wait")
        tx.exec_driver_sql("set local lock_timeout = '5s'")
        push_order.lock(tx, [second])  # which the other has not got either
    thread.join(20)

    assert done.is_set()


def test_a_delivery_that_can_not_be_kept_takes_no_other_with_it(database_url, tables, told):
    intake = Intake(database_url, metrics=Metrics())
    poison = told(X, A, 1)
    poison = replace(poison, push=replace(poison.push, repository_id=2**70))

    async def in_one_transaction():
        given = (told(X, A, 1), poison, told(A, B, 2))
        waiting = [asyncio.create_task(intake.store(delivery)) for delivery in given]
        await asyncio.sleep(0)  # all of them wait
        intake.start()
        return await asyncio.gather(*waiting, return_exceptions=True)

    stored = asyncio.run(in_one_transaction())
    intake.stop()

    assert [getattr(each, "value", type(each).__name__) for each in stored] == [
        "accepted",
        "IntakeUnavailable",
        "accepted",
    ]
    assert row(tables).after == B
