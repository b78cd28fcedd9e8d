"""The Git folders of each workspace, remembered in the database."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import sqlalchemy as sa

from github_app import branches, newest
from github_app.tables import deliveries, known_folders, surveys
from promotion.discovery import BlindSpot, Survey
from promotion.git_folder import GitFolder
from promotion.push import HEADS

FOUND = "found"  # the event under which a Git folder that appeared asks for its promotion


@dataclass(frozen=True)
class FolderMemory:
    """One workspace's Git folders; a `Memory` of `promotion.known_folders`.

    Saving a survey owes a promotion to the branch of every Git folder that is new, or that was
    switched to another branch or repository, and is behind: in the same transaction, so that no
    Git folder is remembered and forgotten at once.
    """

    engine: sa.Engine
    workspace: str

    def load(self) -> Survey | None:
        """Return the last survey, without commits; None where there was none."""
        with self.engine.connect() as reader:
            survey = reader.execute(
                sa.select(surveys).where(surveys.c.workspace == self.workspace)
            ).one_or_none()
            if survey is None:
                return None
            folders = tuple(self._stored(reader))
        return Survey(folders, tuple(BlindSpot(*spot) for spot in json.loads(survey.blind_spots)))

    def save(self, seen: Survey) -> None:
        """Replace the last survey, and owe what appeared since."""
        with self.engine.begin() as tx:
            mine = surveys.c.workspace == self.workspace
            first = tx.execute(sa.select(surveys.c.at).where(mine)).one_or_none() is None
            before = {folder.id: _follows(folder) for folder in self._stored(tx)}
            self._replace(tx, seen)
            # Nothing has appeared when all is new: the first comparison with GitHub finds the rest.
            if not first:
                now = (each for each in seen.folders if before.get(each.id) != _follows(each))
                _owe(tx, now)

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

    def _replace(self, tx: sa.Connection, seen: Survey) -> None:
        spots = json.dumps([[spot.path, spot.reason] for spot in seen.blind_spots])
        for table in (known_folders, surveys):
            tx.execute(table.delete().where(table.c.workspace == self.workspace))
        row = {"workspace": self.workspace, "at": time.time(), "blind_spots": spots}
        tx.execute(surveys.insert(), row)
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


def _owe(tx: sa.Connection, appeared: Iterable[GitFolder]) -> None:
    """Owe again each branch that one of these Git folders follows and is behind."""
    owed: set[tuple[int, str]] = set()
    for folder in appeared:
        if folder.branch is None:
            continue
        for known in branches.of_ref(tx, f"{HEADS}{folder.branch}"):
            if known.follows(folder.url) and known.after != folder.head_commit_id:
                owed.add((known.repository_id, known.ref))
    newest.lock(tx, owed)
    for repository_id, ref in sorted(owed):
        now = time.time()
        row = {"guid": str(uuid.uuid4()), "event": FOUND, "received_at": now}
        row |= {"repository_id": repository_id, "ref": ref}
        seq = tx.execute(deliveries.insert().values(**row)).inserted_primary_key
        assert seq is not None
        newest.mark_ref(tx, repository_id, ref, seq=seq[0], received_at=now)
