from __future__ import annotations

import time
from dataclasses import replace

import pytest
import sqlalchemy as sa

from github_app.github.check_run import CheckRun, Subject
from github_app.github.installation import NoLongerTrueError
from github_app.recovery import folder_backoff
from github_app.reports import outbox
from github_app.reports.deployments import Promoted, State
from github_app.reports.outbox_writer import RETRY_SECONDS, OutboxWriter
from github_app.storage import branches, retention
from github_app.storage import tables as tables_of
from github_app.storage.branches import BranchPush
from github_app.storage.pending import Behind
from github_app.storage.retention import DAY_SECONDS, Keep
from github_app.storage.tables import outbox_items as rows
from github_app.storage.tables import workers
from promotion.errors import ApiError, PromotionError
from promotion.model import GitFolder, Push

HEAD = "0" * 39 + "9"
DEV = Subject("refs/heads/main", "dev")


def a_branch_push(*superseded, after=HEAD):
    before = tuple(Push("octo-org/etl", "refs/heads/main", "0" * 40, sha) for sha in superseded)
    push = Push("octo-org/etl", "refs/heads/main", "0" * 40, after)
    return BranchPush(push, 7, "https://github.com/octo-org/etl", 11, 1, 1.0, superseded=before)


def waiting(tables):
    with tables.connect() as reader:
        return list(reader.execute(sa.select(rows).order_by(rows.c.id)))


class InMemoryReports:
    """Keeps what is shown; fails on demand."""

    def __init__(self):
        self.shown = []
        self.there = frozenset()  # the workspaces whose check runs are on every commit
        self.error = None
        self.before_write = lambda: None

    def show(self, _access, _repository_id, run, *, urgent, still):
        self._write(still)
        self.shown.append((run.name, run.title))

    def show_on_all(self, _access, _repository_id, run, workspaces, *, completed, still):
        wanted = tuple(workspaces(self.there))
        self._write(still)
        self.shown.append((wanted, run.title, completed))

    def settled(self, _repository_id, _run):
        pass

    def _write(self, still):
        self.before_write()
        if self.error is not None:
            raise self.error
        if not still():
            raise NoLongerTrueError


def a_writer(tables, worker="local"):
    reports = InMemoryReports()
    return OutboxWriter(tables, reports, an_access, worker=worker), reports


class InMemoryAccess:
    """A repository's name leads to it, or not."""

    def __init__(self, repository, repository_id):
        self.repository, self.repository_id = repository, repository_id
        self.head = None

    def require_itself(self):
        pass

    def branch_head(self, _branch):
        return self.head


def an_access(repository, _installation, repository_id):
    return InMemoryAccess(repository, repository_id)


def test_each_superseded_commit_is_told_once_and_a_deleted_one_not(tables):
    first, second = "a" * 40, "b" * 40
    for _ in range(2):  # a run may be repeated
        with tables.begin() as tx:
            outbox.put_superseded(tx, a_branch_push(first, second, first, "0" * 40))

    assert [(row.head_sha, row.scope, row.title) for row in waiting(tables)] == [
        (first, "each", "Superseded by 0000000"),
        (second, "each", "Superseded by 0000000"),
    ]


def test_a_branch_that_came_back_to_a_commit_does_not_call_it_superseded(tables):
    with tables.begin() as tx:
        outbox.put_superseded(tx, a_branch_push("a" * 40, HEAD))

    assert [row.head_sha for row in waiting(tables)] == ["a" * 40]


def test_of_a_big_burst_each_commit_gets_one_check_run(tables):
    with tables.begin() as tx:
        a_branch(tx, newest=5, promoted=5)
        a_report(tx, "dev", seq=5)
        outbox.put_superseded(tx, a_branch_push(*(f"{n:040x}" for n in range(10, 49))))

    assert {row.scope for row in waiting(tables)} == {"all"}
    writer, reports = a_writer(tables)
    writer.write_all()
    assert len(reports.shown) == 39
    assert waiting(tables) == []


