"""What a person reads: lines, summaries and tables. Mostly pure."""

from __future__ import annotations

import io
import os
from dataclasses import replace

import pytest
from builders import NEW, OLD, StillClock, a_decision, a_folder, a_push
from rich.console import Console

from hooks.command import history
from hooks.command.exit_code import ExitCode
from hooks.output import terminal
from hooks.output.job_summary import cell, markdown
from hooks.output.progress import PlainProgress, progress_display
from hooks.output.terminal import Line, lines, shorten, show_line, show_run, summary, symbol
from hooks.results.model import Result, State
from hooks.results.store import Results
from hooks.workspaces.promote import Run, promote_pushed
from promotion.ancestry import unknown_ancestry
from promotion.discovery import UnreadablePath
from promotion.model import Conclusion, Outcome
from promotion.workspace import Report

CONFLICT = Outcome(
    a_folder(path="/Repos/a-team-with-a-long-name/etl"),
    Conclusion.ACTION_REQUIRED,
    OLD,
    OLD,
    "somebody edited files here",
    "commit or discard the edits",
)
DONE = Outcome(a_folder(), Conclusion.SUCCESS, OLD, NEW, "at 2222222")
REPORT = Report(
    "dev",
    "https://adb-1.1.azuredatabricks.net",
    (a_decision(), a_decision(CONFLICT.folder), a_decision(destination=None, reason="follows dev")),
    (CONFLICT, DONE),
    (UnreadablePath("/Users/x", "the principal may not read it"),),
)
RUN = Run("somebody", (REPORT,))


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self):
        return True


def a_terminal(width, *, encoding="utf-8"):
    file = Terminal()
    file.encoding = encoding
    return Console(file=file, width=width, highlight=False, markup=False, color_system=None)


def shown(console):
    return console.file.getvalue()


def a_result(**changes):
    result = Result(
        key="1-1",
        repository="octo-org/etl",
        remote="origin",
        url="https://github.com/octo-org/etl",
        ref="refs/heads/main",
        after=NEW,
        state=State.DONE,
        started_at=0.0,
    )
    return replace(result, **changes)


def test_a_narrow_terminal_breaks_lines_and_keeps_the_folders_name():
    console = a_terminal(40)

    show_run(console, RUN)

    assert shown(console).splitlines()[1:6] == [
        "  ✗ /Repos/a-team-with-a-long-name/etl",
        "      somebody edited files here",
        "      → commit or discard the edits",
        "  ✓ /Repos/team/etl",
        "      at 2222222 (was 1111111)",
    ]


@pytest.mark.parametrize(
    ("width", "path"),
    [(40, "/Repos/grace/etl"), (14, "/Repos/.../etl"), (5, ".../etl")],
)
def test_a_path_is_cut_in_the_middle(width, path):
    assert shorten("/Repos/grace/etl", width) == path


def test_an_output_without_unicode_gets_words():
    console = a_terminal(80, encoding="ascii")

    show_line(console, Line("failed", "/Repos/x", "no", "do it"))

    assert symbol(console, "ok") == "ok"
    assert shown(console).splitlines()[0].strip() == "failed /Repos/x  no"


def test_control_characters_do_not_reach_the_terminal():
    console = a_terminal(80)

    show_line(console, Line("ok", "/Repos/\x1b[2J", "[red]x[/red]"))

    assert shown(console) == "  ✓ /Repos/?[2J  [red]x[/red]\n"


def test_the_words_of_a_preview():
    assert [line.words for line in lines(replace(REPORT, outcomes=()), preview=True)] == [
        "would move: follows main",
        "would move: follows main",
        "follows dev",
        "could not be read: the principal may not read it",
    ]
    assert summary(RUN, preview=True) == (
        "3 Git folders of this repository: 2 would move, 1 left unchanged, 1 not readable"
    )


def test_what_kept_us_out_is_the_last_word():
    console = a_terminal(80)

    show_run(console, Run("", (), "nobody is signed in", "run `az login`", needs_login=True))

    assert shown(console) == "  ✗ nobody is signed in\n      → run `az login`\n"


def test_the_table_of_the_job_summary_cannot_be_broken_from_outside():
    assert cell("a|b\n<img> `x` [y](z)") == r"a\|b \<img\> \`x\` \[y\](z)"
    assert cell("@octo www.x.y https://z #1") == r"\@octo www\.x.y https\://z \#1"


def test_the_job_summary_tells_what_stopped_a_workspace():
    stopped = Report("dev", "https://adb", problem="no answer", next_step="re-run")

    text = markdown(Run("", (stopped,), "signed out", "sign in"), a_push())

    assert "✗ no answer re-run" in text
    assert "✗ signed out" in text
    assert "Next: sign in" in text


def test_progress_is_a_line_for_each_folder_where_there_is_no_terminal():
    file = io.StringIO()
    progress = PlainProgress(file)

    progress.planned(REPORT.decisions)
    progress.ended(DONE)

    assert file.getvalue() == "1/2 /Repos/team/etl: at 2222222\n"


