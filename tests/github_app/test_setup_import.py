from __future__ import annotations

import shutil

import pytest

from github_app.__main__ import main
from github_app.config.settings import load_settings
from github_app.setup.inputs import webhook_address
from promotion.errors import ConfigError
from sandbox.sandbox import Options, open_sandbox


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory):
    with open_sandbox(tmp_path_factory.mktemp("sandbox"), Options(empty=True)) as opened:
        yield opened


@pytest.fixture
def importing(sandbox, tmp_path, monkeypatch):
    """Run `brickpush setup --import` in an empty directory."""
    monkeypatch.chdir(tmp_path)

    def run(*options, app_id=sandbox.github.app_id, key=sandbox.github.private_key_path):
        return main(
            [
                *("setup", "--import", "--app-id", str(app_id), "--private-key", str(key)),
                *("--github-url", sandbox.github.url),
                *("--ca-file", str(sandbox.certificate.ca_path), *options),
            ]
        )

    return run


def test_an_app_is_taken_over_with_its_secret(sandbox, importing, tmp_path, capsys):
    secret = tmp_path / "given.secret"
    secret.write_text(f"{sandbox.github.webhook_secret}\n")
    before = sandbox.github.webhook_secret

    code = importing(
        "--webhook-secret-file",
        str(secret),
        "--workspace-host",
        "adb-1.example.net",
        "--tenant-id",
        "t",
        "--client-id",
        "c",
        "--client-secret-file",
        str(secret),
    )

    settings = load_settings(tmp_path / "brickpush.toml", {})
    assert code == 0
    assert settings.github.private_key_path == sandbox.github.private_key_path
    assert (tmp_path / "webhook.secret").read_text() == before == sandbox.github.webhook_secret
    assert settings.workspaces["dev"].host == "https://adb-1.example.net"
    assert before not in capsys.readouterr().out


def test_without_its_secret_a_new_one_is_set_at_github(sandbox, importing, tmp_path, capsys):
    before = sandbox.github.webhook_secret

    code = importing("--webhook-url", "https://brickpush.example.com")

    written = (tmp_path / "webhook.secret").read_text()
    assert code == 0
    assert sandbox.github.webhook_secret == written != before
    assert sandbox.github.hook_url == "https://brickpush.example.com/webhooks/github"
    assert written not in capsys.readouterr().out


def test_a_key_of_another_app_is_refused_before_anything_is_written(
    sandbox, importing, tmp_path, capsys
):
    shutil.copy(sandbox.certificate.key_path, tmp_path / "key.pem")

    codes = [importing(app_id=1), importing(key=tmp_path / "key.pem")]

    said = capsys.readouterr().err
    assert codes == [2, 2]
    assert "GitHub does not accept this key for App 1 (Integration not found)" in said
    assert "not an RSA key" in said
    assert not (tmp_path / "brickpush.toml").exists()


def test_an_existing_file_is_never_overwritten(importing, tmp_path, capsys):
    (tmp_path / "brickpush.toml").write_text("mine")

    code = importing()

    assert code == 2
    assert "exists already and is never overwritten" in capsys.readouterr().err
    assert (tmp_path / "brickpush.toml").read_text() == "mine"


def test_without_a_terminal_what_is_missing_is_named(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    assert main(["setup", "--no-browser"]) == 2
    assert "--webhook-url is needed" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "whole"),
    [
        ("brickpush.example.com", "https://brickpush.example.com/webhooks/github"),
        ("https://b.example.com/", "https://b.example.com/webhooks/github"),
        ("https://b.example.com/hooks/7", "https://b.example.com/hooks/7"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080/webhooks/github"),
    ],
)
def test_a_host_is_completed_to_a_webhook_address(given, whole):
    assert webhook_address(given) == whole


@pytest.mark.parametrize("given", ["http://b.example.com", "https://", "https://me:pw@b.example"])
def test_addresses_that_webhooks_must_not_go_to(given):
    with pytest.raises(ConfigError):
        webhook_address(given)
