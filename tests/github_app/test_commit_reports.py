"""One check run for each subject on a commit, against a GitHub that shows what it was told late."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

from github_app.github.check_run import MOST_NAME, CheckRun, Subject, WrittenRun, subject_of
from github_app.github.installation import NoLongerTrueError
from github_app.github.tokens import NotGrantedError
from github_app.reports.check_run_records import CheckRunRecords, Place
from github_app.reports.publish import CommitReports, PermissionCache
from promotion.errors import ApiError, UnreachableError

SHA = "a" * 40
DEV = Subject("refs/heads/main", "dev")
BEGUN = CheckRun(DEV, SHA, "in_progress", "Updating", "summary")
ENDED = CheckRun(DEV, SHA, "completed", "2 of 2", "summary", "success")


@dataclass
class Written:
    subject: Subject
    status: str
    title: str
    summary: str
    conclusion: str | None


@dataclass
class InMemoryGitHub:
    """The check runs of one commit; what is listed may lag behind what is there."""

    runs: dict[int, Written] = field(default_factory=dict)
    listed: dict[int, Written] | None = None  # None: the list is up to date
    lists: int = 0
    errors: list[Exception] = field(default_factory=list)
    lost: bool = False  # the next answer, after its effect
    statuses: list[tuple[str, str]] = field(default_factory=list)

    repository = "octo-org/etl"
    installation_id = 11

    def write(self, _permission, work):
        return work(self)

    def check_runs(self, _repository, _sha, *, name=""):
        self.lists += 1
        found = self.runs if self.listed is None else self.listed
        return [
            WrittenRun(number, run.subject, run.status)
            for number, run in sorted(found.items(), reverse=True)
            if not name or run.subject.name == name
        ]

    def create_check_run(self, _repository, run, *, urgent, still):
        return self._keep(len(self.runs) + 1, run, still)

    def update_check_run(self, _repository, number, run, *, urgent, still):
        if number not in self.runs:
            raise ApiError("PATCH", status=404)
        self._keep(number, run, still)

    def create_status(self, _repository, run, state, *, urgent, still):
        self.statuses.append((run.title, state))

    def _keep(self, number, run, still):
        if not still():
            raise NoLongerTrueError
        if self.errors:
            raise self.errors.pop(0)
        self.runs[number] = Written(run.subject, run.status, run.title, run.summary, run.conclusion)
        if self.lost:
            self.lost = False
            raise UnreachableError("the connection was reset")
        return number


@pytest.fixture
def github():
    return InMemoryGitHub()


@pytest.fixture
def reports(tables):
    return CommitReports(CheckRunRecords(tables), PermissionCache())


def show(reports, github, run, **options):
    reports.show(github, 7, run, **options)


def shown(github):
    return {number: (run.status, run.title) for number, run in github.runs.items()}


def test_what_a_promotion_begins_it_ends_on_the_same_check_run(reports, github):
    show(reports, github, BEGUN)
    show(reports, github, ENDED)

    assert shown(github) == {1: ("completed", "2 of 2")}
    assert github.lists == 1


def test_a_list_that_lags_behind_makes_no_second_check_run(reports, github):
    github.listed = {}
    show(reports, github, BEGUN)
    show(reports, github, ENDED)
    show(reports, github, replace(ENDED, title="again"))

    assert shown(github) == {1: ("completed", "again")}


def test_another_branch_at_the_commit_has_a_check_run_of_its_own(reports, github):
    show(reports, github, ENDED)
    other = replace(ENDED, subject=Subject("refs/heads/feature", "dev"), conclusion="neutral")

    show(reports, github, other)
    reports.show_on_all(github, 7, other, lambda _there: ["dev"], completed=True)

    assert [run.subject.ref for run in github.runs.values()] == [
        "refs/heads/main",
        "refs/heads/feature",
    ]
    assert github.runs[1].conclusion == "success"


def test_a_check_run_whose_answer_was_lost_is_found_again(reports, github):
    github.lost = True
    with pytest.raises(UnreachableError):
        show(reports, github, BEGUN)

    show(reports, github, ENDED)

    assert shown(github) == {1: ("completed", "2 of 2")}
    assert not reports.is_doubtful(7, ENDED)


def test_one_that_github_shows_only_later_is_ended_when_it_does(reports, github):
    github.lost, github.listed = True, {}
    with pytest.raises(UnreachableError):
        show(reports, github, BEGUN)
    show(reports, github, ENDED)
    doubtful = reports.is_doubtful(7, ENDED)

    github.listed = None
    show(reports, github, ENDED)
    reports.settled(7, ENDED)

    assert doubtful
    assert shown(github) == {1: ("completed", "2 of 2"), 2: ("completed", "2 of 2")}
    assert not reports.is_doubtful(7, ENDED)


@pytest.mark.parametrize("refusals", [1, 2])
def test_what_github_can_not_take_is_written_shorter(reports, github, refusals):
    github.errors = [ApiError("POST", status=422, message="too long") for _ in range(refusals)]

    show(reports, github, replace(ENDED, summary="x" * 70_000, title="Größe"))

    [run] = github.runs.values()
    assert (run.conclusion, len(run.summary) < 100) == ("success", True)
    assert run.title == ("Größe" if refusals == 1 else "Gr??e")


def test_what_github_refuses_in_every_form_is_raised_and_leaves_no_trace(reports, github):
    github.errors = [ApiError("POST", status=422) for _ in range(3)]

    with pytest.raises(ApiError):
        show(reports, github, ENDED)

    assert not reports.is_there(7, ENDED)


def test_another_refusal_is_not_met_with_something_shorter(reports, github):
    github.errors = [ApiError("POST", status=404)]

    with pytest.raises(ApiError):
        show(reports, github, ENDED)

    assert github.errors == []
    assert github.runs == {}


@pytest.mark.parametrize(
    "refusal",
    [
        NotGrantedError("does not grant checks: write"),
        ApiError("POST", status=403, message="Resource not accessible by integration"),
    ],
)
def test_where_no_check_run_may_be_written_the_first_report_is_a_status_already(
    reports, github, refusal
):
    github.errors.append(refusal)

    reports.show(github, 7, BEGUN)
    reports.show(github, 7, ENDED)

    assert github.statuses == [("Updating", "pending"), ("2 of 2", "success")]
    assert github.runs == {}


def test_what_became_untrue_while_it_waited_is_not_sent(reports, github):
    with pytest.raises(NoLongerTrueError):
        show(reports, github, ENDED, still=lambda: False)

    assert github.runs == {}


def test_what_ended_well_is_not_called_superseded_although_the_list_lags_behind(reports, github):
    show(reports, github, BEGUN)
    github.listed = {1: replace(github.runs[1])}
    show(reports, github, ENDED)
    superseded = replace(
        ENDED, subject=Subject(DEV.ref), title="Superseded", conclusion="cancelled"
    )

    reports.show_on_all(github, 7, superseded, lambda there: {"dev", "prod"}, completed=False)

    assert {run.subject.workspace: run.title for run in github.runs.values()} == {
        "dev": "2 of 2",
        "prod": "Superseded",
    }


def test_what_was_begun_again_when_the_process_died_is_not_taken_for_ended(
    reports, github, monkeypatch
):
    show(reports, github, BEGUN)
    show(reports, github, ENDED)

    class DiedError(Exception):
        pass

    def die(*_about):
        raise DiedError

    with monkeypatch.context() as patch:
        patch.setattr(CheckRunRecords, "written", die)
        with pytest.raises(DiedError):
            show(reports, github, BEGUN)
    superseded = replace(
        ENDED, subject=Subject(DEV.ref), title="Superseded", conclusion="cancelled"
    )

    reports.show_on_all(github, 7, superseded, lambda _there: (), completed=False)

    assert {run.title for run in github.runs.values()} == {"Superseded"}


def test_records_of_one_ref_are_its_own(tables):
    records = CheckRunRecords(tables)
    main, dev = (Place(7, SHA, Subject(f"refs/heads/{name}", "dev")) for name in ("main", "dev"))
    records.written(main, 1, "success")
    records.written(dev, 2, None)

    assert [record.id for record in records.of_ref(main)] == [1]
    assert (records.find(dev).id, records.find(dev).ended) == (2, False)
    assert records.find(Place(8, SHA, main.subject)) is None


@pytest.mark.parametrize(
    ("subject", "name"),
    [
        (DEV, "Brickpush / dev / main"),
        (Subject("refs/heads/feature/x", "dev"), "Brickpush / dev / feature/x"),
        (Subject("refs/tags/v1.0", "dev"), "Brickpush / dev / v1.0 (tag)"),
        (Subject("refs/heads/main"), "Brickpush / main"),
    ],
)
def test_the_name_says_what_a_branch_protection_rule_can_ask_for(subject, name):
    assert subject.name == name
    assert subject_of(subject.external_id) == subject


def test_no_two_subjects_have_one_name():
    long = "x" * 300
    subjects = [
        Subject("refs/heads/v1", "dev"),
        Subject("refs/tags/v1", "dev"),
        Subject("refs/heads/main", "dev"),
        Subject("refs/heads/main"),
        Subject("refs/heads/dev", "main"),
        *(Subject(f"refs/heads/{long}{end}", "dev") for end in "ab"),
        *(Subject(f"refs/heads/a{mark}b", "dev") for mark in ("\u202e", "\u200f")),
    ]

    names = [subject.name for subject in subjects]

    assert len(set(names)) == len(names)
    assert max(map(len, names)) <= MOST_NAME
    assert all(name.isprintable() for name in names)


@pytest.mark.parametrize("external_id", ["", "a job", "42", "main dev"])
def test_what_another_wrote_is_not_ours(external_id):
    assert subject_of(external_id) is None
