"""Claim a branch for one run, and record how the run ends: one small statement per function.

A claim sets `running` to the next number of `run`, and only where no run holds the branch. Each
later statement matches that number, so a run that no longer holds the branch changes nothing.
Nothing needs cleanup after a crash: the pending branches and the claims are both found by query.
"""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from github_app.storage.tables import branches

CLAIMS_PER_TRANSACTION = 100
# Starts of one run: a run that ends the process every time is not started a fourth time. The
# branch's next run then has one start only, until a run has finished.
MOST_STARTS = 3


@dataclass(frozen=True)
class Claim:
    """The right to promote one branch, until the run is finished or released."""

    repository_id: int
    ref: str
    run: int  # increases with every claim of the branch


_PENDING = """
    select repository_id, ref, run + 1 as run from branches
    where newest > promoted and running is null and not_before <= :now
    order by newest limit :limit"""
_CLAIM = sa.text("""
    update branches set run = :run, running = :run,
        starts = case when starts < :most then 0 else :most - 1 end
    where repository_id = :repository_id and ref = :ref and running is null and run = :run - 1""")
_START = sa.text("""
    update branches set starts = starts + 1
    where repository_id = :repository_id and ref = :ref and running = :run returning starts""")
_UNCOUNT_START = sa.text("""
    update branches set starts = starts - 1
    where repository_id = :repository_id and ref = :ref and running = :run and starts > 0""")
_FINISH = sa.text("""
    update branches set promoted = :seq, running = null, attempts = 0, starts = 0, not_before = 0
    where repository_id = :repository_id and ref = :ref and running = :run and promoted < :seq""")
# A push that arrived during the run does not wait for the backoff of the one before it.
_RELEASE = sa.text("""
    update branches set running = null,
        attempts = case when newest > :seq then 0 else attempts + :failed end,
        not_before = case when newest > :seq then 0 else :not_before end
    where repository_id = :repository_id and ref = :ref and running = :run""")


def ready(tx: sa.Connection, *, now: float) -> list[Claim]:
    """Return the claims that can be made now, oldest push first."""
    lock = " for update skip locked" if tx.dialect.name == "postgresql" else ""
    rows = tx.execute(sa.text(_PENDING + lock), {"now": now, "limit": CLAIMS_PER_TRANSACTION})
    return [Claim(row.repository_id, row.ref, row.run) for row in rows]


def claim(tx: sa.Connection, wanted: Claim) -> bool:
    """Claim the branch for this run; return False where another claim was faster."""
    return tx.execute(_CLAIM, {**_key(wanted), "most": MOST_STARTS}).rowcount == 1


def start(tx: sa.Connection, held: Claim) -> int:
    """Count a start of the run; return its number, or 0 where the run has ended."""
    return tx.execute(_START, _key(held)).scalar() or 0


def uncount_start(tx: sa.Connection, held: Claim) -> None:
    """Take one start off the count: it was cut off by no fault of the run."""
    tx.execute(_UNCOUNT_START, _key(held))


def finish(tx: sa.Connection, held: Claim, *, seq: int) -> bool:
    """Record *seq* as promoted and end the claim; return False where the run has lost it."""
    return tx.execute(_FINISH, {**_key(held), "seq": seq}).rowcount == 1


def release(
    tx: sa.Connection, held: Claim, *, seq: int, not_before: float, failed: bool = True
) -> bool:
    """End the claim without a promotion of *seq*; the branch is pending from *not_before* on.

    A run that is deferred and not *failed* is not counted: it may be deferred any number of times.
    """
    values = {**_key(held), "seq": seq, "not_before": not_before, "failed": int(failed)}
    return tx.execute(_RELEASE, values).rowcount == 1


def held(tx: sa.Connection) -> list[Claim]:
    """Return all claims that are neither finished nor released."""
    columns = (branches.c.repository_id, branches.c.ref, branches.c.running)
    rows = tx.execute(sa.select(*columns).where(branches.c.running.is_not(None)))
    return [Claim(row.repository_id, row.ref, row.running) for row in rows]


def _key(of: Claim) -> dict[str, int | str]:
    return {"repository_id": of.repository_id, "ref": of.ref, "run": of.run}
