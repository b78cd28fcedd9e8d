"""Names that an attacker chose, on their way through parser, check run, terminal and log."""

from __future__ import annotations

import ast
import io
import json
import logging
import os
import re
import subprocess
from pathlib import Path
from urllib.parse import unquote

import pytest
import structlog
from builders import a_decision, a_folder, a_push
from security.listener import listener
from security.webhook_service import a_body, a_payload, headers_of

from github_app.doctor import output
from github_app.doctor.finding import Finding, State
from github_app.github.installation import Installation
from github_app.reports import render
from github_app.runtime import logs
from hooks.foreground.pushed_refs import PushedRefs
from hooks.output.job_summary import cell
from hooks.output.terminal import Line, open_console, show_line
from hooks.promote_after_push import announcement, say
from hooks.system.git import Git, GitError
from promotion.http import Http, open_session
from promotion.model import Conclusion, Outcome
from promotion.workspace import Report

ROOT = Path(__file__).parents[2]
ESCAPES = "\x1b]0;title\x07\x1b[2J\x9b31m"
BIDI = "\u202egpj.exe\u2066\u200f"
HOSTILE = [
    pytest.param("a\nb\r\nc", id="newlines"),
    pytest.param(ESCAPES, id="terminal escapes"),
    pytest.param(BIDI, id="bidi marks"),
    pytest.param("<img src=x onerror=alert(1)><!--", id="HTML"),
    pytest.param("| | |\n|-|-|\n| x | [y](https://evil.example) |", id="a Markdown table"),
    pytest.param("**b** `c` ~~d~~ # e ![i](//evil.example/i.png)", id="Markdown"),
    pytest.param("https://evil.example/login www.evil.example", id="addresses"),
    pytest.param("@octo-org/owners fixes #1", id="mentions"),
    pytest.param("=cmd|' /C calc'!A0", id="a formula"),
    pytest.param("--upload-pack=touch /tmp/x", id="an option"),
    pytest.param("../../../etc/passwd", id="a path upwards"),
    pytest.param("é" * 5000, id="10 kB"),
]
UNSEEN = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


@pytest.mark.parametrize("name", HOSTILE)
def test_a_push_to_a_hostile_branch_is_taken_as_a_name_or_refused(service, name):
    body = a_body(ref=f"refs/heads/{name}")

    status, _ = service.post(body, headers_of(body))

    taken = [delivery.push.push.branch for delivery in service.intake.deliveries]
    assert (status, taken) in [(202, [name]), (400, [])]
    allowed_by_git = len(name) < 1000 and not re.search(r"[\x00-\x1f\x7f~^:?*\[\\]|\.\.", name)
    assert allowed_by_git == (status == 202)


@pytest.mark.parametrize(
    "name",
    [
        "../../app",
        "octo-org/..",
        "./etl",
        "octo-org/etl/../..",
        "octo-org/etl?x",
        "o/r\n",
        "o%2f/r",
    ],
)
def test_a_repositorys_name_that_would_lead_elsewhere_in_an_address_is_refused(service, name):
    body = a_body(repository={**a_payload()["repository"], "full_name": name})

    status, content = service.post(body, headers_of(body))

    assert (status, json.loads(content)["field"]) == (400, "repository.full_name")


@pytest.mark.parametrize(
    "branch",
    [
        "a/%2e%2e/%2e%2e/%2e%2e/app",
        "x#y",
        "x&app_id=1;y",
        "größe/a+b%20",
        "$(touch x)`y`|z",
        "-x",
    ],
)
def test_a_branchs_name_leads_nowhere_else_in_an_address(branch):
    answer = b'{"ref": "", "object": {"sha": ""}}'
    with open_session(None) as session, listener(body=answer) as (url, seen):
        api = Http(url, session=session)
        Installation(api, app_id=1).head("octo-org/etl", branch)

    [path] = [line.split()[1] for line, _ in seen]
    above = "/repos/octo-org/etl/git/ref/heads/"
    assert path.startswith(above)
    assert not set("#?;&") & set(path)
    assert unquote(path.removeprefix(above)) == branch


def test_a_name_is_no_option_of_gits(tmp_path):
    subprocess.run(("git", "init", "-q", str(tmp_path / "clone")), check=True)
    git = Git(tmp_path / "clone", {"PATH": os.environ["PATH"], "HOME": str(tmp_path)})
    option = f"--upload-pack=touch {tmp_path}/hacked;"

    with pytest.raises(GitError):
        git.ls_remote(option, ".")

    assert not (tmp_path / "hacked").exists()