def test_progress_on_a_terminal_tells_failures_at_once_and_leaves_nothing_else(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    file = Terminal()

    with progress_display(file, "Promoting main") as progress:
        progress.planned(REPORT.decisions)
        progress.ended(DONE)
        progress.ended(CONFLICT)

    assert "✗ /Repos/a-team-with-a-long-name/etl" in file.getvalue()
    assert "Promoting main" in file.getvalue()


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(5, "just now"), (60, "1 minute ago"), (7300, "2 hours ago"), (90000, "1 day ago")],
)
def test_how_long_ago(seconds, words):
    assert terminal.ago(seconds) == words


def test_a_remembered_promotion_is_shown_with_what_to_do():
    console = a_terminal(80)
    workspace = {"workspace": "dev", "host": "https://adb", "problem": "no answer"}

    terminal.show_result(
        console,
        a_result(state=State.FAILED, workspaces=[workspace], message="failed", next_step="re-run"),
    )

    assert shown(console).splitlines()[1:] == [
        "dev  https://adb",
        "  ✗ no answer",
        "  ! failed",
        "      → re-run",
    ]


def test_waiting_ends_when_the_time_is_over(tmp_path):
    results = Results(tmp_path)
    running = a_result(state=State.RUNNING)
    results.write(running)

    with results.lock(running.key) as lock:  # somebody works on it
        assert lock.acquire()
        found = history.wait_for_newest(results, None, 5.0, StillClock())

    assert found == running


def test_a_promotion_that_is_only_queued_is_waited_for(tmp_path):
    results = Results(tmp_path)
    results.write(a_result())
    note = tmp_path / "queued-pushes" / "1-1"
    note.parent.mkdir()
    note.touch()
    clock, ended = StillClock(), StillClock()

    history.wait_for_newest(results, None, 5.0, clock)
    os.utime(note, (0, 0))
    history.wait_for_newest(results, None, 5.0, ended)

    assert (clock.now >= 5, ended.now) == (True, 0)


@pytest.mark.parametrize(
    ("state", "code"),
    [
        (State.DONE, ExitCode.DONE),
        (State.FAILED, ExitCode.FAILED),
        (State.NEEDS_LOGIN, ExitCode.CONFIGURATION),
    ],
)
def test_how_a_remembered_promotion_ended_as_an_exit_code(state, code):
    assert history.exit_code_of(a_result(state=state)) is code


def test_the_hooks_child_is_told_what_is_wrong_with_the_settings(home):
    run = promote_pushed(
        a_push(),
        url="https://github.com/octo-org/etl",
        environ={"HOME": str(home)},
        contains=unknown_ancestry,
    )

    assert run.problem.startswith("no workspace is configured")
    assert not run.needs_login


def test_the_hooks_child_promotes_with_a_token_of_the_environment(repository, home):
    path = repository.add_git_folder("one")
    after = repository.commit()
    stage = repository.stage
    environ = {
        "HOME": str(home),
        "REQUESTS_CA_BUNDLE": str(stage.certificate.ca_path),
        "DATABRICKS_HOST": stage.workspace.url,
        "DATABRICKS_TOKEN": stage.token,
    }

    run = promote_pushed(
        a_push(repository=repository.name, after=after),
        url=repository.url,
        environ=environ,
        contains=unknown_ancestry,
    )

    assert (run.problem, run.failed, repository.at(path)) == ("", False, after)


def test_the_hooks_child_never_signs_anybody_in(repository, home):
    environ = {"HOME": str(home), "PATH": "/nowhere", "DATABRICKS_HOST": "adb.azuredatabricks.net"}

    run = promote_pushed(a_push(), url=repository.url, environ=environ, contains=unknown_ancestry)

    assert run.needs_login
    assert run.next_step == (
        "run `databricks auth login --host https://adb.azuredatabricks.net` or `az login`"
    )


def complete(git_promote, monkeypatch, capfd, instruction):
    monkeypatch.setenv("_GIT_PROMOTE_COMPLETE", instruction)
    monkeypatch.setenv("COMP_WORDS", "git-promote st")
    monkeypatch.setenv("COMP_CWORD", "1")
    with pytest.raises(SystemExit):
        git_promote()
    return capfd.readouterr().out


def test_completion_is_clicks_own(git_promote, monkeypatch, capfd):
    assert "plain,status" in complete(git_promote, monkeypatch, capfd, "bash_complete")
    assert "#compdef git-promote" in complete(git_promote, monkeypatch, capfd, "zsh_source")


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help_tells_exit_codes_and_examples(git_promote, option):
    ended = git_promote(option)

    assert ended.code == 0
    assert "Exit codes: 0 done, 1 some Git folder failed, 2 configuration" in ended.output
    assert "git promote --dry-run" in ended.output
