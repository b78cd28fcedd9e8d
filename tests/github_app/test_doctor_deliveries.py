"""The doctor's proof that GitHub itself reaches the service, by what GitHub's log says."""

from __future__ import annotations

import json

import pytest
from builders import StillClock
from nobody import NOBODY
from running import running_service, wait_until
from security.listener import listener

from github_app.__main__ import main
from github_app.doctor.deliveries import (
    ELSEWHERE,
    FIXES,
    FORBIDDEN,
    REDIRECTED,
    ago,
    check_deliveries,
    examine_deliveries,
    fix_of,
)
from github_app.doctor.finding import State
from github_app.github.app import GitHubApp
from github_app.github.registration import Attempt, Hook
from promotion.http import open_session
from sandbox import world
from sandbox.sandbox import Options, open_sandbox

NOW = 1_800_000_000.0
HOOK = Hook("https://b.example.com/webhooks/github", "json", has_secret=True, verifies_tls=True)


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory):
    options = Options(empty=True)
    with open_sandbox(tmp_path_factory.mktemp("sandbox"), options) as opened:
        opened.github.app.deliveries.retention = 3600  # a test may begin a new log by the clock
        yield opened


@pytest.fixture
def app(sandbox):
    with open_session(str(sandbox.certificate.ca_path)) as session:
        yield GitHubApp(
            sandbox.github.url,
            app_id=sandbox.github.app_id,
            private_key=sandbox.github.private_key_path.read_text(),
            session=session,
            clock=StillClock(),
            now=sandbox.github.now,
        )


def deliver(sandbox, *, event="repository"):
    """Let GitHub deliver one event, and wait until its log has it."""
    before = len(sandbox.github.deliveries)
    if event == "repository":
        sandbox.github.archive_repository(world.MAIN)
    else:
        sandbox.github.ping()
    wait_until(lambda: len(sandbox.github.deliveries) > before, what="the delivery")


def begin_a_new_log(sandbox):
    sandbox.github.clock_skew += 7200.0


def attempt(status_code=202, event="push", status="OK", minutes=3.0):
    return Attempt(1, event, status, status_code, NOW - minutes * 60)


def test_the_doctor_says_how_githubs_last_delivery_was_answered(sandbox, capsys):
    begin_a_new_log(sandbox)
    with running_service(sandbox) as service:
        deliver(sandbox)
        main(["doctor", "--config", str(sandbox.config_path), "--json", "--url", service.url])

    links = json.loads(capsys.readouterr().out)["links"]
    names = [link["link"] for link in links if link["part"] == "GitHub"]
    found = next(link for link in links if link["link"] == "deliveries")
    assert found["state"] == "ok"
    assert found["says"].startswith(
        "GitHub's last delivery (repository, just now) was answered with 202; 1 of the last 1"
    )
    assert names.index("deliveries") > names.index("service") > names.index("webhook")


def test_none_ever_came_and_the_next_step_is_said(sandbox, app):
    begin_a_new_log(sandbox)
    sandbox.github.hook_url = "https://b.example.com/webhooks/github"

    found = examine_deliveries(app, now=sandbox.github.now())

    assert (found.state, found.says) == (
        State.WARNING,
        "GitHub's log has no delivery",
    )
    assert found.fix == (
        "push once, then run this again to test that GitHub reaches "
        "https://b.example.com/webhooks/github"
    )


def test_an_app_without_a_webhooks_address_is_told_so(sandbox, app):
    begin_a_new_log(sandbox)
    sandbox.github.hook_url = None

    found = examine_deliveries(app, now=sandbox.github.now())

    assert "None" not in found.fix
    assert "once the App has a webhook URL" in found.fix


def test_nobody_was_there(sandbox, app):
    begin_a_new_log(sandbox)
    sandbox.github.hook_url = f"http://{NOBODY}/webhooks/github"
    deliver(sandbox)
    sandbox.github.clock_skew += 45 * 60

    found = examine_deliveries(app, now=sandbox.github.now())

    assert found.state is State.BROKEN
    assert found.says == (
        "GitHub's last delivery (repository, 45 minutes ago) failed with 502 failed to connect to "
        "host; 0 of the last 1 arrived"
    )
    assert found.fix.startswith("let GitHub reach the URL by https")


@pytest.mark.parametrize(
    ("status", "state", "fix"),
    [
        (200, State.WARNING, ELSEWHERE),
        (202, State.OK, ""),
        (302, State.BROKEN, REDIRECTED),
        (401, State.BROKEN, FIXES[401]),
        (403, State.BROKEN, FORBIDDEN),
        (404, State.BROKEN, FIXES[404]),
        (500, State.BROKEN, ELSEWHERE),
        (503, State.BROKEN, FIXES[503]),
    ],
)
def test_each_answer_has_its_own_next_step(sandbox, app, status, state, fix):
    with listener(status=status) as (url, _):
        sandbox.github.hook_url = f"{url}/webhooks/github"
        deliver(sandbox)

        found = examine_deliveries(app, now=sandbox.github.now())

    assert (found.state, found.fix) == (state, fix)
    assert str(status) in found.says


def test_a_failure_at_an_address_that_was_corrected_since_is_no_news(sandbox, app):
    sandbox.github.hook_url = f"http://{NOBODY}/old"
    deliver(sandbox)
    sandbox.github.hook_url = f"http://{NOBODY}/new"

    found = examine_deliveries(app, now=sandbox.github.now())

    assert found.state is State.WARNING
    assert found.says.endswith(f"; it went to http://{NOBODY}/old")
    assert found.fix == "push once to the new URL"


def test_a_ping_is_answered_with_200(sandbox, app):
    with listener() as (url, _):
        sandbox.github.hook_url = f"{url}/webhooks/github"
        deliver(sandbox, event="ping")

        found = examine_deliveries(app, now=sandbox.github.now())

    assert found.state is State.OK
    assert "(ping, just now) was answered with 200" in found.says


@pytest.mark.parametrize(
    ("attempts", "state"),
    [
        ([], State.WARNING),
        ([attempt(), attempt(502)], State.OK),
        ([attempt(502), attempt()], State.BROKEN),
        ([attempt(502, "installation"), attempt(502, "ping")], State.WARNING),
        ([attempt(502, "installation"), attempt(502)], State.BROKEN),
    ],
)
def test_what_counts_is_the_newest(attempts, state):
    assert check_deliveries(attempts, HOOK, now=NOW).state is state


@pytest.mark.parametrize(
    ("status", "begins"),
    [
        ("timed out", "GitHub waits ten seconds"),
        ("peer certificate cannot be authenticated", "serve a certificate that GitHub trusts"),
        ("SSL connect error", "serve a certificate that GitHub trusts"),
        ("failed to connect to host", "let GitHub reach the URL"),
        ("couldn't resolve host name", "let GitHub reach the URL"),
        ("something new", ELSEWHERE),
    ],
)
def test_githubs_words_lead_to_a_next_step(status, begins):
    assert fix_of(attempt(502, status=status)).startswith(begins)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-5, "just now"),
        (29, "just now"),
        (45, "1 minute ago"),
        (170, "3 minutes ago"),
        (5400, "2 hours ago"),
        (40 * 3600, "2 days ago"),
    ],
)
def test_how_long_ago_something_was(seconds, words):
    assert ago(seconds) == words
