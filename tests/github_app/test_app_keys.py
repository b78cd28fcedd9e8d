"""The App's key in every form in which an operator may hand it over, proved by a real call."""

from __future__ import annotations

import base64
import json

import pytest

from github_app.config.settings import load_settings
from github_app.github.registration import read_registration
from github_app.wiring import open_app
from promotion.http import open_session
from sandbox.sandbox import Options, open_sandbox

NAME = "BRICKPUSH_GITHUB__PRIVATE_KEY"
FORMS = {
    "PEM": lambda pem: pem,
    "base64": lambda pem: base64.b64encode(pem.encode()).decode(),
    "literal newlines": lambda pem: pem.strip().replace("\n", "\\n"),
}


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory):
    with open_sandbox(tmp_path_factory.mktemp("sandbox"), Options(empty=True)) as opened:
        yield opened


@pytest.fixture
def config(sandbox, tmp_path):
    """The sandbox's settings, without a key."""
    text = sandbox.config_path.read_text()
    path = tmp_path / "brickpush.toml"
    path.write_text(
        "\n".join(line for line in text.splitlines() if not line.startswith("private_key_path"))
    )
    return path


def registered(config, sandbox):
    settings = load_settings(config, {})
    with open_session(str(sandbox.certificate.ca_path)) as session:
        return read_registration(open_app(settings, session).http).app_id


@pytest.mark.parametrize("form", FORMS)
def test_a_key_of_the_environment_is_taken_in_any_form(sandbox, config, monkeypatch, form):
    pem = sandbox.github.private_key_path.read_text()
    monkeypatch.setenv(NAME, FORMS[form](pem))

    assert registered(config, sandbox) == sandbox.github.app_id


@pytest.mark.parametrize("form", FORMS)
def test_a_key_in_a_file_is_taken_in_any_form(sandbox, config, monkeypatch, tmp_path, form):
    path = tmp_path / "app.pem"
    path.touch(mode=0o600)
    path.write_text(FORMS[form](sandbox.github.private_key_path.read_text()))
    monkeypatch.setenv(f"{NAME}_PATH", str(path))

    assert registered(config, sandbox) == sandbox.github.app_id


def test_of_a_list_of_keys_the_one_that_github_knows_signs(sandbox, config, monkeypatch, tmp_path):
    first, retired = sandbox.github.private_key_path, tmp_path / "retired.pem"
    retired.touch(mode=0o600)
    retired.write_text(first.read_text())
    good = sandbox.github.add_private_key()
    sandbox.github.delete_private_key(first)
    monkeypatch.setenv(f"{NAME}_PATHS", json.dumps([str(retired), str(good)]))

    assert registered(config, sandbox) == sandbox.github.app_id