@pytest.mark.parametrize(
    ("superseded", "there", "told"),
    [
        pytest.param(39, (), [""], id="many"),
        pytest.param(2, (), ["dev", "prod"], id="few"),
        # The run was repeated, and has superseded other pushes by now.
        pytest.param(2, ("",), [], id="few, and many before"),
        pytest.param(39, ("dev",), ["dev", "prod"], id="many, begun as few"),
    ],
)
def test_an_superseded_push_is_told_for_all_workspaces_or_for_each(tables, superseded, there, told):
    with tables.begin() as tx:
        a_branch(tx, newest=5, promoted=5)
        a_report(tx, "dev", seq=5)
        a_report(tx, "prod", seq=5)
        outbox.put_superseded(tx, a_branch_push(*(f"{n:040x}" for n in range(10, 10 + superseded))))

    writer, reports = a_writer(tables)
    reports.there = frozenset(there)
    writer.write_all()

    assert {tuple(sorted(names)) for names, *_ in reports.shown} == {tuple(told)}


def test_how_a_promotion_ended_waits_for_no_superseded_push(tables):
    ended = CheckRun(DEV, HEAD, "completed", "2 of 2", "", conclusion="success")
    with tables.begin() as tx:
        outbox.put_superseded(tx, a_branch_push(*(f"{n:040x}" for n in range(10, 49))))
        outbox.put_final(tx, a_branch_push(), ended)

    writer, reports = a_writer(tables)
    writer.write_all()

    assert reports.shown[0] == ("Brickpush / dev / main", "2 of 2")
    assert len(reports.shown) == 40


def test_a_promotion_that_was_given_up_says_why(tables):
    with tables.begin() as tx:
        outbox.put_given_up(tx, a_branch_push(), "installation 11 is suspended")

    writer, reports = a_writer(tables)
    writer.write_all()

    assert reports.shown == [(("",), "Not promoted: given up after several tries", False)]


@pytest.mark.parametrize(
    "error",
    [
        PromotionError("away"),
        *(ApiError("PATCH /x", status=status) for status in (404, 410, 422, 403)),
    ],
    ids=str,
)
def test_what_github_does_not_take_is_tried_again_later_and_dropped_in_the_end(tables, error):
    run = CheckRun(DEV, HEAD, "completed", "title", "summary", "success")
    with tables.begin() as tx:
        outbox.put_final(tx, a_branch_push(), run)
    writer, reports = a_writer(tables)
    reports.error = error

    tries = 0
    while waiting(tables):
        tries += 1
        writer.write_all()
        assert all(row.not_before > time.time() for row in waiting(tables))
        with tables.begin() as tx:
            tx.execute(rows.update().values(not_before=0))

    assert tries == len(RETRY_SECONDS) + 1
    assert sum(RETRY_SECONDS) > 2 * 24 * 3600  # no outage of GitHub's is as long


def test_a_run_that_begins_takes_back_what_was_still_to_be_said(tables):
    with tables.begin() as tx:
        outbox.put_given_up(tx, a_branch_push(), "because")
        outbox.drop(tx, a_branch_push())

    assert waiting(tables) == []


def behind(head=HEAD):
    folder = GitFolder(1, "/Repos/ada/etl", "https://github.com/o/e", "gitHub", "main", "1" * 40)
    return Behind("dev", folder, head)


def test_a_straggler_waits_longer_each_time_until_its_branch_moves(tables):
    waits, now = [], 1000.0
    with tables.begin() as tx:
        for _ in range(3):
            assert folder_backoff.due(tx, 7, "main", [behind()], now, 600.0) == [behind()]
            folder_backoff.note_try(tx, [behind()], now, 600.0)
            assert folder_backoff.due(tx, 7, "main", [behind()], now + 600, 600.0) == []
            wait = folder_backoff.pause(len(waits) + 1, 600.0)
            waits.append(wait)
            now += wait
        newer = behind("0" * 39 + "8")
        assert folder_backoff.due(tx, 7, "main", [newer], now - waits[-1], 600.0) == [newer]

    assert waits == [1200.0, 2400.0, 4800.0]
    assert folder_backoff.pause(50, 600.0) == folder_backoff.MOST_SECONDS


def test_a_branch_that_was_never_pushed_has_no_newest_push(tables):
    with tables.connect() as reader:
        assert branches.current(reader, 7, "refs/heads/main") is None
        assert branches.of_commit(reader, 7, HEAD) is None