def test_no_program_is_started_by_a_shell():
    nodes = [node for path in product() for node in ast.walk(ast.parse(path.read_text()))]

    keywords = {node.arg for node in nodes if isinstance(node, ast.keyword)}
    called = {ast.unparse(node.func) for node in nodes if isinstance(node, ast.Call)}
    assert "shell" not in keywords
    assert not called & {"os.system", "os.popen", "subprocess.getoutput", "pty.spawn"}


def product():
    names = ("promotion", "hooks", "github_app")
    return [path for name in names for path in (ROOT / name).rglob("*.py")]


def test_nothing_writes_csv():
    nodes = [node for path in product() for node in ast.walk(ast.parse(path.read_text()))]

    imported = {name.name for node in nodes if isinstance(node, ast.Import) for name in node.names}
    assert "csv" not in imported | {n.module for n in nodes if isinstance(n, ast.ImportFrom)}


def an_outcome(words):
    return Outcome(
        a_folder(path=f"/Repos/{words}"), Conclusion.FAILURE, "0" * 40, None, words, words
    )


@pytest.mark.parametrize("words", HOSTILE)
def test_a_check_run_shows_hostile_words_as_text(words):
    decisions = (a_decision(destination=None, reason=words),)
    told = Report("dev", "https://adb-1.azuredatabricks.net", decisions, (an_outcome(words),))

    run = render.finished(a_push(ref=f"refs/heads/{words}"), told)

    summary = run.summary
    assert UNSEEN.search(run.title + summary) is None
    plain = re.sub(r"\\.", "", summary)  # without what is escaped
    assert not re.search(r"<|@|!\[|~~|#\d|://(?!adb-1)|www\.", plain)
    rows = [line for line in summary.splitlines() if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} <= {7}
    assert all("](https://adb-1" in link for link in re.findall(r"\]\([^)]*\)?", plain))


@pytest.mark.parametrize("words", HOSTILE)
def test_a_jobs_summary_shows_hostile_words_as_text(words):
    told = cell(words)

    assert UNSEEN.search(told) is None
    assert "\n" not in told
    assert not re.search(r"<|[*\[\]`|~]", re.sub(r"\\.", "", told))


@pytest.mark.parametrize("words", HOSTILE)
@pytest.mark.parametrize("terminal", [True, False])
def test_git_promote_prints_no_escape_of_a_hostile_path(words, terminal):
    stream = io.StringIO()
    console = open_console(stream, width=80)
    console._force_terminal, console.no_color = terminal, True

    show_line(console, Line("failed", f"/Repos/{words}", words, words))

    told = re.sub(r"\x1b\[[0-9;]*m", "", stream.getvalue()) if terminal else stream.getvalue()
    assert UNSEEN.search(told) is None


@pytest.mark.parametrize("words", HOSTILE)
def test_brickpush_doctor_prints_no_escape_of_a_hostile_answer(words):
    stream = io.StringIO()
    lines = output.Lines(open_console(stream, width=80))

    lines.show(Finding("workspace dev", "Git folders", State.BROKEN, words, words))

    assert UNSEEN.search(stream.getvalue()) is None
    assert stream.getvalue().count("\n") == 1


def test_the_hook_announces_a_hostile_ref_without_its_escapes(capfd):
    refs = {f"refs/heads/{ESCAPES}\n{BIDI}": "0" * 40}
    pushed = PushedRefs("origin", "https://github.com/o/r", refs, complete=True)

    say(announcement(pushed))

    told = capfd.readouterr().out
    assert UNSEEN.search(told) is None
    assert told.count("\n") == 1


@pytest.fixture
def restored_logging():
    root, before = logging.getLogger(), list(logging.getLogger().handlers)
    level = root.level
    yield
    structlog.reset_defaults()
    root.handlers[:] = before
    root.setLevel(level)


@pytest.mark.parametrize("words", HOSTILE)
@pytest.mark.parametrize("as_json", [True, False])
def test_a_log_line_stays_one_line_without_escapes(restored_logging, words, as_json):
    stream = io.StringIO()
    logs.configure(json=as_json, stream=stream)

    structlog.get_logger().info("delivery.stored", ref=words, nested=[words])
    logging.getLogger("uvicorn.error").warning("odd: %s", words)

    assert stream.getvalue().count("\n") == 2
    assert UNSEEN.search(stream.getvalue()) is None


def test_an_exceptions_words_bring_no_escapes_into_the_log(restored_logging):
    stream = io.StringIO()
    logs.configure(json=False, stream=stream)

    try:
        raise ValueError(ESCAPES + BIDI)
    except ValueError:
        structlog.get_logger().exception("it failed")

    assert "Traceback" in stream.getvalue()
    assert UNSEEN.search(stream.getvalue()) is None
