"""From nothing to the first check run: the wizard in a real browser, then doctor, serve, push."""

from __future__ import annotations

import json
import stat
import subprocess
import sys

import pytest
import requests
from browser.setup_process import Setup
from nobody import NOBODY
from running import AS_INSTALLED, Developer, Service, environment, wait_until
from variants import slow_after

from sandbox import world
from sandbox.sandbox import open_sandbox


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory):
    with open_sandbox(tmp_path_factory.mktemp("sandbox")) as opened:
        yield opened


@pytest.fixture
def start(sandbox, tmp_path):
    """Start the wizard against the sandbox, in an empty directory."""
    started = []

    def begin(*options, webhook_url=f"http://{NOBODY}"):
        common = (
            *("--github-url", sandbox.github.url, "--ca-file", str(sandbox.certificate.ca_path)),
            *("--webhook-url", webhook_url, "--organization", world.ORGANIZATION),
        )
        started.append(Setup(tmp_path, *common, *options))
        return started[-1]

    yield begin
    for one in started:
        one.close()


def workspace_options(sandbox, directory):
    place = sandbox.places[0]
    secret = directory / "given.secret"
    secret.write_text(place.principal.client_secret)
    secret.chmod(0o600)
    return (
        *("--workspace-host", place.workspace.url, "--tenant-id", place.principal.tenant_id),
        *("--client-id", place.principal.client_id, "--client-secret-file", str(secret)),
        *("--authority-host", sandbox.entra.url),
    )


def brickpush(directory, *arguments):
    return subprocess.run(
        (sys.executable, "-I", "-m", "brickpush", *arguments),
        cwd=directory,
        capture_output=True,
        text=True,
        env=environment(),
        timeout=60,
        check=False,
    )


def register(page, name):
    page.get_by_role("button", name="Register on 127.0.0.1").click()
    page.get_by_label("GitHub App name").fill(name)
    page.get_by_role("button", name="Create GitHub App").click()


def install(page):
    with page.expect_popup() as opened:
        page.get_by_role("link", name="Install on GitHub").click()
    opened.value.get_by_role("button", name="Install").click()
    opened.value.get_by_role("heading", name="is installed on").wait_for()


@pytest.mark.slow
def test_from_nothing_to_the_first_check_run(sandbox, start, page, tmp_path):
    setup = start(*workspace_options(sandbox, tmp_path))

    page.goto(setup.url)
    register(page, "Brickpush of octo")
    page.get_by_role("heading", name="Install the App").wait_for()
    install(page)
    page.get_by_role("heading", name="The App is installed").wait_for()
    assert setup.end() == 0, setup.said

    written = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert {name: mode for name, mode in written.items() if name != "brickpush.toml"} == {
        "app.private-key.pem": 0o600,
        "webhook.secret": 0o600,
        "app.client-secret": 0o600,
        "given.secret": 0o600,
    }
    texts = [(tmp_path / name).read_text() for name in written if name != "brickpush.toml"]
    shown = setup.said + (tmp_path / "brickpush.toml").read_text()
    assert [text[:12] for text in texts if text.strip() in shown] == []

    config, log = tmp_path / "brickpush.toml", tmp_path / "service.log"
    service = Service(config, log, program=AS_INSTALLED)
    try:
        sandbox.github.apps[-1].hook.url = service.hook
        doctor = brickpush(tmp_path, "doctor", "--json", "--pull", "/Repos/ada/etl")
        answer = json.loads(doctor.stdout)
        assert (doctor.returncode, answer["ok"]) == (0, True), doctor.stdout
        states = {(link["part"], link["link"]): link["state"] for link in answer["links"]}
        assert states["GitHub", "service"] == "ok"
        assert states["workspace dev", "Git credential"] == "ok"
        assert states["workspace dev", "pull"] == "ok"

        developer = Developer(sandbox, tmp_path / "clone")
        sha = developer.commit("first.txt")
        developer.push()
        run = wait_until(
            lambda: next(
                (
                    run
                    for run in sandbox.github.check_runs
                    if run.head_sha == sha and run.status == "completed"
                ),
                None,
            ),
            what="the first check run",
        )
        assert (run.name, run.conclusion) == ("Brickpush / dev / main", "success")
    finally:
        service.close()


def test_the_page_lets_only_its_own_visitor_in_and_takes_only_its_own_state(start, page):
    setup = start()
    url = setup.url
    origin = url.partition("/start")[0]

    strangers = {
        "no cookie": requests.get(f"{origin}/", timeout=10).status_code,
        "wrong token": requests.get(f"{origin}/start?token=guess", timeout=10).status_code,
        "foreign name": requests.get(
            f"{origin}/", headers={"Host": "evil.example"}, timeout=10
        ).status_code,
    }
    page.goto(url)
    cookies = {cookie["name"]: cookie["value"] for cookie in page.context.cookies()}
    forged = requests.get(
        f"{origin}/registered?code=x&state=guess",
        cookies=cookies,
        timeout=10,
        allow_redirects=False,
    )
    again = requests.get(url, timeout=10)

    assert strangers == {"no cookie": 403, "wrong token": 403, "foreign name": 400}
    assert (forged.status_code, again.status_code) == (403, 403)
    assert "does not belong to the page that sent the request to GitHub" in forged.text
    assert setup.process.poll() is None


def test_the_page_carries_its_headers_and_shows_hostile_words_as_text(sandbox, start, page):
    setup = start("--name", "<script>alert(1)</script>\"'>")

    answer = page.goto(setup.url)
    manifest = json.loads(page.locator("input[name=manifest]").input_value())

    assert manifest["name"] == "<script>alert(1)</script>\"'>"
    assert page.locator("script").count() == 0
    headers = answer.headers
    assert f"form-action 'self' {sandbox.github.url};" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert (headers["referrer-policy"], headers["cache-control"]) == ("same-origin", "no-store")


def test_a_code_that_github_refuses_ends_the_wizard_with_words_on_both_sides(start, page, tmp_path):
    setup = start()
    page.goto(setup.url)
    action = page.locator("form").get_attribute("action")
    state = action.partition("state=")[2]

    page.goto(f"{setup.url.partition('/start')[0]}/registered?code=stale&state={state}")

    page.get_by_role("heading", name="Setup failed").wait_for()
    assert setup.end() == 1
    assert "app-manifests/stale/conversions answered 404" in setup.said
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_nobody_installs_in_time(start, page, tmp_path):
    setup = start("--wait-minutes", "0.025")
    page.goto(setup.url)
    register(page, "Brickpush too late")

    page.get_by_role("heading", name="Setup failed").wait_for()
    assert setup.end() == 1
    assert "is registered, and brickpush.toml is written, but nobody installed it" in setup.said
    assert "then run `brickpush doctor`" in setup.said
    assert (tmp_path / "brickpush.toml").exists()


@pytest.mark.parametrize("scheme", slow_after(1, ["light", "dark"]))
def test_the_page_fits_a_phone_and_its_button_shows_its_focus(start, page, scheme):
    setup = start()
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(setup.url)

    page.keyboard.press("Tab")

    focused = page.locator(":focus")
    assert focused.inner_text() == "Register on " + focused.inner_text().removeprefix(
        "Register on "
    )
    assert focused.evaluate("e => getComputedStyle(e).outlineStyle") != "none"
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
