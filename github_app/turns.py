"""Whose turn a periodic work is: with several processes on one database, one does it."""

from __future__ import annotations

import sqlalchemy as sa

from github_app.tables import turns

_ASK = sa.text("""
    insert into turns (work, begun_at, asked_at, done_at) values (:work, 0, :now, 0)
    on conflict (work) do update set asked_at = excluded.asked_at,
        -- By a clock that was set back since.
        begun_at = case when turns.begun_at > :now then 0 else turns.begun_at end""")
_TAKE = sa.text("""
    update turns set begun_at = :now
    where work = :work and (asked_at > begun_at or begun_at <= :now - :seconds)""")
_FAIL = sa.text("""
    update turns set begun_at = :begun_at,
        asked_at = case when asked_at > :taken_at then asked_at else 0 end
    where work = :work""")


def ask(tx: sa.Connection, work: str, *, now: float) -> None:
    """Have *work* done soon, by whoever is first."""
    tx.execute(_ASK, {"work": work, "now": now})


def take(tx: sa.Connection, work: str, *, now: float, seconds: float) -> bool:
    """Take the turn where it was asked for, or where the last was *seconds* ago."""
    return tx.execute(_TAKE, {"work": work, "now": now, "seconds": seconds}).rowcount == 1


def done(tx: sa.Connection, work: str, *, taken_at: float) -> None:
    """Note that the turn taken then has ended well."""
    tx.execute(turns.update().where(turns.c.work == work).values(done_at=taken_at))


def failed(tx: sa.Connection, work: str, *, taken_at: float, sooner: float) -> None:
    """Let the next turn come so many seconds sooner than after a good one."""
    tx.execute(_FAIL, {"work": work, "taken_at": taken_at, "begun_at": taken_at - sooner})


def last_done(reader: sa.Connection, work: str) -> float:
    """Return when the last turn that ended well was taken; 0 where there was none."""
    return reader.execute(sa.select(turns.c.done_at).where(turns.c.work == work)).scalar() or 0.0