def test_what_a_process_died_over_is_written_by_the_next_at_once(tables):
    with tables.begin() as tx:
        outbox.put_superseded(tx, a_branch_push("a" * 40))
        tx.execute(rows.update().values(taken_by="worker that died"))

    writer, reports = a_writer(tables)
    writer.write_all()

    assert len(reports.shown) == 1
    assert waiting(tables) == []


def test_what_a_living_worker_writes_is_left_to_it(tables):
    with tables.begin() as tx:
        outbox.put_superseded(tx, a_branch_push("a" * 40))
        tx.execute(workers.insert(), {"id": "another", "expires": time.time() + 60})
        tx.execute(rows.update().values(taken_by="another"))

    writer, reports = a_writer(tables)
    writer.write_all()

    assert reports.shown == []
    assert [row.taken_by for row in waiting(tables)] == ["another"]


def a_branch(tx, *, newest, promoted):
    row = dict.fromkeys(("before", "after"), "b" * 40)
    row.update(repository_id=7, ref="refs/heads/main", repository="octo-org/etl", received_at=1.0)
    row.update(repository_url="https://github.com/octo-org/etl", newest=newest, promoted=promoted)
    tx.execute(tables_of.branches.insert(), row)


def a_report(tx, workspace, *, seq):
    row = {"seq": seq, "repository_id": 7, "ref": "refs/heads/main", "workspace": workspace}
    row.update(host="", repository="octo-org/etl", after="b" * 40, cause="push", at=1.0)
    tx.execute(tables_of.reports.insert(), {**row, "unchanged": b"", "unreadable": b""})


def test_a_push_that_was_superseded_waits_for_the_end_of_the_promotion(tables):
    with tables.begin() as tx:
        a_branch(tx, newest=5, promoted=3)
        a_report(tx, "dev", seq=3)
        a_report(tx, "dev", seq=5)  # the promotion has yet to report on the other
        outbox.put_superseded(tx, replace(a_branch_push("a" * 40), seq=5))
    writer, reports = a_writer(tables)
    writer.write_all()
    shown_early = list(reports.shown)

    with tables.begin() as tx:
        a_report(tx, "prod", seq=5)
        tx.execute(tables_of.branches.update().values(promoted=5))
        tx.execute(rows.update().values(not_before=0))
    writer.write_all()

    assert shown_early == []
    assert reports.shown == [(("dev", "prod"), "Superseded by 0000000", False)]


def test_while_a_promotion_is_repeated_its_reports_are_all_of_them(tables):
    with tables.begin() as tx:
        a_branch(tx, newest=6, promoted=5)
        a_report(tx, "prod", seq=5)
        a_report(tx, "dev", seq=6)  # replaced already
        outbox.put_superseded(tx, replace(a_branch_push("a" * 40), seq=5))
    writer, reports = a_writer(tables)

    writer.write_all()

    assert reports.shown == [(("dev", "prod"), "Superseded by 0000000", False)]


def test_where_the_promotion_that_superseded_a_push_moved_nothing_nothing_is_written(tables):
    with tables.begin() as tx:
        a_branch(tx, newest=5, promoted=5)
        a_report(tx, "dev", seq=3)
        outbox.put_superseded(tx, replace(a_branch_push("a" * 40), seq=5))
    writer, reports = a_writer(tables)

    writer.write_all()

    assert reports.shown == [((), "Superseded by 0000000", False)]


@pytest.mark.parametrize("when", ["before it is taken", "while it waits for its turn"])
@pytest.mark.parametrize("what", ["the commit is the newest again", "a run of it has begun"])
def test_what_is_not_true_any_more_is_not_written(tables, what, when):
    with tables.begin() as tx:
        a_branch(tx, newest=5, promoted=5)
        outbox.put_superseded(tx, replace(a_branch_push("a" * 40), seq=5))
    writer, reports = a_writer(tables)

    def change():
        with tables.begin() as tx:
            if what == "a run of it has begun":
                outbox.drop(tx, a_branch_push(after="a" * 40))
            else:
                tx.execute(tables_of.branches.update().values(after="a" * 40))

    if when == "before it is taken":
        change()
    else:
        reports.before_write = change
    writer.write_all()

    assert reports.shown == []
    assert waiting(tables) == []


