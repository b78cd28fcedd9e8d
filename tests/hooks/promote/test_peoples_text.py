"""Profiles and variables as people's editors, shells and secret stores leave them."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from hooks.system import known_secrets
from hooks.system.environment_variables import NAMES, own_variables
from hooks.system.known_secrets import remember
from hooks.workspaces.candidates import candidates
from hooks.workspaces.connection import https_origin, workspace_url
from hooks.workspaces.profiles import find_profile
from hooks.workspaces.settings import load_settings
from promotion.errors import ConfigError

HOST = "https://adb-1234567890123456.7.azuredatabricks.net"
TOKEN = "dapi" + "0a1b" * 8
SECRET = "aB3~" + "xY" * 17  # a client secret has no shape to know it by
PROFILE = f"[DEFAULT]\nhost = {HOST}\ntoken = {TOKEN}\n"


@pytest.fixture(autouse=True)
def _no_network(home, monkeypatch, tmp_path):
    """Isolation: no program of this machine is asked, no name looked up, and no secret known that
    another test has read."""
    monkeypatch.setattr(known_secrets, "_known", set())
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    monkeypatch.setenv("GIT_ALLOW_PROTOCOL", "none")


def profile_of(home, content, name=""):
    content = content.encode() if isinstance(content, str) else content
    (home / ".databrickscfg").write_bytes(content)
    return find_profile({"HOME": str(home)}, name)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(PROFILE, id="plain"),
        pytest.param(PROFILE.replace("\n", "\r\n"), id="CRLF"),
        pytest.param(PROFILE.encode("utf-8-sig"), id="BOM"),
        pytest.param(PROFILE.replace("\n", "\r\n").encode("utf-16"), id="UTF-16"),
        pytest.param(f"; mine\n{PROFILE}".encode("utf-8-sig"), id="BOM and a comment"),
        pytest.param(f"[DEFAULT]\n  host={HOST}\n  token={TOKEN}\n", id="indented alike"),
        pytest.param(f"[DEFAULT]\nhost={HOST}\n  token={TOKEN}\n", id="token indented"),
        pytest.param(f"[DEFAULT]\nhost={HOST}\n\n\ttoken : {TOKEN}\n", id="tab and colon"),
        pytest.param(f"  [DEFAULT]\n  host = {HOST} \n    token={TOKEN}\t\n", id="deeper"),
        pytest.param(f"[DEFAULT]\nhost = '{HOST}'\ntoken = \"{TOKEN}\"\n", id="quotes"),
    ],
)
def test_a_profile_is_read_as_the_databricks_cli_reads_it(home, content):
    profile = profile_of(home, content)

    assert (profile.host, profile.token, profile.kind) == (HOST, TOKEN, "pat")


def test_a_percent_sign_means_nothing_in_a_profile(home):
    profile = profile_of(home, f"[DEFAULT]\nhost = {HOST}\ntoken = 100%(sure)s%\n")

    assert profile.token == "100%(sure)s%"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param(
            f"host = {HOST}\ntoken = {TOKEN}\n",
            "line 1 of THE-FILE comes before any profile's name: put [DEFAULT] in a line above it",
            id="no section",
        ),
        pytest.param(
            f"# mine\n\n{SECRET}\n{PROFILE}",
            "line 3 of THE-FILE comes before any profile's name: put [DEFAULT] in a line above it",
            id="a secret above",
        ),
        pytest.param(
            f"{PROFILE}\n  {SECRET}\n",
            "line 5 of THE-FILE is neither [PROFILE] nor `key = value`: correct it",
            id="a line of its own",
        ),
        pytest.param(
            f"[DEFAULT]\nhost = {HOST}\n# f\xfcr mich\n".encode("latin-1"),
            "line 3 of THE-FILE is not UTF-8: save the file as UTF-8",
            id="latin-1",
        ),
        pytest.param(
            PROFILE.encode("utf-16-le"),
            "THE-FILE is not UTF-8 (UTF-16, perhaps): save the file as UTF-8",
            id="UTF-16 without its mark",
        ),
    ],
)
def test_a_file_that_is_none_is_refused_by_its_line_and_not_quoted(home, content, words):
    with pytest.raises(ConfigError) as caught:
        profile_of(home, content)

    assert str(caught.value) == words.replace("THE-FILE", str(home / ".databrickscfg"))


@pytest.mark.parametrize(
    "form",
    [
        pytest.param("[DEFAULT]\nhost={host}\n  token={secret}\n", marks=pytest.mark.slow),
        "[DEFAULT]\nhost={host} token={secret}\n",
        "[DEFAULT]\nhost={host}={secret}\n",
        "[DEFAULT]\nhost={secret}\n",
        "[DEFAULT]\nhost={host}:{secret}\n",
        "[DEFAULT]\nhost={host}\nauth_type=pat {secret}\n",
        "[DEFAULT]\nhost={host}\nauth_type=token={secret}\n",
        "[DEFAULT]\nhost={host}\n  azure_client_secret={secret}\nazure_tenant_id=t\n"
        "azure_client_id=c\nazure_environment={secret}\n",
        "[DEFAULT]\nhost={host}\ntoken={secret} {secret}\n",
        "[DEFAULT]\nhost={host}\ntoken={secret}\xe9\n",
        "{secret}\n[DEFAULT]\nhost={host}\n",
    ],
)
@pytest.mark.parametrize(
    "secret",
    [pytest.param(TOKEN, id="token"), pytest.param(SECRET, id="secret", marks=pytest.mark.slow)],
)
def test_a_broken_profile_shows_no_secret_and_asks_for_no_name(
    home, git_promote, program, tmp_path, monkeypatch, form, secret
):
    asked = []
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda host, *_, **__: asked.append(host) or _unknown()
    )
    program("az", """echo '{"accessToken": "eyJ2", "expires_on": 4070908800}'""")
    (home / ".databrickscfg").write_text(form.format(host=HOST, secret=secret))
    summary = tmp_path / "summary.md"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    arguments = ("--url", "https://github.com/octo-org/etl", "--branch", "main")

    ended = [git_promote(*arguments), git_promote(*arguments, "--json"), git_promote("doctor")]
    kept = "".join(path.read_text() for path in (home / "state").rglob("*") if path.is_file())
    told = kept + (summary.read_text() if summary.exists() else "")
    told += "".join(each.output + each.progress for each in ended)

    assert secret.casefold() not in told.casefold()
    assert 0 not in [each.code for each in ended]
    assert set(asked) <= {HOST.removeprefix("https://")}


def _unknown():
    raise socket.gaierror(-2, "unknown")


@pytest.mark.parametrize(
    "text",
    [
        f"{HOST}\ntoken={TOKEN}",
        f"{HOST}\rtoken",
        f"{HOST}\ttoken",
        f"{HOST} token",
        f"{HOST}\0",
        f"{HOST}=x",
        f"{HOST}\u2028x",
        "https://adb_1.example",
        "https://-adb.example",
        "https://adb..example",
        "https://adb-1.azuredatabricks.net..",
        "https://ädb.example",
        "https://adb-1.azuredatabricks.net\u3002evil.example",
        f"https://{'a' * 64}.example",
        f"https://{'a.' * 127}example",
        "https://[::1",
        "https://[x]",
        f"https://adb.example:{TOKEN}",
    ],
)
@pytest.mark.parametrize("read", [workspace_url, https_origin])
def test_an_address_with_anything_else_in_it_is_refused_and_not_quoted(read, text):
    with pytest.raises(ConfigError) as caught:
        read(text, source="IT")

    assert str(caught.value).startswith("IT ")
    assert TOKEN not in str(caught.value)


def test_a_variable_may_end_with_a_line_break(stage, monkeypatch):
    monkeypatch.setenv("DATABRICKS_HOST", f" {HOST}\n")
    monkeypatch.setenv("DATABRICKS_TOKEN", f"\ufeff{TOKEN}\r\n")

    (found,) = (each.sign_in() for each in candidates(os.environ, load_settings(os.environ)))

    assert (found.host, found.authorization()) == (HOST, f"Bearer {TOKEN}")


def test_each_value_of_a_ci_step_may_end_with_a_line_break(
    repository, git_promote, service_principal, monkeypatch
):
    folder = repository.add_git_folder("one")
    after = repository.commit()
    monkeypatch.setenv("BRICKPUSH_GIT_TOKEN", repository.stage.github.user_token("hubot"))
    for name in NAMES:
        if value := os.environ.get(name):
            monkeypatch.setenv(name, f" {value}\r\n")

    ended = git_promote("--url", repository.url, "--branch", "main")

    assert (ended.code, repository.at(folder)) == (0, after)


def test_variables_with_a_line_break_inside_are_named_all_at_once_and_not_quoted():
    with pytest.raises(ConfigError) as caught:
        own_variables({"DATABRICKS_TOKEN": f"{TOKEN}\nx", "ARM_CLIENT_SECRET": f"{SECRET}\tx"})

    assert str(caught.value) == (
        "DATABRICKS_TOKEN, ARM_CLIENT_SECRET hold a line break or another control character in "
        "the middle: set the value in one line"
    )


@pytest.mark.parametrize("command", [("doctor",), ("login",), ("--url", "u", "--branch", "main")])
def test_every_command_says_which_variable_it_is(git_promote, monkeypatch, command):
    monkeypatch.setenv("DATABRICKS_TOKEN", f"{TOKEN}\nx")

    ended = git_promote(*command)

    assert ended.code == 2
    assert "DATABRICKS_TOKEN holds a line break" in ended.output + ended.progress
    assert TOKEN not in ended.output + ended.progress


@pytest.mark.parametrize("name", ["DATABRICKS_TOKEN", "BRICKPUSH_GIT_TOKEN"])
def test_a_token_that_no_header_can_carry_is_refused_by_name(
    git_promote, service_principal, monkeypatch, name
):
    if name == "DATABRICKS_TOKEN":
        monkeypatch.setenv("DATABRICKS_HOST", HOST)
    monkeypatch.setenv(name, f"{TOKEN} {TOKEN}")

    ended = git_promote("--url", "https://github.com/octo-org/etl", "--branch", "main")

    assert ended.code == 2
    assert f"{name} holds a character that no token has" in ended.progress


def test_a_token_of_a_cli_that_no_header_can_carry_is_none(git_promote, program, monkeypatch):
    program("az", """echo '{"accessToken": "eyJ2 eyJ2"}'""")
    monkeypatch.setenv("DATABRICKS_HOST", HOST)

    ended = git_promote("--url", "https://github.com/octo-org/etl", "--branch", "main")

    assert ended.code == 2
    assert "the az CLI gave no token: its accessToken holds odd characters" in ended.output


def test_a_secret_in_the_place_of_a_profiles_name_is_not_repeated(git_promote, home, monkeypatch):
    (home / ".databrickscfg").write_text(PROFILE)
    for name in ("ARM_CLIENT_SECRET", "DATABRICKS_CONFIG_PROFILE"):
        monkeypatch.setenv(name, SECRET)

    ended = git_promote("--url", "https://github.com/octo-org/etl", "--branch", "main")

    assert ended.code == 2
    assert "has no profile '[hidden]': it has DEFAULT" in ended.progress


def test_what_nobody_expected_repeats_no_secret(git_promote, monkeypatch):
    def fail():
        remember(SECRET)
        raise ValueError(SECRET)

    monkeypatch.setattr(Path, "cwd", fail)

    ended = git_promote("--url", "https://github.com/octo-org/etl", "--branch", "main")

    assert ended.code == 3
    assert "something unexpected happened: ValueError: [hidden]" in ended.progress


def test_what_an_answer_repeats_of_a_secret_is_hidden_wherever_it_is_printed(
    repository, git_promote, service_principal, tmp_path, monkeypatch
):
    stage, home = repository.stage, service_principal
    secret = "Sup3r~plain-words-of-no-shape"
    monkeypatch.setenv("BRICKPUSH_GIT_TOKEN", secret)
    repository.add_git_folder("one")
    repository.commit()
    stage.workspace.faults.add(
        method="PATCH",
        path="*/repos/*",
        times=None,
        status=400,
        body={"error_code": "ODD", "message": f"odd words about {secret.upper()}@host"},
    )
    summary = tmp_path / "summary.md"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))

    try:
        ended = git_promote("--url", repository.url, "--branch", "main")
        printed = git_promote("--url", repository.url, "--branch", "main", "--json")
    finally:
        stage.workspace.faults.clear()
    status = git_promote("status", "--all").output
    as_json = git_promote("status", "--all", "--json").json
    monkeypatch.setenv("BRICKPUSH_GIT_TOKEN", stage.github.user_token())
    git_promote("--url", repository.url, "--branch", "main")  # the other tests' credential
    told = ended.output + ended.progress + summary.read_text() + status
    told += printed.output + printed.progress

    assert ended.code == 1
    assert "[hidden]@host" in ended.output
    assert "[hidden]@host" in printed.json["workspaces"][0]["outcomes"][0]["reason"]
    assert "plain-words" not in told.casefold()
    kept = "".join(path.read_text() for path in (home / "state").rglob("*") if path.is_file())
    assert "plain-words" not in kept.casefold()
    assert as_json["state"] == "failed"
