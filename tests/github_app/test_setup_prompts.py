"""`brickpush setup` as a person meets it: in a terminal, with wrong answers and Ctrl-C."""

from __future__ import annotations

import contextlib
import re
import resource
import stat
import sys
import threading

import pytest
import requests
from form_browser import Browser
from running import wait_until
from terminal import CTRL_C, CTRL_D, Terminal

from github_app.cli.setup import stopped
from github_app.config.settings import load_settings
from github_app.setup.files import SetupFiles, write_new
from promotion.errors import ConfigError
from sandbox.sandbox import Options, open_sandbox

SECRET = "typed-and-never-shown-to-anybody"  # nosec B105
LINK = r"http://127\.0\.0\.1:\d+/start\?token=\S+"
REGISTERING = [
    ("reach this service", "brickpush.example.com"),
    ("Organization to own", "octo-org"),
    ("First Databricks workspace", "adb-1.azuredatabricks.net"),
    ("tenant id", "tenant.example"),
    ("client id", "0-0"),
    ("client secret", SECRET),
]
IMPORTING = [
    ("The App's id", "421337"),
    ("private key", "KEY"),
    ("webhook secret", ""),
    ("First Databricks workspace", ""),
]


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory):
    with open_sandbox(tmp_path_factory.mktemp("sandbox"), Options(empty=True)) as opened:
        yield opened


@pytest.fixture
def here(tmp_path):
    (tmp_path / "here").mkdir()
    return tmp_path / "here"


@pytest.fixture
def sit_down(sandbox, here):
    """Start the command in a terminal, in an empty directory."""
    with contextlib.ExitStack() as stack:

        def start(*options):
            where = ("--github-url", sandbox.github.url)
            trusted = ("--ca-file", str(sandbox.certificate.ca_path))
            command = (sys.executable, "-I", "-m", "brickpush", "setup", "--no-browser")
            terminal = Terminal(*command, *where, *trusted, *options, cwd=here)
            return stack.enter_context(contextlib.closing(terminal))

        yield start


@pytest.fixture
def browser(sandbox):
    with requests.Session() as session:
        yield Browser(session, str(sandbox.certificate.ca_path))


def answer(terminal, questions, sandbox):
    for words, text in questions:
        told = str(sandbox.github.private_key_path) if text == "KEY" else text
        hidden = "secret" in words
        (terminal.answer_unseen if hidden else terminal.answer)(words, told)


def register(browser, page, name):
    """Do what the page asks for, and return where GitHub leads back to."""
    return browser.submit(browser.submit(browser.get(page)), name=name).headers["Location"]


def install(browser, sandbox, name):
    page = browser.get(f"{sandbox.github.url}/apps/{name}/installations/new")
    browser.submit(page, target_id="octo-org")


def files(here):
    return sorted(path.name for path in here.iterdir())


def test_who_answers_every_question_is_set_up_and_the_secret_was_never_shown(
    sandbox, sit_down, browser, here
):
    terminal = sit_down()
    answer(terminal, REGISTERING, sandbox)
    page = terminal.until(LINK)

    browser.get(register(browser, page, "Answered"))
    install(browser, sandbox, "answered")
    browser.get(f"{page.partition('/start')[0]}/stage?shown=installed")
    code = terminal.end()

    settings = load_settings(here / "brickpush.toml", {})
    written = here / "dev.client-secret"
    assert code == 0, terminal.shown
    assert SECRET not in terminal.shown
    assert (written.read_text(), stat.S_IMODE(written.stat().st_mode)) == (SECRET, 0o600)
    assert settings.workspaces["dev"].entra.client_secret_path == written
    assert settings.workspaces["dev"].host == "https://adb-1.azuredatabricks.net"
    assert sandbox.github.apps[-1].hook.url == "https://brickpush.example.com/webhooks/github"


def test_an_answer_that_means_nothing_is_said_to_be_so_and_asked_for_again(sit_down, here):
    terminal = sit_down()

    terminal.answer("reach this service", "")
    terminal.answer("reach this service", "http://brickpush.example.com")
    terminal.answer("must start with https://.*\n.*reach this service", "https://[")
    terminal.answer("not a URL that GitHub could reach\n.*reach this", "brickpush.example.com")
    terminal.answer("Organization", "octo org")
    terminal.answer("'octo org' is not an organization's name\nOrganization", "octo-org")
    terminal.answer("First Databricks workspace", "http://adb-1.azuredatabricks.net")
    terminal.answer("net: must start with https://\nFirst", "adb-1.azuredatabricks.net/?o=1")
    terminal.answer("tenant id", "")
    terminal.answer("tenant id", "my tenant")
    terminal.answer("'my tenant' is not an id: .*\nIts tenant id", "tenant.example")
    terminal.answer("client id", "<b>")
    terminal.answer("'<b>' is not an id: .*\n.*client id", "0-0")
    terminal.answer_unseen("client secret", "")
    terminal.until(LINK)
    assert terminal.stop() == 130
    assert "Value error" not in terminal.shown
    assert files(here) == []


def test_what_an_option_says_is_not_asked_for(sit_down):
    terminal = sit_down("--webhook-url", "b.example.com", "--workspace-host", "adb-1.example.net")

    terminal.answer("Organization", "")
    terminal.until("tenant id")

    assert "reach this service" not in terminal.shown
    assert "First Databricks" not in terminal.shown