def test_a_run_that_begins_takes_back_nothing_of_another_branch_nor_of_anothers_deployment(tables):
    dev = a_branch_push()
    dev = replace(dev, push=replace(dev.push, ref="refs/heads/dev"))
    promoted = Promoted(99, "databricks/dev", "refs/heads/main", HEAD)
    with tables.begin() as tx:
        outbox.put_given_up(tx, dev, "because")
        outbox.put_deployment(tx, a_branch_push(), promoted, State("inactive"))
        outbox.drop(tx, a_branch_push())

    assert [(row.ref, row.scope) for row in waiting(tables)] == [
        ("refs/heads/dev", "each"),
        ("refs/heads/main", "deployment"),
    ]


def test_what_is_replaced_while_it_is_written_is_written_again(tables):
    run = CheckRun(DEV, HEAD, "completed", "first", "summary", "success")
    with tables.begin() as tx:
        outbox.put_final(tx, a_branch_push(), run)
    writer, reports = a_writer(tables)
    again = [replace(run, title="second")]

    def replaced():
        with tables.begin() as tx:
            outbox.put_final(tx, a_branch_push(), again.pop())
        reports.before_write = lambda: None

    reports.before_write = replaced
    writer.write_all()

    assert reports.shown == [("Brickpush / dev / main", "second")]
    assert waiting(tables) == []


def test_a_push_that_is_given_up_and_deleted_has_no_commit_to_report_on(tables):
    with tables.begin() as tx:
        outbox.put_given_up(tx, a_branch_push(after="0" * 40), "because")

    assert waiting(tables) == []


def test_a_success_that_waited_is_not_told_once_a_later_push_came(tables):
    ended = CheckRun(DEV, HEAD, "completed", "2 of 2", "", conclusion="success")
    with tables.begin() as tx:
        a_branch(tx, newest=5, promoted=5)  # at another commit by now
        outbox.put_final(tx, a_branch_push(), ended)
    writer, reports = a_writer(tables)

    writer.write_all()

    assert reports.shown == [("Brickpush / dev / main", "Superseded by bbbbbbb")]
    assert waiting(tables) == []


@pytest.mark.parametrize("known", [True, False], ids=["renamed since", "of a branch that is gone"])
def test_a_report_goes_to_the_repository_under_its_name_of_today(tables, known):
    ended = CheckRun(DEV, HEAD, "completed", "2 of 2", "", conclusion="success")
    with tables.begin() as tx:
        outbox.put_final(tx, a_branch_push(), ended)
        if known:
            a_branch(tx, newest=5, promoted=5)
            now = {"after": HEAD, "repository": "octo-org/new", "installation_id": 12}
            tx.execute(tables_of.branches.update().values(now))
    asked = []

    def access(*about):
        asked.append(about)
        return an_access(*about)

    OutboxWriter(tables, InMemoryReports(), access, worker="local").write_all()

    assert asked == [("octo-org/new", 12, 7) if known else ("octo-org/etl", 11, 7)]


def test_a_report_that_waited_long_makes_sure_that_the_name_is_no_strangers(tables):
    ended = CheckRun(DEV, HEAD, "completed", "2 of 2", "", conclusion="success")
    with tables.begin() as tx:
        outbox.put_final(tx, a_branch_push(), ended)
        tx.execute(rows.update().values(at=time.time() - 3600))

    class AStrangers(InMemoryAccess):
        def require_itself(self):
            raise PromotionError("octo-org/etl is another repository now")

    reports = InMemoryReports()
    OutboxWriter(
        tables, reports, lambda name, _, number: AStrangers(name, number), worker="local"
    ).write_all()

    assert reports.shown == []
    assert [row.attempts for row in waiting(tables)] == [1]


