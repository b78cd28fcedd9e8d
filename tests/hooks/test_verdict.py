"""What a run is said to have come to, and with which exit code. Pure."""

from __future__ import annotations

from dataclasses import replace

import pytest
from builders import ETL, NEW, OLD, a_decision, a_folder, a_push

from hooks.command.exit_code import ExitCode
from hooks.command.promote import exit_code
from hooks.output.terminal import lines, summary
from hooks.pushed.branch_name import branch_name, did_you_mean
from hooks.pushed.repository import PushedRepository
from hooks.pushed.ssh_alias import ssh_target
from hooks.results.model import State, workspace_as_json
from hooks.results.summary import conclude
from hooks.workspaces.run import Run
from hooks.workspaces.verdict import hosts_of, judged
from promotion.discovery import UnreadablePath
from promotion.errors import ConfigError
from promotion.model import Conclusion, Outcome
from promotion.repository_url import RepositoryKey
from promotion.workspace import Report

HERE = PushedRepository((ETL,))
GHES = PushedRepository((RepositoryKey("ghes.example", "octo-org", "etl"),))
REASONS = {
    Conclusion.SUCCESS: "at 2222222",
    Conclusion.FAILURE: "it broke",
    Conclusion.TIMED_OUT: "it took too long",
    Conclusion.ACTION_REQUIRED: "somebody edited files",
    Conclusion.CANCELLED: "at 3333333, which lacks 2222222",
    Conclusion.NEUTRAL: "at 3333333, and nobody can say what it contains",
    Conclusion.SKIPPED: "it is gone",
}


def a_run(*conclusions, blocked=0, elsewhere=0, **more):
    """Return a run of one workspace with an outcome for each conclusion."""
    folders = [a_folder(id=number, path=f"/Repos/{number}") for number in range(9)]
    outcomes = tuple(
        Outcome(folder, conclusion, OLD, NEW, REASONS[conclusion])
        for folder, conclusion in zip(folders, conclusions, strict=False)
    )
    decisions = [a_decision(outcome.folder) for outcome in outcomes]
    decisions += [
        a_decision(folders[-1], destination=None, reason="may not be managed", blocked=True)
        for _ in range(blocked)
    ]
    decisions += [
        a_decision(a_folder(branch="dev"), destination=None, reason="follows dev")
        for _ in range(elsewhere)
    ]
    return Run("ada", (Report("dev", "https://adb", tuple(decisions), outcomes),), **more)


@pytest.mark.parametrize(
    ("run", "state", "message", "code"),
    [
        pytest.param(
            a_run(Conclusion.SUCCESS),
            State.DONE,
            "main at 2222222: 1 of 1 Git folder promoted",
            0,
            id="promoted",
        ),
        pytest.param(
            a_run(Conclusion.SUCCESS, Conclusion.CANCELLED),
            State.SUPERSEDED,
            "main at 2222222: 1 of 2 Git folders promoted; 1 superseded; "
            "/Repos/1: at 3333333, which lacks 2222222",
            0,
            id="superseded",
        ),
        pytest.param(
            a_run(Conclusion.NEUTRAL, Conclusion.CANCELLED),
            State.UNKNOWN,
            "main at 2222222: 0 of 2 Git folders promoted; 1 superseded; 1 not known; "
            "/Repos/0: at 3333333, and nobody can say what it contains; "
            "/Repos/1: at 3333333, which lacks 2222222",
            0,
            id="not known",
        ),
        pytest.param(
            a_run(Conclusion.SKIPPED, elsewhere=1),
            State.DONE,
            "main at 2222222: no Git folder had to move (2 left unchanged)",
            0,
            id="left unchanged",
        ),
        *(
            pytest.param(
                a_run(Conclusion.SUCCESS, conclusion),
                State.FAILED,
                f"1 of 2 Git folders promoted; /Repos/1: {REASONS[conclusion]}",
                1,
                id=conclusion.value,
            )
            for conclusion in (
                Conclusion.FAILURE,
                Conclusion.TIMED_OUT,
                Conclusion.ACTION_REQUIRED,
            )
        ),
        pytest.param(
            a_run(Conclusion.SUCCESS, blocked=1),
            State.DONE,
            "main at 2222222: 1 of 2 Git folders promoted; 1 blocked; /Repos/8: may not be managed",
            0,
            id="one is blocked",
        ),
        pytest.param(
            a_run(blocked=1, elsewhere=1),
            State.FAILED,
            "0 of 1 Git folder promoted; 1 blocked; /Repos/8: may not be managed",
            1,
            id="all are blocked",
        ),
        pytest.param(
            Run("ada", (Report("dev", "https://adb", problem="no answer"),)),
            State.FAILED,
            "no Git folder had to move; dev: no answer",
            1,
            id="a workspace that can't be read",
        ),
        pytest.param(
            a_run(Conclusion.SUCCESS, problem="nobody is signed in to prod"),
            State.FAILED,
            "1 of 1 Git folder promoted; nobody is signed in to prod",
            2,
            id="a workspace without a sign-in",
        ),
        pytest.param(
            replace(a_run(), note="no Git folder follows main"),
            State.DONE,
            "main at 2222222: no Git folder follows main",
            0,
            id="nobody follows",
        ),
    ],
)
def test_how_a_run_ended(run, state, message, code):
    assert conclude(run, a_push())[:2] == (state, message)
    assert exit_code(run, a_push()) == ExitCode(code)


