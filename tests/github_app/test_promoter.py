"""What a run does before it comes to the workspaces: GitHub is asked, and the row is moved."""

from __future__ import annotations

import time

import pytest
import sqlalchemy as sa
from builders import a_folder
from lone_github import ETL, JOBS, key_of

from github_app.github.confirm import GoneError
from github_app.reports import outbox
from github_app.reports.check_run_records import CheckRunRecords
from github_app.reports.publish import CommitReports, PermissionCache
from github_app.runtime.metrics import Metrics
from github_app.storage import branches, claims, repository_names
from github_app.storage.tables import branches as branch_rows
from github_app.storage.tables import deliveries as delivery_rows
from github_app.storage.tables import outbox_items as outbox_rows
from github_app.worker.lease import LeaseLostError, OnlyWorker
from github_app.worker.promoter import Promoter, Target
from github_app.worker.promotion_store import PromotionStore
from github_app.worker.runs import Runs
from promotion.discovery import Scan
from promotion.errors import UnreachableError
from promotion.known_folders import NoMemory
from promotion.model import ZERO_SHA
from promotion.workspace import Workspace
from sandbox.github.git import git


class AwayDatabricks:
    """A workspace that can't be reached: what a run does before is done all the same."""

    host = "https://adb-1.1.azuredatabricks.net"

    def __getattr__(self, _name):
        def call(*_arguments, **_named):
            raise UnreachableError("away")

        return call


class Remembered(NoMemory):
    """What is known of the workspace."""

    def __init__(self, folders):
        self.folders = tuple(folders)

    def load(self):
        return Scan(self.folders, ())


class LostLease(OnlyWorker):
    def still_mine(self, _tx):
        raise LeaseLostError("another worker took over")


@pytest.fixture
def open_promoter(app, clock, tables):
    """Return a function that builds what promotes in one workspace, which is away."""

    def build(lease=None, folders=()):
        memory = Remembered(folders)
        targets = [Target(Workspace("dev", AwayDatabricks(), memory=memory))]
        ledger = PromotionStore(tables, Metrics(), lease or OnlyWorker())
        reports = CommitReports(CheckRunRecords(tables), PermissionCache())
        return Promoter(app, targets, ledger, reports, clock=clock)

    return build


@pytest.fixture
def hold(github, intake, tables, a_delivery):
    """Return a function that stores pushes of main, and claims the newest."""

    def claim(*pushes, **changes):
        number, url = github.repository(ETL).id, f"{github.url}/{ETL}"
        shown = {"id": number, "full_name": ETL, "html_url": url}
        more = {"repository": shown, "installation": {"id": github.installation}, **changes}
        for number, (before, after) in enumerate(pushes):
            intake.store_now(a_delivery(guid=f"{number}", before=before, after=after, **more))
        with tables.begin() as tx:
            (held,) = claims.ready(tx, now=time.time())
            claims.claim(tx, held)
            return held, branches.newest(tx, held)

    return claim


@pytest.fixture
def undone(github):
    """A commit that is main's head again, and one that was pushed after it and undone."""
    head = github.head(ETL, "main")
    other = github.commit(ETL, "main", {"a.txt": "1\n"}, "Undone later")
    git.run(github.repository(ETL).path, "update-ref", "refs/heads/main", head)
    return head, other


def row(tables):
    with tables.connect() as reader:
        return reader.execute(sa.select(branch_rows)).one()


def waiting(tables):
    """Return the check runs that are yet to be written, but for those that end a promotion."""
    query = sa.select(outbox_rows.c.kind, outbox_rows.c.head_sha, outbox_rows.c.title)
    with tables.connect() as reader:
        return [tuple(each) for each in reader.execute(query.where(outbox_rows.c.kind != "final"))]


def test_where_github_has_the_branch_the_row_has_it_and_the_push_is_superseded(
    open_promoter, hold, tables, undone
):
    head, other = undone
    _, pushed = hold((head, other))

    open_promoter().promote(pushed)

    assert (row(tables).before, row(tables).after) == (other, head)
    assert waiting(tables) == [("superseded", other, f"Superseded by {head[:7]}")]


def test_nothing_is_said_any_more_of_a_commit_that_is_the_head_again(
    open_promoter, hold, tables, undone
):
    head, other = undone
    _, pushed = hold((ZERO_SHA, head), (head, other))
    with tables.begin() as tx:
        outbox.put_superseded(tx, pushed)
    assert [sha for _, sha, _ in waiting(tables)] == [head]

    open_promoter().promote(pushed)

    assert [sha for _, sha, _ in waiting(tables)] == [other]


def test_a_branch_that_is_gone_is_deleted_and_promoted_nowhere(
    open_promoter, hold, tables, undone, github
):
    head, other = undone
    git.run(github.repository(ETL).path, "update-ref", "-d", "refs/heads/main")
    _, pushed = hold((head, other))

    open_promoter().promote(pushed)

    assert (row(tables).before, row(tables).after) == (other, ZERO_SHA)
    assert waiting(tables) == [("superseded", other, "Superseded: the branch was deleted")]
    assert github.check_runs == []


