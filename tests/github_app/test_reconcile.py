"""What a comparison of GitHub's branches with the Git folders marks pending, and what it leaves."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
import sqlalchemy as sa
from builders import InMemoryFolders, a_folder
from lone_github import ETL, LAKE

from github_app.recovery.reconcile import Reconcile
from github_app.reports import outcomes
from github_app.runtime.metrics import Metrics
from github_app.storage import claims
from github_app.storage.branches import BranchPush
from github_app.storage.claims import Claim
from github_app.storage.tables import deliveries, folder_backoff
from github_app.webhooks.admission import Admission
from promotion.databricks import WorkspaceObject
from promotion.model import Push
from promotion.plan import Decision
from promotion.workspace import Report, Workspace


class Place(InMemoryFolders):
    """A workspace with everything under /Repos."""

    def list_git_folders(self, prefix):
        yield from self.folders.values() if prefix.startswith("/Workspace/Repos") else ()

    def list_directory(self, path):
        found = [each for each in self.folders.values() if each.path.startswith(f"{path}/")]
        return [WorkspaceObject(each.id, each.path, "REPO", git_folder=True) for each in found]


@pytest.fixture
def place(github):
    """One Git folder, behind its branch."""
    return Place(a_folder(url=f"{github.url}/{ETL}"))


@pytest.fixture
def compare(app, tables, place):
    """Return a function that compares, and returns what is pending then."""

    def compared(**more):
        options = {"admission": Admission(), "metrics": Metrics(), "seconds": 600.0}
        Reconcile(tables, app, [Workspace("dev", place)], **{**options, **more}).compare()
        with tables.begin() as tx:
            return claims.ready(tx, now=time.time())

    return compared


def main_of(github):
    return [Claim(github.repository(ETL).id, "refs/heads/main", 1)]


def test_a_branch_that_a_folder_is_behind_is_pending(github, compare):
    assert compare() == main_of(github)


def test_a_folder_at_its_branchs_head_asks_for_nothing(github, place, compare):
    head = github.head(ETL, "main")
    place.folders = {n: replace(it, head_commit_id=head) for n, it in place.folders.items()}

    assert compare() == []


@pytest.mark.parametrize("what", ["switched", "promoted"])
def test_a_folder_that_was_changed_since_it_was_found_asks_for_nothing(
    github, place, compare, what
):
    head = github.head(ETL, "main")
    changes = {"branch": "dev"} if what == "switched" else {"head_commit_id": head}

    def change():
        place.folders = {n: replace(it, **changes) for n, it in place.folders.items()}

    place.before_read = change

    assert compare() == []


def test_an_archived_repository_is_left_alone(github, compare):
    github.archive_repository(ETL)

    assert compare() == []


def test_a_repository_outside_the_installation_is_left_alone(github, compare):
    github.add_repository(LAKE)
    github.remove_repository_from_installation(github.installation, ETL)

    assert compare() == []


def test_an_owner_who_is_not_allowed_is_left_alone(compare):
    assert compare(admission=Admission(allowed_owners=["somebody-else"])) == []


def test_a_branch_that_is_pending_already_is_not_marked_again(github, tables, compare):
    compare()
    with tables.begin() as tx:
        tx.execute(folder_backoff.delete())

    assert compare() == main_of(github)
    with tables.connect() as reader:
        assert reader.execute(sa.select(deliveries.c.seq)).scalars().all() == [1]


def test_a_folder_that_stays_behind_is_not_tried_at_every_comparison(tables, compare):
    [held] = compare()
    with tables.begin() as tx:
        assert claims.claim(tx, held)
        assert claims.finish(tx, held, seq=1)

    assert compare() == []


@pytest.mark.parametrize("blocked", [True, False])
def test_a_folder_that_a_person_has_mended_has_its_report_made_again(
    github, place, tables, compare, blocked
):
    """It was blocked when its branch was promoted, and is at the head by now."""
    [held] = compare()
    head = github.head(ETL, "main")
    [folder] = place.folders.values()
    place.folders = {folder.id: replace(folder, head_commit_id=head)}
    push = Push(ETL, "refs/heads/main", "0" * 40, head)
    pushed = BranchPush(push, github.repository(ETL).id, folder.url, 1, 1, 1.0)
    unchanged = Decision(folder, None, "its Git provider is gitLab, not GitHub", blocked=blocked)
    with tables.begin() as tx:
        assert claims.claim(tx, held)
        outcomes.record(
            tx, pushed, Report("dev", "", decisions=(unchanged,)), at=time.time() - 3600
        )
        assert claims.finish(tx, held, seq=1)
        tx.execute(folder_backoff.delete())  # long after

    assert compare(seconds=1.0) == (
        [Claim(github.repository(ETL).id, "refs/heads/main", 2)] if blocked else []
    )