def test_a_summary_counts_each_git_folder_once_by_what_became_of_it():
    run = a_run(*REASONS, blocked=1, elsewhere=1)

    assert summary(run) == (
        "9 Git folders of this repository: 1 promoted, 1 superseded, 1 not known, 3 failed, "
        "1 blocked, 2 left unchanged"
    )


def test_what_is_blocked_is_shown_as_such_before_what_is_left_unchanged():
    (report,) = a_run(Conclusion.CANCELLED, blocked=1, elsewhere=1).reports

    assert [(line.mark, line.words) for line in lines(report, preview=False)] == [
        ("!", f"{REASONS[Conclusion.CANCELLED]} (was 1111111)"),
        ("!", "blocked: may not be managed"),
        ("-", "follows dev"),
    ]
    stored = workspace_as_json(report)
    assert [entry["reason"] for entry in stored["blocked"]] == ["may not be managed"]
    assert [entry["reason"] for entry in stored["unchanged"]] == ["follows dev"]


def nothing(**more):
    return Run("ada", (Report("dev", "https://adb"),), **more)


@pytest.mark.parametrize(
    ("run", "repository", "after", "problem", "note"),
    [
        pytest.param(
            nothing(),
            HERE,
            NEW,
            "",
            "no Git folder has github.com/octo-org/etl as its repository",
            id="of GitHub, none at all",
        ),
        pytest.param(
            nothing(hosts=("github.com",)),
            HERE,
            "",
            "no Git folder has github.com/octo-org/etl as its repository, and git could not ask "
            "whether there is a branch main",
            "",
            id="of GitHub, a branch that may not be",
        ),
        pytest.param(
            nothing(hosts=("github.com", "gitlab.example")),
            GHES,
            NEW,
            "no Git folder has ghes.example/octo-org/etl as its repository: those of your "
            "workspaces are at github.com, gitlab.example",
            "",
            id="of a host that none has",
        ),
        pytest.param(
            nothing(),
            GHES,
            NEW,
            "no Git folder has ghes.example/octo-org/etl as its repository: those of your "
            "workspaces are none",
            "",
            id="where there are none",
        ),
        pytest.param(
            nothing(hosts=("ghes.example",)),
            GHES,
            NEW,
            "",
            "no Git folder has ghes.example/octo-org/etl as its repository",
            id="of a host that others have",
        ),
        pytest.param(
            a_run(elsewhere=2),
            HERE,
            NEW,
            "",
            "no Git folder follows main (octo-org/etl has 2 Git folders)",
            id="of another branch",
        ),
        pytest.param(
            a_run(elsewhere=1),
            HERE,
            "",
            "no Git folder follows main (octo-org/etl has 1 Git folder), and git could not ask "
            "whether there is a branch main",
            "",
            id="of another branch, and this one may not be",
        ),
        pytest.param(a_run(Conclusion.SUCCESS), HERE, NEW, "", "", id="of this branch"),
        pytest.param(a_run(blocked=1), HERE, "", "", "", id="of this branch, blocked"),
        pytest.param(nothing(problem="no sign-in"), GHES, NEW, "no sign-in", "", id="not read"),
        pytest.param(Run("", ()), GHES, NEW, "", "", id="no workspace"),
        pytest.param(
            Run("ada", (*nothing().reports, Report("prod", "", problem="no answer"))),
            GHES,
            NEW,
            "",
            "",
            id="another workspace can't be read",
        ),
    ],
)
def test_a_run_without_followers_says_what_it_found(run, repository, after, problem, note):
    push = a_push(after=after)

    found = judged(run, push, repository)

    assert (found.problem, found.note) == (problem, note)
    assert replace(found, problem=run.problem, note="", next_step="") == run


