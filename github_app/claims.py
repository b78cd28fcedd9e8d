"""Who runs a branch's promotion, and how it ends: one small statement each.

Nothing found here needs cleaning up after a crash, because what is owed and what is stranded are
both found by scanning.
"""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from github_app.tables import branches

CLAIMS_PER_TRANSACTION = 100
# Of one run: what ends the process each time is not begun a fourth time. The branch's next run
# begins at its last start, until one comes to an end.
MOST_STARTS = 3


@dataclass(frozen=True)
class Claim:
    """The right to promote one branch, until the run is finished or released."""

    repository_id: int
    ref: str
    run: int  # grows with every claim of the branch


_OWED = """
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
_TAKE_BACK = sa.text("""
    update branches set starts = starts - 1
    where repository_id = :repository_id and ref = :ref and running = :run and starts > 0""")
_FINISH = sa.text("""
    update branches set promoted = :seq, running = null, attempts = 0, starts = 0, not_before = 0
    where repository_id = :repository_id and ref = :ref and running = :run and promoted < :seq""")
# A push that came meanwhile is not to wait for the failure of the one before it.
_RELEASE = sa.text("""
    update branches set running = null,
        attempts = case when newest > :seq then 0 else attempts + :failed end,
        not_before = case when newest > :seq then 0 else :not_before end
    where repository_id = :repository_id and ref = :ref and running = :run""")


def owed(tx: sa.Connection, *, now: float) -> list[Claim]:
    """Return the claims that can be made now, the oldest push first."""
    lock = " for update skip locked" if tx.dialect.name == "postgresql" else ""
    rows = tx.execute(sa.text(_OWED + lock), {"now": now, "limit": CLAIMS_PER_TRANSACTION})
    return [Claim(row.repository_id, row.ref, row.run) for row in rows]


def claim(tx: sa.Connection, wanted: Claim) -> bool:
    """Take the branch for this run; False where somebody else was faster."""
    return tx.execute(_CLAIM, {**_key(wanted), "most": MOST_STARTS}).rowcount == 1


def start(tx: sa.Connection, held: Claim) -> int:
    """Count a start of the run; return which one it is, and 0 where the run has ended."""
    return tx.execute(_START, _key(held)).scalar() or 0


def take_back(tx: sa.Connection, held: Claim) -> None:
    """Count a start no more that was cut off by no fault of the run."""
    tx.execute(_TAKE_BACK, _key(held))


def finish(tx: sa.Connection, held: Claim, *, seq: int) -> bool:
    """Record that *seq* is promoted and let the branch go; False where the run is not ours."""
    return tx.execute(_FINISH, {**_key(held), "seq": seq}).rowcount == 1


def release(
    tx: sa.Connection, held: Claim, *, seq: int, not_before: float, failed: bool = True
) -> bool:
    """Let the branch go without a promotion of *seq*; it stays owed, from *not_before* on.

    A run that did not fail, but was put off, may be put off any number of times.
    """
    values = {**_key(held), "seq": seq, "not_before": not_before, "failed": int(failed)}
    return tx.execute(_RELEASE, values).rowcount == 1


def held(tx: sa.Connection) -> list[Claim]:
    """Return every claim that is neither finished nor released."""
    columns = (branches.c.repository_id, branches.c.ref, branches.c.running)
    rows = tx.execute(sa.select(*columns).where(branches.c.running.is_not(None)))
    return [Claim(row.repository_id, row.ref, row.running) for row in rows]


def _key(of: Claim) -> dict[str, int | str]:
    return {"repository_id": of.repository_id, "ref": of.ref, "run": of.run}
