from __future__ import annotations

import time

import pytest
import sqlalchemy as sa

from github_app import branches, late_checks, stragglers
from github_app import tables as tables_of
from github_app.branches import BranchPush
from github_app.check_run import CheckRun
from github_app.late_checks import LateChecks
from github_app.owing import Behind
from github_app.tables import late_checks as rows
from github_app.tables import workers
from promotion.errors import PromotionError
from promotion.git_folder import GitFolder
from promotion.push import Push

HEAD = "0" * 39 + "9"


def a_branch_push(*overtaken, after=HEAD):
    before = tuple(Push("octo-org/etl", "refs/heads/main", "0" * 40, sha) for sha in overtaken)
    push = Push("octo-org/etl", "refs/heads/main", "0" * 40, after)
    return BranchPush(push, 7, "https://github.com/octo-org/etl", 11, 1, 1.0, superseded=before)


def waiting(tables):
    with tables.connect() as reader:
        return list(reader.execute(sa.select(rows).order_by(rows.c.id)))


class InMemoryReports:
    """Keeps what is shown; fails on demand."""

    def __init__(self):
        self.shown = []
        self.there = frozenset()  # the check runs on every commit
        self.fails = False

    def show(self, _access, run, *, urgent=True):
        if self.fails:
            raise PromotionError("away")
        self.shown.append((run.name, run.title))

    def show_on_all(self, _access, run, names, *, completed):
        self.shown.append((tuple(names(self.there)), run.title, completed))


def a_writer(tables, worker="local"):
    reports = InMemoryReports()
    return LateChecks(tables, reports, no_access, worker=worker), reports


def no_access(_repository, _installation):
    return None


def test_each_overtaken_commit_is_told_once_and_a_deleted_one_not(tables):
    first, second = "a" * 40, "b" * 40
    for _ in range(2):  # a run may be repeated
        with tables.begin() as tx:
            late_checks.put_superseded(tx, a_branch_push(first, second, first, "0" * 40))

    assert [(row.head_sha, row.name, row.title) for row in waiting(tables)] == [
        (first, "", "Superseded by 0000000"),
        (second, "", "Superseded by 0000000"),
    ]


def test_of_a_big_burst_each_commit_gets_one_check_run(tables):
    with tables.begin() as tx:
        late_checks.put_superseded(tx, a_branch_push(*(f"{n:040x}" for n in range(1, 40))))

    assert {row.name for row in waiting(tables)} == {"Brickpush"}
    writer, reports = a_writer(tables)
    writer.write_all()
    assert len(reports.shown) == 39
    assert waiting(tables) == []


@pytest.mark.parametrize(
    ("overtaken", "there", "told"),
    [
        pytest.param(39, (), ["Brickpush"], id="many"),
        pytest.param(2, (), ["Brickpush / dev", "Brickpush / prod"], id="few"),
        # The run was repeated, and has overtaken other pushes by now.
        pytest.param(2, ("Brickpush",), [], id="few, and many before"),
        pytest.param(
            39,
            ("Brickpush / dev",),
            ["Brickpush / dev", "Brickpush / prod"],
            id="many, begun as few",
        ),
    ],
)
def test_an_overtaken_push_is_told_for_all_workspaces_or_for_each(tables, overtaken, there, told):
    with tables.begin() as tx:
        a_branch(tx, newest=5, promoted=5)
        a_report(tx, "dev", seq=5)
        a_report(tx, "prod", seq=5)
        late_checks.put_superseded(tx, a_branch_push(*(f"{n:040x}" for n in range(overtaken))))

    writer, reports = a_writer(tables)
    reports.there = frozenset(there)
    writer.write_all()

    assert {tuple(sorted(names)) for names, *_ in reports.shown} == {tuple(told)}


def test_how_a_promotion_ended_waits_for_no_overtaken_push(tables):
    ended = CheckRun("Brickpush / dev", HEAD, "completed", "2 of 2", "", conclusion="success")
    with tables.begin() as tx:
        late_checks.put_superseded(tx, a_branch_push(*(f"{n:040x}" for n in range(1, 40))))
        late_checks.put_final(tx, a_branch_push(), ended)

    writer, reports = a_writer(tables)
    writer.write_all()

    assert reports.shown[0] == ("Brickpush / dev", "2 of 2")
    assert len(reports.shown) == 40


def test_a_promotion_that_was_given_up_says_why(tables):
    with tables.begin() as tx:
        late_checks.put_given_up(tx, a_branch_push(), "installation 11 is suspended")

    writer, reports = a_writer(tables)
    writer.write_all()

    assert reports.shown == [(("Brickpush",), "Not promoted: given up after several tries", False)]