def test_a_run_without_a_lease_moves_nothing(open_promoter, hold, tables, undone):
    head, other = undone
    _, pushed = hold((head, other))

    with pytest.raises(LeaseLostError):
        open_promoter(LostLease()).promote(pushed)

    assert row(tables).after == other


def test_an_annotated_tag_is_promoted_and_known_by_its_commit(open_promoter, hold, tables, github):
    path = github.repository(ETL).path
    git.run(path, "tag", "-a", "-m", "Version 1", "v1", "main")
    tag = git.run(path, "rev-parse", "v1").decode().strip()
    _, pushed = hold((ZERO_SHA, tag), ref="refs/tags/v1")

    open_promoter().promote(pushed)

    assert row(tables).after == github.head(ETL, "main")
    assert waiting(tables) == []


def test_a_name_that_leads_elsewhere_is_forgotten_where_a_folder_has_it(
    open_promoter, hold, tables, github
):
    number, head = github.repository(ETL).id, github.head(ETL, "main")
    github.add_repository("stranger/etl", private=False)
    _, pushed = hold((ZERO_SHA, head))
    with tables.begin() as tx:
        for name in ("stranger/etl", JOBS):
            repository_names.remember(tx, number, key_of(github, name))

    open_promoter(folders=[a_folder(url=f"{github.url}/stranger/etl.git")]).promote(pushed)

    with tables.connect() as reader:
        assert set(repository_names.by_name(reader)) == {key_of(github, ETL), key_of(github, JOBS)}


def test_a_name_that_was_seen_of_another_repository_since_is_asked_for(
    open_promoter, hold, tables, github
):
    """A push that comes late tells the name that its repository had, and has the same commits."""
    number, head = github.repository(ETL).id, github.head(ETL, "main")
    shown = {"id": 999, "full_name": ETL, "html_url": f"{github.url}/{ETL}"}
    _, pushed = hold((ZERO_SHA, head), repository=shown)
    with tables.begin() as tx:
        repository_names.remember(tx, number, key_of(github, ETL))

    with pytest.raises(GoneError, match=f"{ETL} now names another repository"):
        open_promoter().promote(pushed)

    with tables.connect() as reader:
        assert repository_names.holder(reader, key_of(github, ETL)) == number


def test_a_repository_that_has_got_the_name_of_another_takes_it_over(
    open_promoter, hold, tables, github
):
    number, head = github.repository(ETL).id, github.head(ETL, "main")
    _, pushed = hold((ZERO_SHA, head))
    with tables.begin() as tx:
        repository_names.remember(tx, 999, key_of(github, ETL))

    open_promoter().promote(pushed)

    with tables.connect() as reader:
        assert repository_names.holder(reader, key_of(github, ETL)) == number


def hinted(tables, hint):
    with tables.begin() as tx:
        tx.execute(branch_rows.update().values(hint=hint))


def given_up(tables):
    """Return what carries runs out, and what it has given up."""
    told = []

    def tell(_tx, pushed, reason):
        told.append((pushed.push.after, reason))

    return told, tell


def test_what_github_says_has_ended_ends_the_run_for_good(open_promoter, hold, tables, github):
    held, pushed = hold((ZERO_SHA, github.head(ETL, "main")))
    github.archive_repository(ETL)
    hinted(tables, "archived")
    told, tell = given_up(tables)

    Runs(tables, open_promoter().promote, Metrics(), on_given_up=tell).carry_out(held)

    now = row(tables)
    assert (now.running, now.promoted, now.attempts) == (None, pushed.seq, 0)
    assert told == [(pushed.push.after, f"{ETL} is archived")]
    with tables.connect() as reader:
        notes = reader.execute(sa.select(delivery_rows.c.note)).scalars().all()
    assert notes == [f"its promotion has stopped: {ETL} is archived"]


def test_what_github_still_has_is_promoted_and_the_hint_forgotten(
    open_promoter, hold, tables, github
):
    held, pushed = hold((ZERO_SHA, github.head(ETL, "main")))
    hinted(tables, "archived")
    told, tell = given_up(tables)

    Runs(tables, open_promoter().promote, Metrics(), on_given_up=tell).carry_out(held)

    assert (row(tables).hint, row(tables).promoted, told) == (None, pushed.seq, [])


def test_a_hint_is_asked_about_before_anything_else(open_promoter, hold, tables, github):
    held, _ = hold((ZERO_SHA, github.head(ETL, "main")))
    hinted(tables, "uninstalled")
    github.uninstall(github.installation)
    with tables.connect() as reader:
        pushed = branches.newest(reader, held)

    with pytest.raises(GoneError, match="GitHub shows no octo-org/etl to the App"):
        open_promoter().promote(pushed)
