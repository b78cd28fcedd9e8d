"""Schedule periodic jobs: of several processes on one database, one does each job at a time."""

from __future__ import annotations

import sqlalchemy as sa

from github_app.storage.tables import schedule

_ASK = sa.text("""
    insert into schedule (work, begun_at, asked_at, done_at) values (:work, 0, :now, 0)
    on conflict (work) do update set asked_at = excluded.asked_at,
        -- The clock was set back since.
        begun_at = case when schedule.begun_at > :now then 0 else schedule.begun_at end""")
_TAKE = sa.text("""
    update schedule set begun_at = :now
    where work = :work and (asked_at > begun_at or begun_at <= :now - :seconds)""")
_FAIL = sa.text("""
    update schedule set begun_at = :begun_at,
        asked_at = case when asked_at > :taken_at then asked_at else 0 end
    where work = :work""")


def ask(tx: sa.Connection, work: str, *, now: float) -> None:
    """Make *work* due now, for whichever process takes it first."""
    tx.execute(_ASK, {"work": work, "now": now})


def take(tx: sa.Connection, work: str, *, now: float, seconds: float) -> bool:
    """Take the job if it was requested, or last begun *seconds* ago; return whether it was."""
    return tx.execute(_TAKE, {"work": work, "now": now, "seconds": seconds}).rowcount == 1


def done(tx: sa.Connection, work: str, *, taken_at: float) -> None:
    """Record that the job taken at that time has succeeded."""
    tx.execute(schedule.update().where(schedule.c.work == work).values(done_at=taken_at))


def failed(tx: sa.Connection, work: str, *, taken_at: float, sooner: float) -> None:
    """Make the job due *sooner* seconds earlier than after a success."""
    tx.execute(_FAIL, {"work": work, "taken_at": taken_at, "begun_at": taken_at - sooner})


def last_done(reader: sa.Connection, work: str) -> float:
    """Return when the last job that succeeded was taken; 0 where there was none."""
    return (
        reader.execute(sa.select(schedule.c.done_at).where(schedule.c.work == work)).scalar() or 0.0
    )
