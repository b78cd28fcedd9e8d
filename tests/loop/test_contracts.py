"""What others rely on: the sandbox's ready line, the demo's last line, the wheel's contents."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import requests
from running import environment

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
    process, ready = serve("--hook", "http://127.0.0.1:9/webhooks/github")

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
    assert tops == {"promotion", "hooks", "github_app", "brickpush-0.1.0.dist-info"}
    assert any(re.match(r"github_app/migrations/versions/\w+\.py", name) for name in names)