def test_what_runs_that_were_cut_off_have_left_open_is_ended(tables):
    """Whoever had asked for them: a Re-run and a comparison leave no push to be superseded."""
    old, served, unserved = "a" * 40, ("dev",), "prod"
    with tables.begin() as tx:
        for commit, workspace, conclusion in [
            (old, "dev", None),
            (old, unserved, None),
            ("c" * 40, "dev", "success"),
            (HEAD, "dev", None),
            (HEAD, unserved, None),
        ]:
            a_check_run(tx, commit, workspace, conclusion)
        a_check_run(tx, old, "dev", None, ref="refs/heads/other")
        outbox.put_left_open(tx, a_branch_push(), served)

    assert {(row.head_sha, row.workspace, row.kind, row.title) for row in waiting(tables)} == {
        (old, "dev", outbox.SUPERSEDED, f"Superseded by {HEAD[:7]}"),
        (old, unserved, outbox.SUPERSEDED, f"Superseded by {HEAD[:7]}"),
        (HEAD, unserved, outbox.UNSERVED, "No longer served: prod"),
    }
    assert {row.scope for row in waiting(tables)} == {"one"}
    assert {row.conclusion for row in waiting(tables)} == {"cancelled"}


def test_what_retention_forgets_is_not_what_a_superseded_push_waits_for(tables):
    with tables.begin() as tx:
        a_branch(tx, newest=5, promoted=5)
        a_report(tx, "dev", seq=5)
        a_check_run(tx, "a" * 40, "dev", "success")
        outbox.put_superseded(tx, a_branch_push("a" * 40))

    retention.forget(tables, now=1000 * DAY_SECONDS, keep=Keep())

    writer, reports = a_writer(tables)
    writer.write_all()
    assert reports.shown == [(("dev",), "Superseded by 0000000", False)]
    retention.forget(tables, now=1000 * DAY_SECONDS, keep=Keep())
    with tables.connect() as reader:
        assert reader.execute(sa.select(tables_of.reports)).all() == []
        assert reader.execute(sa.select(tables_of.check_runs)).all() == []


@pytest.mark.parametrize("kind", ["superseded", "final", "superseded already"])
def test_a_commit_that_is_githubs_head_again_is_not_called_superseded(tables, kind):
    """Though nobody has told of it yet: the branch's row says another commit."""
    ended = CheckRun(DEV, HEAD, "completed", "2 of 2", "", conclusion="success")
    with tables.begin() as tx:
        a_branch(tx, newest=5, promoted=5)
        if kind == "final":
            outbox.put_final(tx, a_branch_push(), ended)
        elif kind == "superseded already":  # the row says this commit, as GitHub does again
            tx.execute(tables_of.branches.update().values(after=HEAD))
            outbox.put_final(tx, a_branch_push(), replace(ended, conclusion="cancelled"))
        else:
            outbox.put_superseded(tx, a_branch_push(HEAD, after="b" * 40))

    def access(*about):
        found = an_access(*about)
        found.head = HEAD
        return found

    reports = InMemoryReports()
    OutboxWriter(tables, reports, access, worker="local").write_all()

    assert reports.shown == []
    assert [row.attempts for row in waiting(tables)] == [1]


def a_check_run(tx, head_sha, workspace, conclusion, ref="refs/heads/main"):
    row = {"repository_id": 7, "head_sha": head_sha, "ref": ref, "workspace": workspace}
    row.update(check_run_id=1, conclusion=conclusion, at=1.0)
    tx.execute(tables_of.check_runs.insert(), row)


def test_a_branch_that_moves_while_its_report_waits_for_its_turn_is_looked_at_again(tables):
    ended = CheckRun(DEV, HEAD, "completed", "2 of 2", "", conclusion="success")
    with tables.begin() as tx:
        a_branch(tx, newest=5, promoted=5)
        tx.execute(tables_of.branches.update().values(after=HEAD))
        outbox.put_final(tx, a_branch_push(), ended)
    reports = InMemoryReports()
    writer = OutboxWriter(tables, reports, an_access, worker="local")

    def move():
        with tables.begin() as tx:
            tx.execute(tables_of.branches.update().values(after="b" * 40))
        reports.before_write = lambda: None

    reports.before_write = move
    writer.write_all()
    early = list(reports.shown)
    with tables.begin() as tx:
        tx.execute(rows.update().values(not_before=0))
    writer.write_all()

    assert early == []
    assert reports.shown == [("Brickpush / dev / main", "Superseded by bbbbbbb")]
    assert waiting(tables) == []
