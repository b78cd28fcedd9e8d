from __future__ import annotations

import asyncio
import contextlib
import time

import pytest
import sqlalchemy as sa
import structlog

from github_app.github.events import Rerequest
from github_app.runtime.metrics import Metrics
from github_app.storage import branches, claims
from github_app.storage.claims import Claim
from github_app.storage.tables import branches as branch_rows
from github_app.storage.tables import deliveries as delivery_rows
from github_app.storage.tables import outcomes
from github_app.webhooks.delivery import Delivery
from github_app.webhooks.inbox import Intake, IntakeUnavailable, Stored
from promotion.model import Push


@pytest.fixture(params=["sqlite", "postgresql"])
def backend(request):
    return request.param


@contextlib.contextmanager
def locked(tables):
    """Let nobody else write."""
    sqlite = tables.dialect.name == "sqlite"
    with tables.connect() as other:
        if not sqlite:  # however long the others take on a busy machine
            other.exec_driver_sql("set local idle_in_transaction_session_timeout = 0")
        other.exec_driver_sql("begin immediate" if sqlite else "lock table deliveries")
        yield
        other.rollback()


def store(intake, *deliveries):
    """Store all at once, as concurrent requests do, and return what became of each."""

    async def all_at_once():
        return await asyncio.gather(*(intake.store(delivery) for delivery in deliveries))

    return asyncio.run(all_at_once())


def branch(tables, ref="refs/heads/main"):
    with tables.connect() as reader:
        return reader.execute(sa.select(branch_rows).where(branch_rows.c.ref == ref)).one()


def count(tables, table):
    with tables.connect() as reader:
        return reader.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()


def claim(tables):
    """Claim the only branch that is pending, and return the claim with its newest push."""
    with tables.begin() as tx:
        (wanted,) = claims.ready(tx, now=time.time())
        assert claims.claim(tx, wanted)
        return wanted, branches.newest(tx, wanted)


def test_a_push_is_on_disk_before_it_is_acknowledged(intake, tables, a_delivery):
    store(intake, a_delivery(2))

    with tables.connect() as another:
        rows = another.exec_driver_sql(
            'select d.guid, d.ref, d."after", b.newest = d.seq, b.promoted'
            " from deliveries d join branches b using (repository_id, ref)"
        ).fetchall()
    assert rows == [("main-2", "refs/heads/main", "0" * 39 + "2", 1, 0)]


def test_concurrent_pushes_are_all_kept_and_the_last_is_the_newest(intake, tables, a_delivery):
    pushes = [a_delivery(number) for number in range(1, 301)]

    stored = store(intake, *pushes)

    assert stored == [Stored.ACCEPTED] * 300
    assert count(tables, delivery_rows) == 300
    assert branch(tables).after == f"{300:040x}"


def test_a_redelivered_guid_moves_nothing(intake, tables, a_delivery):
    store(intake, a_delivery(2), a_delivery(3))

    stored = store(intake, a_delivery(2))

    assert stored == [Stored.DUPLICATE]
    assert branch(tables).after == "0" * 39 + "3"
    assert count(tables, delivery_rows) == 2


def test_a_push_to_a_tag_and_a_deleted_branch_are_kept_like_any_other(intake, tables, a_delivery):
    store(intake, a_delivery(2, ref="refs/tags/v1"), a_delivery(3, branch="old", after="0" * 40))

    assert branch(tables, "refs/tags/v1").newest > 0
    assert branch(tables, "refs/heads/old").after == "0" * 40


def test_the_newest_push_comes_with_those_it_supersedes(intake, tables, a_delivery):
    store(intake, a_delivery(2), a_delivery(3), a_delivery(4))

    _, pushed = claim(tables)

    assert pushed.push.after == "0" * 39 + "4"
    assert pushed.superseded == tuple(
        Push("octo-org/etl", "refs/heads/main", f"{n - 1:040x}", f"{n:040x}") for n in (2, 3)
    )


def test_a_redelivery_after_a_failed_run_is_owed_at_once(intake, tables, a_delivery):
    store(intake, a_delivery(2))
    held, pushed = claim(tables)
    with tables.begin() as tx:
        claims.release(tx, held, seq=pushed.seq, not_before=branches.NEVER)

    stored = store(intake, a_delivery(2))

    assert stored == [Stored.ACCEPTED]
    assert claim(tables)[1].push.after == "0" * 39 + "2"


@pytest.mark.parametrize(
    ("conclusion", "stored"),
    [("failure", Stored.ACCEPTED), ("success", Stored.DUPLICATE), ("skipped", Stored.DUPLICATE)],
)
def test_a_redelivery_after_a_failed_git_folder_is_owed_again(
    intake, tables, a_delivery, conclusion, stored
):
    store(intake, a_delivery(2))
    held, pushed = claim(tables)
    with tables.begin() as tx:
        tx.execute(sa.insert(outcomes).values(**an_outcome(pushed, conclusion)))
        claims.finish(tx, held, seq=pushed.seq)

    redelivered = store(intake, a_delivery(2))

    assert redelivered == [stored]
    with tables.connect() as reader:
        assert len(claims.ready(reader, now=time.time())) == (stored is Stored.ACCEPTED)


