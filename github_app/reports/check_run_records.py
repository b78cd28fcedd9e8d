"""What is known of every check run of ours: its id, and how it ended as far as we wrote it.

GitHub's list of a commit's check runs may lag behind what was just written, and an answer may be
lost; so what is written is noted here, before and after.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from github_app.github.check_run import Subject
from github_app.storage.tables import check_runs


@dataclass(frozen=True)
class Place:
    """Where a check run is: one subject on one commit."""

    repository_id: int
    head_sha: str
    subject: Subject


@dataclass(frozen=True)
class Record:
    """One check run, as it was written last."""

    subject: Subject
    id: int | None  # None: GitHub was asked to make it, and its answer did not come
    conclusion: str | None  # None while it is in progress
    doubtful: bool  # whether there may be one more

    @property
    def ended(self) -> bool:
        return self.conclusion is not None


_CREATING = sa.text("""
    insert into check_runs (repository_id, head_sha, ref, workspace, at)
    values (:repository_id, :head_sha, :ref, :workspace, :at)
    on conflict (repository_id, head_sha, ref, workspace) do update set doubtful = true""")
_WRITTEN = sa.text("""
    insert into check_runs (repository_id, head_sha, ref, workspace, check_run_id, conclusion, at)
    values (:repository_id, :head_sha, :ref, :workspace, :id, :conclusion, :at)
    on conflict (repository_id, head_sha, ref, workspace) do update set
        doubtful = check_runs.doubtful or
            (check_runs.check_run_id is not null and check_runs.check_run_id <> :id),
        check_run_id = :id, conclusion = :conclusion, at = :at""")


@dataclass(frozen=True)
class CheckRunRecords:
    """The records, each by its place."""

    engine: sa.Engine

    def find(self, place: Place) -> Record | None:
        """Return what is known of the check run there."""
        with self.engine.connect() as reader:
            row = reader.execute(sa.select(check_runs).where(*_at(place))).one_or_none()
        return None if row is None else _record(row)

    def of_ref(self, place: Place) -> Sequence[Record]:
        """Return what is known of the check runs on the commit for the same ref."""
        of_ref = (
            check_runs.c.repository_id == place.repository_id,
            check_runs.c.head_sha == place.head_sha,
            check_runs.c.ref == place.subject.ref,
        )
        with self.engine.connect() as reader:
            return [_record(row) for row in reader.execute(sa.select(check_runs).where(*of_ref))]

    def creating(self, place: Place) -> None:
        """Note that GitHub is asked to make one; after a try that was cut off, it may be two."""
        with self.engine.begin() as tx:
            tx.execute(_CREATING, {**_key(place), "at": time.time()})

    def reopening(self, place: Place) -> None:
        """Note that one that may have ended is about to be in progress again."""
        with self.engine.begin() as tx:
            tx.execute(check_runs.update().where(*_at(place)).values(conclusion=None))

    def refused(self, place: Place) -> None:
        """Note that GitHub made none."""
        unmade = (check_runs.c.check_run_id.is_(None), check_runs.c.doubtful.is_(sa.false()))
        with self.engine.begin() as tx:
            tx.execute(check_runs.delete().where(*_at(place), *unmade))

    def written(self, place: Place, check_run_id: int, conclusion: str | None) -> None:
        """Note what is there now."""
        values = {"id": check_run_id, "conclusion": conclusion, "at": time.time()}
        with self.engine.begin() as tx:
            tx.execute(_WRITTEN, {**_key(place), **values})

    def settled(self, place: Place) -> None:
        """Note that whatever else GitHub may have made has been looked for."""
        with self.engine.begin() as tx:
            tx.execute(check_runs.update().where(*_at(place)).values(doubtful=False))


def _at(place: Place) -> tuple[sa.ColumnElement[bool], ...]:
    return tuple(check_runs.c[name] == value for name, value in _key(place).items())


def _key(place: Place) -> dict[str, Any]:
    return {
        "repository_id": place.repository_id,
        "head_sha": place.head_sha,
        "ref": place.subject.ref,
        "workspace": place.subject.workspace,
    }


def _record(row: sa.Row[Any]) -> Record:
    subject = Subject(row.ref, row.workspace)
    return Record(subject, row.check_run_id, row.conclusion, row.doubtful)