def test_a_name_that_only_git_gives_to_a_branch_gets_a_question():
    push = a_push(ref="refs/heads/origin/main", after="")

    run = judged(a_run(elsewhere=1), push, HERE)

    assert run.next_step == "check the branch's name; did you mean 'main'?"
    assert did_you_mean("heads/a/b") == "; did you mean 'a/b'?"
    assert did_you_mean("feature/origin/x") == did_you_mean("origin/") == ""


def test_hosts_are_named_by_how_many_git_folders_have_them():
    urls = ("https://a.example/o/r", "git@b.example:o/r", "https://b.example/o/s", "/srv/r", None)

    assert hosts_of([a_folder(url=url) for url in urls]) == ("b.example", "a.example")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("main", "main"),
        (" refs/heads/main\n", "main"),
        ("refs/heads/feature/a", "feature/a"),
        ("origin/main", "origin/main"),
        ("zażółć/#1", "zażółć/#1"),
    ],
)
def test_a_branch_is_named_by_its_name_or_its_full_ref(text, name):
    assert branch_name(text) == name


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            " ",
            "refs/heads/",
            "refs/tags/v1",
            "refs/pull/7/merge",
            "refs/heads/refs/heads/x",
            "-x",
            "a b",
            "a..b",
            "@",
        ),
        *("a~1", "HEAD^", "a:b", "a?", "a*", "a[0]", "a\\b", "a@{1}", "/a", "a/", "a//b", ".a"),
        *("a/.b", "a.lock", "a.lock/b", "a.", "a\nb", "a\x7f"),
    ],
)
def test_what_git_allows_no_branch_to_be_called_is_refused(text):
    with pytest.raises(ConfigError, match="is not a branch: give a branch's name, like main"):
        branch_name(text)


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("git@github-work:octo-org/etl.git", "git@github-work"),
        ("github-work:octo-org/etl", "github-work"),
        ("github-work:/octo-org/etl", "github-work"),
        ("ssh://git@Work:2222/octo-org/etl", "git@Work"),
        ("ssh://git:secret@work/octo-org/etl", "git@work"),
        ("https://github-work/octo-org/etl", None),
        ("/srv/etl.git", None),
        ("-oProxyCommand=x:octo-org/etl", None),
        ("git@-oProxyCommand=x:octo-org/etl", None),
        ("ssh://-oProxyCommand=x/octo-org/etl", None),
        ("-ox@work:octo-org/etl", None),
        ("ssh://git@[::1]/octo-org/etl", None),
        ("ssh://git@[/octo-org/etl", None),
        ("git@wo rk:octo-org/etl", None),
    ],
)
def test_what_ssh_is_asked_about_is_a_host_and_never_an_option(url, target):
    assert ssh_target(url) == target


def test_blind_spots_alone_say_that_something_was_not_seen():
    spots = (UnreadablePath("/Users/x", "the principal may not read it"),)

    assert summary(Run("", (Report("dev", "", unreadable=spots),))) == (
        "0 Git folders of this repository: 1 not readable"
    )
