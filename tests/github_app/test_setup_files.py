from __future__ import annotations

import json
import os
import stat
import tomllib
from pathlib import Path

import pytest

from github_app.config.settings import load_settings
from github_app.github.manifest import manifest_for, read_manifest
from github_app.setup.files import (
    Answers,
    SetupFiles,
    WorkspaceAnswers,
    config_text,
    write_config,
    write_new,
)
from promotion.errors import ConfigError

ROOT = Path(__file__).parents[2]
# "Registering a GitHub App from a manifest", docs.github.com
FIELDS = {
    *("name", "url", "hook_attributes", "redirect_url", "callback_urls", "setup_url"),
    *("description", "public", "default_events", "default_permissions"),
    *("request_oauth_on_install", "setup_on_update"),
}
NEEDS = {"push": "contents", "repository": "metadata"}
AUTOMATIC = {"installation", "installation_repositories", "github_app_authorization"}


def some_answers(**changes):
    answers = {
        "app_id": 7,
        "private_key_path": "app.private-key.pem",
        "webhook_secret_path": "webhook.secret",
        "workspace": WorkspaceAnswers("dev", "https://adb-1.azuredatabricks.net", "t", "c", "s"),
    }
    return Answers(**{**answers, **changes})


def test_the_manifest_asks_for_just_what_is_needed_in_fields_that_github_knows():
    manifest = json.loads((ROOT / "app-manifest.json").read_text())

    assert set(manifest) <= FIELDS
    assert manifest["default_permissions"] == {
        "contents": "read",
        "metadata": "read",
        "checks": "write",
    }
    assert {NEEDS[event] for event in manifest["default_events"]} <= set(
        manifest["default_permissions"]
    )
    assert not AUTOMATIC & set(manifest["default_events"])
    assert set(manifest["hook_attributes"]) == {"url", "active"}
    assert manifest["hook_attributes"]["url"].startswith("https://")
    assert len(manifest["name"]) <= 34
    assert manifest["public"] is False
    assert read_manifest() == manifest


def test_a_registration_sends_the_same_manifest_with_its_own_addresses():
    manifest = manifest_for("https://host/webhooks/github", redirect_url="http://127.0.0.1:1/r")

    assert manifest == {
        **read_manifest(),
        "hook_attributes": {"url": "https://host/webhooks/github", "active": True},
        "redirect_url": "http://127.0.0.1:1/r",
    }


def test_a_secret_is_never_readable_by_others_and_never_overwrites(tmp_path):
    before = os.umask(0)
    try:
        write_new(tmp_path / "secret", "s3cret")
    finally:
        os.umask(before)

    assert stat.S_IMODE((tmp_path / "secret").stat().st_mode) == 0o600
    with pytest.raises(ConfigError, match="exists already, and is never overwritten"):
        write_new(tmp_path / "secret", "other")
    assert (tmp_path / "secret").read_text() == "s3cret"


def test_a_link_in_the_way_is_not_followed(tmp_path):
    (tmp_path / "secret").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(ConfigError):
        write_new(tmp_path / "secret", "s3cret")

    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("there", ["brickpush.toml", "app.private-key.pem", "webhook.secret"])
def test_nothing_of_an_earlier_setup_is_touched(tmp_path, there):
    (tmp_path / there).write_text("mine")

    with pytest.raises(ConfigError, match=r"exists already, and|exists already and"):
        SetupFiles(tmp_path / "brickpush.toml").refuse_existing()


def test_what_is_written_is_settings_that_the_service_takes(tmp_path):
    files = SetupFiles(tmp_path / "brickpush.toml")
    ca = tmp_path / 'a "quoted" \\ ca.pem'

    write_config(files, some_answers(github_url="https://ghes.example.com", ca_path=ca))
    settings = load_settings(files.config, {})

    assert settings.github.app_id == 7
    assert settings.github.url == "https://ghes.example.com"
    assert settings.github.private_key_path == tmp_path / "app.private-key.pem"
    assert settings.ca_path == ca
    assert settings.workspaces["dev"].entra.client_secret_path == tmp_path / "s"


def test_without_a_workspace_an_example_waits_to_be_filled_in():
    text = config_text(some_answers(workspace=None))

    assert "workspaces" not in tomllib.loads(text)
    filled = "\n".join(
        line.removeprefix("# ")
        if line.startswith(("# [", "# host", "# tenant", "# client_"))
        else line
        for line in text.splitlines()
    )
    assert set(tomllib.loads(filled)["workspaces"]["dev"]["entra"]) == {
        *("tenant_id", "client_id", "client_secret_path"),
    }
