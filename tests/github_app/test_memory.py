"""The Git folders of a workspace, remembered in the database."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
import sqlalchemy as sa
from builders import a_folder

from github_app.storage.folder_store import FOUND, FolderMemory
from github_app.storage.tables import deliveries
from promotion.discovery import Scan, Unread, UnreadablePath
from promotion.known_folders import KnownFolders

ADA = a_folder(id=1, path="/Users/ada/etl", git_cli_enabled=True)
TEAM = a_folder(id=2, path="/Repos/team/etl")
WHOLE = Scan((TEAM, ADA), ())
SPOT = UnreadablePath("/Users", "Databricks was not available, longer than we waited")
PARTLY = Scan((TEAM,), (SPOT,), Unread(places=frozenset({"/Users"})))


def somewhere(*folders):
    return tuple(replace(folder, head_commit_id=None) for folder in folders)


def found(tables):
    with tables.connect() as reader:
        query = sa.select(sa.func.count()).where(deliveries.c.event == FOUND)
        return reader.execute(query).scalar_one()


@pytest.mark.parametrize("backend", ["sqlite", "postgresql"], indirect=True)
def test_what_a_survey_could_not_read_stays_in_the_database_and_is_no_news_later(
    tables, intake, a_delivery
):
    asyncio.run(intake.store(a_delivery()))
    memory, answers = FolderMemory(tables, "dev"), [WHOLE, PARTLY, WHOLE]
    known = KnownFolders(lambda: answers.pop(0), memory, lambda: 0.0)

    known.refreshed()
    known.refreshed(anew=True)
    after = memory.load()
    known.refreshed(anew=True)

    assert after == Scan(somewhere(TEAM, ADA), (SPOT,))
    assert memory.load() == Scan(somewhere(TEAM, ADA), ())
    assert found(tables) == 0


def test_what_appears_after_a_survey_is_promoted(tables, intake, a_delivery):
    asyncio.run(intake.store(a_delivery()))
    memory = FolderMemory(tables, "dev")

    memory.save(Scan((TEAM,), ()))
    memory.save(WHOLE)

    assert found(tables) == 1
