"""Store the names that each repository has had: a Git folder may keep an old one forever.

GitHub redirects git from an old name to the repository, until somebody gives the name to another
one. So a name belongs to the repository that was last seen under it, and before a Git folder is
promoted by a former name, GitHub is asked which repository the name leads to.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

import sqlalchemy as sa

from github_app.storage.tables import branches, repository_names
from promotion.repository_url import RepositoryKey

_REMEMBER = sa.text("""
    insert into repository_names (host, full_name, repository_id, at)
    values (:host, :full_name, :repository_id, :at)
    on conflict (host, full_name) do update set
        repository_id = excluded.repository_id, at = excluded.at""")


def remember(tx: sa.Connection, repository_id: int, key: RepositoryKey) -> None:
    """Record that the repository is known under *key* now."""
    values = {"host": key.host, "full_name": key.full_name, "at": time.time()}
    tx.execute(_REMEMBER, {**values, "repository_id": repository_id})


def note(
    tx: sa.Connection,
    repository_id: int,
    today: RepositoryKey,
    elsewhere: Mapping[RepositoryKey, int | None],
) -> None:
    """Record a repository's name of today, and to whom names that were its own lead now."""
    remember(tx, repository_id, today)
    for key, other in elsewhere.items():
        give(tx, key, other)


def forget(tx: sa.Connection, repository_id: int) -> None:
    """Remove the names of a repository that was deleted."""
    tx.execute(repository_names.delete().where(repository_names.c.repository_id == repository_id))


def holder(reader: sa.Connection, key: RepositoryKey) -> int | None:
    """Return the id of the repository that was last seen under a name."""
    table = repository_names.c
    one = (table.host == key.host, table.full_name == key.full_name)
    return reader.execute(sa.select(table.repository_id).where(*one)).scalar()


def seen_as(
    reader: sa.Connection, repository_id: int, today: RepositoryKey
) -> tuple[list[RepositoryKey], int | None]:
    """Return a repository's names, newest first, and whose name *today* was last seen to be."""
    return known_as(reader, repository_id), holder(reader, today)


def give(tx: sa.Connection, key: RepositoryKey, repository_id: int | None) -> None:
    """Record which repository a name leads to; if that is none or an unknown one, remove it."""
    if repository_id is not None and _is_known(tx, repository_id):
        remember(tx, repository_id, key)
        return
    table = repository_names.c
    one = (table.host == key.host, table.full_name == key.full_name)
    tx.execute(repository_names.delete().where(*one))


def _is_known(reader: sa.Connection, repository_id: int) -> bool:
    pushed = sa.select(branches.c.ref).where(branches.c.repository_id == repository_id)
    named = sa.select(repository_names.c.full_name).where(
        repository_names.c.repository_id == repository_id
    )
    return any(reader.execute(query.limit(1)).first() for query in (pushed, named))


def by_name(reader: sa.Connection) -> dict[RepositoryKey, int]:
    """Return all names, each with the id of the repository that it belongs to."""
    rows = reader.execute(sa.select(repository_names))
    return {RepositoryKey(r.host, *r.full_name.split("/", 1)): r.repository_id for r in rows}


def known_as(reader: sa.Connection, repository_id: int) -> list[RepositoryKey]:
    """Return the names that still belong to the repository, newest first."""
    query = (
        sa.select(repository_names.c.host, repository_names.c.full_name)
        .where(repository_names.c.repository_id == repository_id)
        .order_by(repository_names.c.at.desc())
    )
    return [RepositoryKey(row.host, *row.full_name.split("/", 1)) for row in reader.execute(query)]
