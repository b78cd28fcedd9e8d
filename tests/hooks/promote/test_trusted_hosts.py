"""A token that opens every workspace goes to Azure Databricks, and where the user's files say."""

from __future__ import annotations

import os

import pytest

from hooks.workspaces.candidates import candidates
from hooks.workspaces.connection import NeedsLoginError
from hooks.workspaces.settings import load_settings
from hooks.workspaces.trusted_hosts import is_azure_databricks
from promotion.errors import ConfigError

A_HOST = "https://adb-1.1.azuredatabricks.net"
EVIL = "https://adb-1.1.azuredatabricks.net.evil.example"
AZ = """echo '{"accessToken": "eyJ2"}'"""


def connect():
    environ = dict(os.environ)
    return [each.sign_in() for each in candidates(environ, load_settings(environ))]


@pytest.fixture
def az(program, tmp_path, monkeypatch):
    """An az CLI that is signed in, and no databricks CLI; the file that notes what az was asked."""
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    return program("az", AZ)


@pytest.mark.parametrize(
    "host",
    [
        "adb-1.1.azuredatabricks.net",
        "ADB-1.1.AzureDatabricks.NET",
        "https://adb-1.1.azuredatabricks.net.:443/?o=1",
        "adb-1.1.databricks.azure.us",
        "adb-1.1.databricks.azure.cn",
    ],
)
def test_the_az_clis_token_goes_to_azure_databricks(az, monkeypatch, host):
    monkeypatch.setenv("DATABRICKS_HOST", host)

    (connection,) = connect()

    assert connection.authorization() == "Bearer eyJ2"
    assert is_azure_databricks(connection.host)


@pytest.mark.parametrize(
    "host",
    [
        EVIL,
        "https://azuredatabricks.net",
        "https://evilazuredatabricks.net",
        "https://adb-1.1.azuredatabricks.net:8443",
        "https://adb-1.1-azuredatabricks.net",
        "https://adb-1.1.azuredatabricks.us",
        "https://databricks.azure.us",
        "https://databricks.azure.us.evil.example",
        "https://127.0.0.1:8443",
        "http://localhost:8080",
        "https://[::1]",
    ],
)
def test_the_az_clis_token_goes_to_no_other_host_that_only_the_environment_names(
    az, monkeypatch, host
):
    monkeypatch.setenv("DATABRICKS_HOST", host)

    with pytest.raises(NeedsLoginError) as caught:
        connect()

    assert not az.exists()
    assert f"nobody is signed in to {host}" in str(caught.value)
    assert "an Entra token is sent only to Azure Databricks' own hosts" in str(caught.value)
    assert caught.value.next_step.startswith("correct the host, or run `databricks auth login")


@pytest.mark.parametrize(
    "host", ["https://adb-1.azuredatabricks.net@evil.example", "https://x\\@adb-1.example"]
)
def test_an_address_with_a_user_is_refused_before_anybody_is_asked(az, monkeypatch, host):
    monkeypatch.setenv("DATABRICKS_HOST", host)

    with pytest.raises(ConfigError, match="DATABRICKS_HOST is not a workspace's address"):
        connect()

    assert not az.exists()


def test_hosts_that_the_users_own_files_name_get_the_az_clis_token(
    az, home, promote_toml, monkeypatch
):
    (home / ".databrickscfg").write_text("[a]\nhost = https://One.example/\n[b]\nhost = ???\n")
    promote_toml('[[workspaces]]\nhost = "two.example:8443"\n')
    given = []
    for host in ("one.example", "https://two.example:8443"):
        monkeypatch.setenv("DATABRICKS_HOST", host)
        given += [(each.host, each.authorization()) for each in connect()]

    assert given == [
        ("https://one.example", "Bearer eyJ2"),
        ("https://two.example:8443", "Bearer eyJ2"),
    ]


def test_a_file_of_profiles_that_the_environment_names_makes_no_host_trusted(
    az, home, tmp_path, monkeypatch
):
    theirs = tmp_path / "repository.cfg"
    theirs.write_text(f"[DEFAULT]\nhost = {EVIL}\n[az]\nhost = {EVIL}\nauth_type = azure-cli\n")
    monkeypatch.setenv("DATABRICKS_CONFIG_FILE", str(theirs))

    for profile in ("", "az"):
        monkeypatch.setenv("DATABRICKS_CONFIG_PROFILE", profile)
        with pytest.raises(NeedsLoginError, match="is sent only to Azure Databricks' own hosts"):
            connect()

    assert not az.exists()


def test_the_databricks_clis_token_is_for_its_host_and_may_go_there(az, program, monkeypatch):
    program("databricks", """echo '{"access_token": "eyJ1"}'""")
    monkeypatch.setenv("DATABRICKS_HOST", "https://databricks.example")

    (connection,) = connect()

    assert connection.authorization() == "Bearer eyJ1"
    assert not az.exists()


def test_our_own_sign_in_is_not_used_for_another_host(az, home, promote_toml, monkeypatch):
    promote_toml('[login]\nclient_id = "x"\nplain_text = true\n')
    cache = home / "data" / "brickpush" / "sign-in.json"
    cache.parent.mkdir(parents=True)
    cache.write_text("{}")
    monkeypatch.setenv("DATABRICKS_HOST", EVIL)

    with pytest.raises(NeedsLoginError) as caught:
        connect()

    assert "git promote login" not in str(caught.value)


@pytest.mark.parametrize(
    ("names", "host_name"),
    [
        (("ARM_TENANT_ID", "ARM_CLIENT_ID", "ARM_CLIENT_SECRET"), "DATABRICKS_HOST"),
        (
            ("AZURE_SP_TENANT_ID", "AZURE_SP_CLIENT_ID", "AZURE_SP_CLIENT_SECRET"),
            "AZURE_DATABRICKS_WORKSPACE_INSTANCE_NAME",
        ),
    ],
    ids=["ARM", "AZURE"],
)
def test_a_service_principals_token_goes_to_no_stranger_either(
    promote_toml, monkeypatch, names, host_name
):
    for name in names:
        monkeypatch.setenv(name, "a-value-of-eight")
    monkeypatch.setenv(host_name, EVIL)

    with pytest.raises(ConfigError, match=f"{host_name} names {EVIL}, and a service principal's"):
        connect()

    promote_toml(f'[[workspaces]]\nhost = "{EVIL}"\n')
    (connection,) = connect()
    assert connection.host == EVIL


def test_a_refused_host_ends_with_2_and_says_what_to_do(az, git_promote, monkeypatch):
    monkeypatch.setenv("DATABRICKS_HOST", EVIL)

    ended = git_promote("--url", "https://github.com/octo-org/etl", "--branch", "main")

    assert ended.code == 2
    assert "an Entra token is sent only to Azure Databricks' own hosts" in ended.output
    assert "correct the host" in ended.output
    assert not az.exists()