def test_what_github_does_not_take_is_tried_again_later_and_dropped_in_the_end(tables):
    run = CheckRun("Brickpush / dev", HEAD, "completed", "title", "summary", "success")
    with tables.begin() as tx:
        late_checks.put_final(tx, a_branch_push(), run)
    writer, reports = a_writer(tables)
    reports.fails = True

    tries = 0
    while waiting(tables):
        tries += 1
        writer.write_all()
        assert all(row.not_before > time.time() for row in waiting(tables))
        with tables.begin() as tx:
            tx.execute(rows.update().values(not_before=0))

    assert tries == len(late_checks.RETRY_SECONDS) + 1
    assert sum(late_checks.RETRY_SECONDS) > 2 * 24 * 3600  # no outage of GitHub's is as long


def test_a_run_that_begins_takes_back_what_was_still_to_be_said(tables):
    with tables.begin() as tx:
        late_checks.put_given_up(tx, a_branch_push(), "because")
        late_checks.drop(tx, a_branch_push())

    assert waiting(tables) == []


def behind(head=HEAD):
    folder = GitFolder(1, "/Repos/ada/etl", "https://github.com/o/e", "gitHub", "main", "1" * 40)
    return Behind("dev", folder, head)


def test_a_straggler_waits_longer_each_time_until_its_branch_moves(tables):
    waits, now = [], 1000.0
    with tables.begin() as tx:
        for _ in range(3):
            assert stragglers.due(tx, 7, "main", [behind()], now, 600.0) == [behind()]
            stragglers.note_try(tx, [behind()], now, 600.0)
            assert stragglers.due(tx, 7, "main", [behind()], now + 600, 600.0) == []
            wait = stragglers.pause(len(waits) + 1, 600.0)
            waits.append(wait)
            now += wait
        newer = behind("0" * 39 + "8")
        assert stragglers.due(tx, 7, "main", [newer], now - waits[-1], 600.0) == [newer]

    assert waits == [1200.0, 2400.0, 4800.0]
    assert stragglers.pause(50, 600.0) == stragglers.MOST_SECONDS


def test_a_branch_that_was_never_pushed_has_no_newest_push(tables):
    with tables.connect() as reader:
        assert branches.current(reader, 7, "refs/heads/main") is None
        assert branches.of_commit(reader, 7, HEAD) is None


def test_what_a_process_died_over_is_written_by_the_next_at_once(tables):
    with tables.begin() as tx:
        late_checks.put_superseded(tx, a_branch_push("a" * 40))
        tx.execute(rows.update().values(taken_by="worker that died"))

    writer, reports = a_writer(tables)
    writer.write_all()

    assert len(reports.shown) == 1
    assert waiting(tables) == []


def test_what_a_living_worker_writes_is_left_to_it(tables):
    with tables.begin() as tx:
        late_checks.put_superseded(tx, a_branch_push("a" * 40))
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
    tx.execute(tables_of.reports.insert(), {**row, "stays": b"", "blind_spots": b""})


def test_a_push_overtaken_during_a_promotion_says_so_in_every_workspace(tables):
    with tables.begin() as tx:
        a_branch(tx, newest=5, promoted=3)
        a_report(tx, "dev", seq=3)
        a_report(tx, "prod", seq=3)
        a_report(tx, "dev", seq=5)  # the promotion has yet to tell of the other
        late_checks.put_superseded(tx, a_branch_push("a" * 40))

    writer, reports = a_writer(tables)
    writer.write_all()

    [(names, *_)] = reports.shown
    assert sorted(names) == ["Brickpush / dev", "Brickpush / prod"]


def test_a_push_overtaken_during_the_first_promotion_waits_for_its_end(tables):
    with tables.begin() as tx:
        a_branch(tx, newest=5, promoted=0)
        a_report(tx, "dev", seq=5)
        late_checks.put_superseded(tx, a_branch_push("a" * 40))
    writer, reports = a_writer(tables)
    writer.write_all()
    shown_early = list(reports.shown)

    with tables.begin() as tx:
        a_report(tx, "prod", seq=5)
        tx.execute(tables_of.branches.update().values(promoted=5))
        tx.execute(rows.update().values(not_before=0))
    writer.write_all()

    assert shown_early == []
    [(names, *_)] = reports.shown
    assert sorted(names) == ["Brickpush / dev", "Brickpush / prod"]
