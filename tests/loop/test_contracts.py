"""What others rely on: the sandbox's ready line, the demo's last line, the wheel's contents."""

from __future__ import annotations

import contextlib
import json
import re
import signal
import stat
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import requests
from browser.setup_process import Setup
from form_browser import Browser
from nobody import NOBODY
from running import environment

from github_app.config.settings import load_settings

ROOT = Path(__file__).parents[2]


@pytest.fixture
def serve(tmp_path):
    started = []

    def start(*options):
        process = subprocess.Popen(
            (sys.executable, "-m", "sandbox", "serve", "--dir", str(tmp_path / "box"), *options),
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
            env=environment(),
        )
        started.append(process)
        return process, json.loads(process.stdout.readline())

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


def repos(place, **options):
    headers = {"Authorization": f"Bearer {place['token']}"}
    url = f"{place['host']}/api/2.0/repos"
    return requests.get(url, headers=headers, timeout=30, **options).json()


def test_the_sandbox_prints_one_line_with_everything_and_ends_on_sigterm(serve):
    process, ready = serve("--hook", f"http://{NOBODY}/webhooks/github")

    assert set(ready) == {"github", "workspaces", "ca_path", "config_path"}
    assert set(ready["github"]) == {
        *("url", "api_url", "app_id", "client_id", "private_key_path", "webhook_secret"),
        *("installation_id", "repository", "repository_url", "user_token"),
    }
    assert [set(place) for place in ready["workspaces"]] == [
        {"name", "host", "token", "authority", "tenant_id", "client_id", "client_secret"}
    ] * 2
    assert len(repos(ready["workspaces"][0], verify=ready["ca_path"])["repos"]) == 20
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=20) == 0


def test_an_empty_sandbox_over_plain_http_has_repositories_and_no_git_folders(serve):
    _, ready = serve("--empty", "--http")

    head = requests.get(
        f"{ready['github']['repository_url']}/info/refs?service=git-upload-pack",
        auth=("octocat", ready["github"]["user_token"]),
        timeout=30,
    )

    assert ready["github"]["url"].startswith("http://")
    assert [repos(place) for place in ready["workspaces"]] == [{}, {}]
    assert head.status_code == 200


def test_a_sandbox_without_an_app_has_the_same_keys_and_nothing_behind_those_of_the_app(serve):
    _, ready = serve("--no-app", "--http", "--empty")

    missing = {name for name, value in ready["github"].items() if value is None}
    assert missing == {
        *("app_id", "client_id", "private_key_path", "webhook_secret", "installation_id"),
    }
    assert set(ready) == {"github", "workspaces", "ca_path", "config_path"}
    assert ready["config_path"] is None
    secret = Path(ready["ca_path"]).with_name("dev.secret")
    assert secret.read_text() == ready["workspaces"][0]["client_secret"]
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600


def test_a_sandbox_without_an_app_takes_no_address_for_its_webhooks(tmp_path):
    ran = subprocess.run(
        (
            *(sys.executable, "-m", "sandbox", "serve", "--dir", str(tmp_path / "box")),
            *("--no-app", "--hook", f"http://{NOBODY}/webhooks/github"),
        ),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert ran.returncode == 2
    assert "--hook is the App's" in ran.stderr


def test_setup_is_rehearsed_against_a_sandbox_without_an_app(serve, tmp_path):
    _, ready = serve("--no-app", "--empty", "--http")
    github, place, ca_path = ready["github"], ready["workspaces"][0], ready["ca_path"]
    (tmp_path / "here").mkdir()
    setup = Setup(
        tmp_path / "here",
        *("--github-url", github["url"], "--ca-file", ca_path, "--organization", "octo-org"),
        *("--webhook-url", f"http://{NOBODY}", "--workspace-host", place["host"]),
        *("--tenant-id", place["tenant_id"], "--client-id", place["client_id"]),
        *("--client-secret-file", str(Path(ca_path).with_name("dev.secret"))),
        *("--authority-host", place["authority"].rpartition("/")[0]),
    )

    with contextlib.closing(setup), requests.Session() as session:
        browser = Browser(session, ca_path)
        asked = browser.submit(browser.get(setup.url))
        back = browser.submit(asked, name="A rehearsal")
        shown = browser.get(back.headers["Location"])
        page = browser.get(f"{github['url']}/apps/a-rehearsal/installations/new")
        browser.submit(page, target_id="octo-org")
        browser.get(f"{setup.url.partition('/start')[0]}/stage?shown=installed")
        code = setup.end()
    settings = load_settings(tmp_path / "here" / "brickpush.toml", {})

    assert "Install the App" in shown.text
    assert (code, "Installed on octo-org." in setup.said) == (0, True), setup.said
    assert settings.github.url == github["url"]
    assert settings.workspaces["dev"].host == place["host"]
    assert "A rehearsal" in setup.said


def test_the_demo_ends_with_every_git_folder_at_the_commit():
    ran = subprocess.run(
        (sys.executable, "-m", "sandbox", "demo"),
        cwd=ROOT,
        capture_output=True,
        text=True,
        env=environment(COLUMNS="60"),
        timeout=110,
        check=False,
    )

    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert re.fullmatch(r"demo: 28 of 28 Git folders at [0-9a-f]{40}", ran.stdout.splitlines()[-1])
    assert re.search(r"20 of 21 Git folders at [0-9a-f]{7}  action_required", ran.stdout)


def test_the_wheel_holds_the_product_and_nothing_else(tmp_path):
    subprocess.run(
        (
            *(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation"),
            *("--disable-pip-version-check", "-w", str(tmp_path), str(ROOT)),
        ),
        check=True,
        timeout=110,
    )
    [wheel] = tmp_path.glob("*.whl")

    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()

    tops = {name.split("/")[0] for name in names}
    assert tops == {"brickpush", "brickpush-0.1.0.dist-info"}
    parts = {name.split("/")[2] for name in names if name.startswith("brickpush/_parts/")}
    assert parts == {"promotion", "hooks", "github_app", "app-manifest.json"}
    assert any(re.search(r"github_app/storage/migrations/versions/\w+\.py", name) for name in names)
