"""Where people reach the service: what setup writes of it, and what the settings take."""

from __future__ import annotations

import pytest

from github_app.__main__ import main
from github_app.config.settings import load_settings
from github_app.setup.files import Answers, SetupFiles, WorkspaceAnswers, config_text, write_config
from github_app.setup.inputs import public_url_of
from promotion.errors import ConfigError
from sandbox.sandbox import Options, open_sandbox


def some_answers(**changes):
    workspace = WorkspaceAnswers("dev", "https://adb-1.azuredatabricks.net", "t", "c", "s")
    return Answers(7, "app.pem", "webhook.secret", workspace=workspace, **changes)


@pytest.mark.parametrize(
    ("webhook_url", "public_url"),
    [
        ("https://b.example.com/webhooks/github", "https://b.example.com"),
        ("https://b.example.com:8443/webhooks/github", "https://b.example.com:8443"),
        ("http://127.0.0.1:8080/webhooks/github", "http://127.0.0.1:8080"),
        ("https://gateway.example.com/team-7/webhooks/github", ""),
        ("https://smee.io/AbCdEf", ""),
        ("http://b.example.com/webhooks/github", ""),
        ("https://b.example.com/webhooks/github?x=1", ""),
        ("", ""),
        (None, ""),
    ],
)
def test_only_a_webhooks_own_path_tells_where_our_pages_are(webhook_url, public_url):
    assert public_url_of(webhook_url) == public_url


def test_setup_writes_it_where_it_is_known(tmp_path):
    files = SetupFiles(tmp_path / "brickpush.toml")

    write_config(files, some_answers(public_url="https://b.example.com"))

    assert load_settings(files.config, {}).public_url == "https://b.example.com"
    assert "public_url" not in config_text(some_answers())


@pytest.mark.parametrize("url", ["http://b.example.com", "https://me:pw@b.example.com", "ftp://b"])
def test_a_link_never_leads_to_such_an_address(tmp_path, monkeypatch, url):
    monkeypatch.setenv("BRICKPUSH_PUBLIC_URL", url)
    files = SetupFiles(tmp_path / "brickpush.toml")
    write_config(files, some_answers())

    with pytest.raises(ConfigError, match="public_url"):
        load_settings(files.config, {})


@pytest.mark.parametrize("options", [("--webhook-url", "https://b.example.com"), ()])
def test_an_app_that_is_taken_over_tells_it_by_its_webhook(tmp_path, options):
    with open_sandbox(tmp_path / "sandbox", Options(empty=True)) as sandbox:
        sandbox.github.hook_url = "https://b.example.com/webhooks/github"
        github = sandbox.github
        code = main(
            [
                *("setup", "--import", "--config", str(tmp_path / "new" / "brickpush.toml")),
                *("--app-id", str(github.app_id), "--private-key", str(github.private_key_path)),
                *("--github-url", github.url, "--ca-file", str(sandbox.certificate.ca_path)),
                *options,
            ]
        )

    assert code == 0
    text = (tmp_path / "new" / "brickpush.toml").read_text()
    assert 'public_url = "https://b.example.com" # check runs link to it' in text