def test_an_option_that_means_nothing_ends_it_before_the_first_question(sit_down):
    terminal = sit_down("--webhook-url", "http://b.example.com")

    assert terminal.end() == 2
    assert "must start with https://" in terminal.shown
    assert "Organization" not in terminal.shown


@pytest.mark.parametrize(
    ("answered", "key"),
    [
        (5, CTRL_C),
        *(
            pytest.param(*stop, marks=pytest.mark.slow)
            for stop in ((0, CTRL_C), (2, CTRL_D), (4, CTRL_C), (5, CTRL_D))
        ),
    ],
)
def test_who_stops_at_a_question_leaves_nothing_behind(sandbox, sit_down, here, answered, key):
    terminal = sit_down()
    answer(terminal, REGISTERING[:answered], sandbox)
    words, _ = REGISTERING[answered]
    terminal.until(words)
    if "secret" in words:
        wait_until(lambda: not terminal.echoes, what="a terminal that shows nothing")

    assert terminal.stop(key) == 130
    assert "Stopped: nothing was written." in terminal.shown
    assert "Traceback" not in terminal.shown
    assert files(here) == []
    assert terminal.echoes


def test_who_stops_while_nobody_has_registered_yet_leaves_nothing_behind(sandbox, sit_down, here):
    terminal = sit_down()
    answer(terminal, REGISTERING, sandbox)
    terminal.until("Waiting for the registration")

    assert terminal.stop() == 130
    assert "delete it on its settings page" in terminal.shown
    assert files(here) == []


@pytest.mark.slow
def test_who_stops_while_the_key_is_on_its_way_has_every_file_whole(
    sandbox, sit_down, browser, here
):
    terminal = sit_down()
    answer(terminal, REGISTERING, sandbox)
    back = register(browser, terminal.until(LINK), "Stopped in the middle")
    slow = sandbox.github_faults.add(
        status="late", method="POST", path="*/conversions", seconds=0.5
    )

    def land():
        with contextlib.suppress(requests.ConnectionError):  # the page leads to a wizard that ended
            browser.get(back)

    landing = threading.Thread(target=land)
    landing.start()
    wait_until(lambda: slow.hits, what="the exchange")
    code = terminal.stop()
    landing.join()

    assert code == 130
    assert "brickpush.toml is written: `brickpush doctor` shows what is left" in terminal.shown
    assert files(here) == [
        *("app.client-secret", "app.private-key.pem", "brickpush.toml"),
        *("dev.client-secret", "webhook.secret"),
    ]
    assert (here / "app.private-key.pem").read_text().rstrip().endswith("PRIVATE KEY-----")
    assert load_settings(here / "brickpush.toml", {}).github.app_id == sandbox.github.apps[-1].id


@pytest.mark.slow
def test_who_stops_before_the_installation_has_every_file_whole(sandbox, sit_down, browser, here):
    terminal = sit_down()
    answer(terminal, REGISTERING, sandbox)
    browser.get(register(browser, terminal.until(LINK), "Not installed"))
    terminal.until("Waiting for the installation at")

    assert terminal.stop() == 130
    assert "`brickpush doctor` shows what is left to do" in terminal.shown
    assert load_settings(here / "brickpush.toml", {}).github.app_id == sandbox.github.apps[-1].id


def test_an_app_is_imported_by_answering(sandbox, sit_down, here):
    terminal = sit_down("--import")

    terminal.answer("The App's id", "brickpush")
    terminal.answer("'brickpush' is not an App id: .*\nThe App's id", str(sandbox.github.app_id))
    terminal.answer("private key", "nowhere.pem")
    key = str(sandbox.certificate.ca_path)
    terminal.answer("nowhere.pem can't be read: No such file.*\n.*private key", key)
    key = str(sandbox.github.private_key_path)
    terminal.answer("is no PEM private key: .*\n.*private key", key)
    terminal.answer_unseen("webhook secret", sandbox.github.webhook_secret)
    answer(terminal, REGISTERING[2:], sandbox)
    code = terminal.end()

    assert code == 0, terminal.shown
    assert files(here) == ["brickpush.toml", "dev.client-secret", "webhook.secret"]
    assert (here / "webhook.secret").read_text() == sandbox.github.webhook_secret
    assert not {SECRET, sandbox.github.webhook_secret} & set(re.split(r"\s", terminal.shown))


@pytest.mark.parametrize("answered", [pytest.param(1, marks=pytest.mark.slow), 2])
def test_who_stops_an_import_leaves_nothing_behind(sandbox, sit_down, here, answered):
    terminal = sit_down("--import")
    answer(terminal, IMPORTING[:answered], sandbox)
    terminal.until(IMPORTING[answered][0])

    assert terminal.stop() == 130
    assert files(here) == []


def test_who_stops_between_two_files_is_told_which_are_there(tmp_path):
    beginning = SetupFiles(tmp_path / "brickpush.toml")
    write_new(beginning.private_key, "a key")
    write_new(beginning.webhook_secret, "a secret")

    assert stopped(beginning) == (
        "Stopped. Written so far: app.private-key.pem, webhook.secret. Move it away before you "
        "start again."
    )


def test_a_full_disk_leaves_no_half_of_a_key(tmp_path):
    most = resource.getrlimit(resource.RLIMIT_FSIZE)

    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, most[1]))
        with pytest.raises(ConfigError, match=r"key\.pem can't be written"):
            write_new(tmp_path / "key.pem", "x" * 1700)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, most)

    assert files(tmp_path) == []