def an_outcome(pushed, conclusion):
    return {
        "seq": pushed.seq,
        "repository_id": pushed.repository_id,
        "ref": pushed.push.ref,
        "workspace": "dev",
        "git_folder_id": 1,
        "path": "/Repos/team/etl",
        "conclusion": conclusion,
        "reason": "because",
        "seconds": 1.0,
        "at": 1.0,
    }


def a_rerequest(head_sha):
    asked = Rerequest("octo-org/etl", 7, 11, head_sha)
    return Delivery(f"re-run {head_sha}", "check_run", "rerequested", b"{}", rerequest=asked)


def test_a_rerun_of_the_newest_commit_is_owed_again(intake, tables, a_delivery):
    store(intake, a_delivery(2))
    held, pushed = claim(tables)
    with tables.begin() as tx:
        claims.finish(tx, held, seq=pushed.seq)

    store(intake, a_rerequest("0" * 39 + "2"))

    _, again = claim(tables)
    assert (again.push, again.superseded) == (pushed.push, ())


def test_a_rerun_of_an_older_commit_moves_nothing(intake, tables, a_delivery):
    store(intake, a_delivery(2), a_delivery(3))

    store(intake, a_rerequest("0" * 39 + "2"))

    assert branch(tables).after == "0" * 39 + "3"
    with tables.connect() as reader:
        notes = reader.execute(sa.select(delivery_rows.c.note)).scalars().all()
    assert notes == [None, None, "no branch is at this commit"]


def test_a_locked_database_refuses_quickly_and_recovers(intake, tables, a_delivery):
    with locked(tables):
        started = time.monotonic()
        with pytest.raises(IntakeUnavailable):
            store(intake, a_delivery(2))
        seconds = time.monotonic() - started

    stored = store(intake, a_delivery(2))

    assert seconds < 3
    assert stored == [Stored.ACCEPTED]
    assert count(tables, delivery_rows) == 1


def test_a_delivery_that_could_not_be_stored_is_not_told_to_the_log(intake, tables, a_delivery):
    with (
        locked(tables),
        structlog.testing.capture_logs() as logged,
        pytest.raises(IntakeUnavailable),
    ):
        store(intake, a_delivery(2))

    [line] = logged
    assert (line["event"], line["count"]) == ("delivery.not_stored", 1)
    assert "lock" in line["error"]
    assert "octo-org" not in str(line)


def test_everyone_who_waits_is_refused_with_the_first(intake, tables, a_delivery):
    async def all_at_once():
        waiting = (intake.store(a_delivery(number)) for number in range(2, 600))
        return await asyncio.gather(*waiting, return_exceptions=True)

    with locked(tables), structlog.testing.capture_logs() as logged:
        refused = asyncio.run(all_at_once())

    waits = [entry["count"] for entry in logged if entry["event"] == "delivery.not_stored"]
    assert {type(answer) for answer in refused} == {IntakeUnavailable}
    # Each wait for the lock ends with twice as many as a transaction holds; alone, it would be 4.
    assert sum(waits) == len(refused)
    assert len(waits) <= 3


def test_a_stopped_intake_refuses(database_url, a_delivery):
    intake = Intake(database_url, metrics=Metrics())
    intake.start()
    intake.stop()

    with pytest.raises(IntakeUnavailable):
        store(intake, a_delivery(2))


def test_a_database_that_is_gone_is_a_problem(tmp_path, intake):
    gone = Intake(f"sqlite:///{tmp_path}/no/such/folder.sqlite", metrics=Metrics())

    assert intake.problems() == {}
    assert gone.problems() == {"database": "OperationalError"}


def test_a_claim_is_taken_once(intake, tables, a_delivery):
    store(intake, a_delivery(2))
    held, pushed = claim(tables)

    with tables.begin() as tx:
        assert claims.ready(tx, now=time.time()) == []
        assert not claims.claim(tx, held)
        assert claims.held(tx) == [held]
        assert branches.newest(tx, Claim(held.repository_id, held.ref, held.run + 1)) is None
        assert not claims.finish(tx, Claim(held.repository_id, held.ref, 99), seq=pushed.seq)


def test_a_push_that_lands_during_a_run_leaves_the_branch_owed(intake, tables, a_delivery):
    store(intake, a_delivery(2))
    held, pushed = claim(tables)
    store(intake, a_delivery(3))

    with tables.begin() as tx:
        claims.finish(tx, held, seq=pushed.seq)

    assert claim(tables)[1].push.after == "0" * 39 + "3"


def test_a_push_that_lands_during_a_failing_run_does_not_wait(intake, tables, a_delivery):
    store(intake, a_delivery(2))
    held, pushed = claim(tables)
    store(intake, a_delivery(3))

    with tables.begin() as tx:
        claims.release(tx, held, seq=pushed.seq, not_before=branches.NEVER)

    assert claim(tables)[1].attempts == 0
