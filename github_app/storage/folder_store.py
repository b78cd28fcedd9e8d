"""Store the known Git folders of each workspace in the database."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import sqlalchemy as sa

from github_app.storage import branches, push_order
from github_app.storage.tables import deliveries, known_folders, scans
from promotion.discovery import Scan, UnreadablePath
from promotion.model import HEADS, GitFolder

FOUND = "found"  # the event of the delivery that is recorded for a new Git folder


@dataclass(frozen=True)
class FolderMemory:
    """One workspace's known Git folders; a `Memory` of `promotion.known_folders`.

    Saving a scan marks the branch of each Git folder pending that is behind, and is new or was
    switched to another branch or repository. Both are one transaction, so that no Git folder
    becomes known without its promotion.
    """

    engine: sa.Engine
    workspace: str

    def load(self) -> Scan | None:
        """Return the last scan, without commits; None where there was none."""
        with self.engine.connect() as reader:
            scan = reader.execute(
                sa.select(scans).where(scans.c.workspace == self.workspace)
            ).one_or_none()
            if scan is None:
                return None
            folders = tuple(self._stored(reader))
        return Scan(folders, tuple(UnreadablePath(*each) for each in json.loads(scan.unreadable)))

    def save(self, seen: Scan) -> None:
        """Replace the last scan, and mark the branches of new Git folders pending."""
        with self.engine.begin() as tx:
            mine = scans.c.workspace == self.workspace
            first = tx.execute(sa.select(scans.c.at).where(mine)).one_or_none() is None
            before = {folder.id: _follows(folder) for folder in self._stored(tx)}
            self._replace(tx, seen)
            # In the first scan all folders are new: reconciliation finds those that are behind.
            if not first:
                new = (each for each in seen.folders if before.get(each.id) != _follows(each))
                _mark_pending(tx, new)

    def _stored(self, reader: sa.Connection) -> Iterator[GitFolder]:
        query = sa.select(known_folders).where(known_folders.c.workspace == self.workspace)
        for row in reader.execute(query.order_by(known_folders.c.path)):
            yield GitFolder(
                id=row.id,
                path=row.path,
                url=row.url,
                provider=row.provider,
                branch=row.branch,
                head_commit_id=None,
                git_cli_enabled=row.git_cli_enabled,
                manageable=row.manageable,
            )

    def _replace(self, tx: sa.Connection, seen: Scan) -> None:
        unreadable = json.dumps([[each.path, each.reason] for each in seen.unreadable])
        for table in (known_folders, scans):
            tx.execute(table.delete().where(table.c.workspace == self.workspace))
        row = {"workspace": self.workspace, "at": time.time(), "unreadable": unreadable}
        tx.execute(scans.insert(), row)
        if seen.folders:
            tx.execute(known_folders.insert(), [self._row(folder) for folder in seen.folders])

    def _row(self, folder: GitFolder) -> dict[str, object]:
        return {
            "workspace": self.workspace,
            "id": folder.id,
            "path": folder.path,
            "url": folder.url,
            "provider": folder.provider,
            "branch": folder.branch,
            "git_cli_enabled": folder.git_cli_enabled,
            "manageable": folder.manageable,
        }


def _follows(folder: GitFolder) -> tuple[str | None, str | None]:
    return folder.url, folder.branch


def _mark_pending(tx: sa.Connection, new: Iterable[GitFolder]) -> None:
    """Mark each branch pending that one of these Git folders follows and is behind."""
    behind: set[tuple[int, str]] = set()
    for folder in new:
        if folder.branch is None:
            continue
        for known in branches.of_ref(tx, f"{HEADS}{folder.branch}"):
            if known.follows(folder.url) and known.after != folder.head_commit_id:
                behind.add((known.repository_id, known.ref))
    push_order.lock(tx, behind)
    for repository_id, ref in sorted(behind):
        now = time.time()
        row = {"guid": str(uuid.uuid4()), "event": FOUND, "received_at": now}
        row |= {"repository_id": repository_id, "ref": ref}
        seq = tx.execute(deliveries.insert().values(**row)).inserted_primary_key
        assert seq is not None
        push_order.mark_ref(tx, repository_id, ref, seq=seq[0], received_at=now)
