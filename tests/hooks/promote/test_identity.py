"""Which identity is used for which workspace, and that no token goes anywhere else."""

from __future__ import annotations

import os
import time

import pytest

from hooks.workspaces.candidates import candidates
from hooks.workspaces.cli_tokens import AccessToken, RenewedToken
from hooks.workspaces.connection import NeedsLoginError, workspace_url
from hooks.workspaces.environment import AZURE_NAMES
from hooks.workspaces.settings import load_settings
from promotion.errors import ConfigError

A_HOST = "https://adb-1.1.azuredatabricks.net"
ANOTHER_HOST = "https://adb-2.2.azuredatabricks.net"


@pytest.fixture(autouse=True)
def _only_our_programs(home, tmp_path, monkeypatch):
    """Isolation: no az or databricks of this machine is asked."""
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))


def connect(chosen=""):
    environ = dict(os.environ)
    found = candidates(environ, load_settings(environ), chosen)
    return [candidate.sign_in() for candidate in found]


def known(connection):
    return connection.name, connection.host, connection.identity, connection.authorization()


def write_profiles(home, text):
    (home / ".databrickscfg").write_text(text)


def write_settings(home, text):
    path = home / "config" / "brickpush" / "promote.toml"
    path.parent.mkdir(parents=True)
    path.write_text(text)


def test_a_host_and_a_token_of_the_environment_come_first(home, monkeypatch):
    write_profiles(home, f"[DEFAULT]\nhost = {ANOTHER_HOST}\ntoken = dapi-other\n")
    monkeypatch.setenv("DATABRICKS_HOST", f"{A_HOST}/?o=1")
    monkeypatch.setenv("DATABRICKS_TOKEN", "dapi-mine")

    (connection,) = connect()

    name = A_HOST.removeprefix("https://")
    words = "the owner of the token in DATABRICKS_TOKEN"
    assert known(connection) == (name, A_HOST, words, "Bearer dapi-mine")
    assert "dapi-mine" not in repr(connection)


def test_a_token_of_the_environment_goes_to_no_other_host(home, monkeypatch):
    write_profiles(home, f"[DEFAULT]\nhost = {ANOTHER_HOST}\ntoken = dapi-other\n")
    monkeypatch.setenv("DATABRICKS_TOKEN", "dapi-mine")

    (connection,) = connect()

    assert (connection.host, connection.authorization()) == (ANOTHER_HOST, "Bearer dapi-other")


@pytest.mark.parametrize(
    "names",
    [
        ("ARM_TENANT_ID", "ARM_CLIENT_ID", "ARM_CLIENT_SECRET", "DATABRICKS_HOST"),
        (
            "AZURE_SP_TENANT_ID",
            "AZURE_SP_CLIENT_ID",
            "AZURE_SP_CLIENT_SECRET",
            "AZURE_DATABRICKS_WORKSPACE_INSTANCE_NAME",
        ),
    ],
    ids=["ARM", "AZURE"],
)
def test_a_service_principal_of_the_environment_signs_in(stage, monkeypatch, names):
    principal = stage.principal
    values = (principal.tenant_id, principal.client_id, principal.client_secret)
    for name, value in zip(names, (*values, f"{stage.workspace.url}/"), strict=True):
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AZURE_AUTHORITY_HOST", stage.entra.url)

    (connection,) = connect()

    assert connection.identity == f"service principal {principal.client_id} ({names[1]})"
    token = connection.authorization().removeprefix("Bearer ")
    assert stage.entra.identify(token) == principal.client_id
    assert connection.service_principal


def test_the_profile_is_the_named_one_then_the_settled_one_then_default(home, monkeypatch):
    profiles = "\n".join(
        f"[{name}]\nhost = adb-{number}.1.azuredatabricks.net\ntoken = dapi{number}\n"
        for number, name in enumerate(("DEFAULT", "dev", "staging", "prod"))
    )
    write_profiles(home, profiles)
    by_default = connect()
    write_profiles(home, f"{profiles}\n[__settings__]\ndefault_profile = dev\n")
    settled = connect()
    monkeypatch.setenv("DATABRICKS_CONFIG_PROFILE", "staging")
    by_environment = connect()
    by_option = connect("prod")

    found = [by_default, settled, by_environment, by_option]

    assert [[each.name for each in each_time] for each_time in found] == [
        ["DEFAULT"],
        ["dev"],
        ["staging"],
        ["prod"],
    ]
    assert by_option[0].identity == "profile prod (personal access token)"
    assert by_option[0].authorization() == "Bearer dapi3"


def test_a_profile_inherits_nothing_from_default(home):
    write_profiles(home, f"[DEFAULT]\nhost = {A_HOST}\ntoken = dapi1\n[dev]\ntoken = dapi2\n")

    with pytest.raises(ConfigError, match="names no host"):
        connect("dev")


def test_a_profile_of_a_service_principal_signs_in(home, stage, monkeypatch):
    principal = stage.principal
    write_profiles(
        home,
        f"[prod]\nhost = {stage.workspace.url}\nazure_tenant_id = {principal.tenant_id}\n"
        f"azure_client_id = {principal.client_id}\n"
        f"azure_client_secret = {principal.client_secret}\n",
    )
    monkeypatch.setenv("AZURE_AUTHORITY_HOST", stage.entra.url)

    (connection,) = connect("prod")

    token = connection.authorization().removeprefix("Bearer ")
    assert stage.entra.identify(token) == principal.client_id
    assert not connection.service_principal  # its Git credential is the profile's owner's


def test_the_databricks_cli_is_asked_outside_the_repository(home, monkeypatch, program):
    noted = program(
        "databricks", """echo '{"access_token": "eyJ1", "expiry": "2999-01-01T00:00:00.1Z"}'"""
    )
    monkeypatch.setenv("DATABRICKS_HOST", A_HOST)

    (connection,) = connect()

    assert connection.identity == "the databricks CLI's sign-in"
    assert connection.authorization() == "Bearer eyJ1"
    assert noted.read_text().split() == [str(home), "auth", "token", "--host", A_HOST]


def test_a_profile_of_the_databricks_cli_is_asked_for_by_name(home, program):
    noted = program("databricks", """echo '{"access_token": "eyJ1"}'""")
    write_profiles(home, f"[dev]\nhost = {A_HOST}\nauth_type = databricks-cli\n")

    (connection,) = connect("dev")

    assert connection.identity == "profile dev (the databricks CLI's sign-in)"
    assert noted.read_text().split()[1:] == ["auth", "token", "--profile", "dev"]


def test_the_az_cli_is_asked_where_the_databricks_cli_has_nothing(monkeypatch, program):
    program("databricks", "echo 'no token found' >&2; exit 1")
    noted = program("az", """echo '{"accessToken": "eyJ2", "expires_on": 9999999999}'""")
    monkeypatch.setenv("DATABRICKS_HOST", A_HOST)
    monkeypatch.setenv("ARM_TENANT_ID", "a-tenant")

    (connection,) = connect()

    assert connection.identity == "the az CLI's sign-in"
    assert connection.authorization() == "Bearer eyJ2"
    resource = "2ff814a6-3304-4ab8-85cb-cd0e6f879c1d"
    assert " ".join(noted.read_text().split()[1:]) == (
        f"account get-access-token --resource {resource} --tenant a-tenant --output json"
    )


def test_nobody_signed_in_names_every_way_and_the_command(monkeypatch, program):
    program("databricks", "echo nonsense")
    program("az", "echo 'Please run az login' >&2; exit 1")
    monkeypatch.setenv("DATABRICKS_HOST", A_HOST)

    with pytest.raises(NeedsLoginError) as caught:
        connect()

    assert str(caught.value) == (
        f"nobody is signed in to {A_HOST} "
        "(the databricks CLI gave no token: its answer holds no access_token; "
        "the az CLI gave no token: Please run az login): "
        f"run `databricks auth login --host {A_HOST}` or `az login`"
    )


@pytest.mark.parametrize("missing", ["AZURE_SP_CLIENT_SECRET", "AZURE_SP_TENANT_ID"])
def test_three_of_the_four_names_become_no_other_identity(
    service_principal, monkeypatch, program, missing
):
    program("az", """echo '{"accessToken": "eyJ2"}'""")
    write_profiles(service_principal, f"[DEFAULT]\nhost = {A_HOST}\ntoken = dapi1\n")
    monkeypatch.delenv(missing)

    with pytest.raises(ConfigError, match=f"{missing} is not set: set all of AZURE_SP_TENANT_ID"):
        connect()


def test_four_empty_names_become_no_other_identity(home, monkeypatch):
    """A workflow of a fork gets none of the repository's secrets: each is an empty value."""
    write_profiles(home, f"[DEFAULT]\nhost = {A_HOST}\ntoken = dapi1\n")
    for name in AZURE_NAMES:
        monkeypatch.setenv(name, "")

    with pytest.raises(ConfigError, match=f"^{', '.join(AZURE_NAMES)} are not set: set all of"):
        connect()


def test_missing_programs_are_said(monkeypatch):
    monkeypatch.setenv("DATABRICKS_HOST", A_HOST)

    with pytest.raises(NeedsLoginError, match="the az CLI is not on the PATH"):
        connect()


def test_a_program_of_the_current_directory_is_never_run(tmp_path, monkeypatch, program):
    program("az", """echo '{"accessToken": "eyJ2"}'""")
    monkeypatch.chdir(tmp_path / "bin")
    monkeypatch.setenv("PATH", os.pathsep.join((".", "")))
    monkeypatch.setenv("DATABRICKS_HOST", A_HOST)

    with pytest.raises(NeedsLoginError, match="the az CLI is not on the PATH"):
        connect()


def test_the_users_settings_name_workspaces_by_host_and_by_profile(home, program):
    program("az", """echo '{"accessToken": "eyJ2"}'""")
    write_profiles(home, f"[prod]\nhost = {ANOTHER_HOST}\ntoken = dapi1\n")
    write_settings(
        home,
        f'[[workspaces]]\nname = "dev"\nhost = "{A_HOST}"\nroots = ["/Repos/team/"]\n'
        '[[workspaces]]\nprofile = "prod"\n',
    )

    both, only = connect(), connect("dev")

    assert [(each.name, each.host) for each in both] == [("dev", A_HOST), ("prod", ANOTHER_HOST)]
    assert [(each.name, each.roots) for each in only] == [("dev", ("/Repos/team",))]


def test_nothing_configured_says_how_to_begin():
    with pytest.raises(ConfigError, match="no workspace is configured: run `databricks auth"):
        connect()


@pytest.mark.parametrize(
    ("profile", "message"),
    [
        ("auth_type = pat", "profile dev lacks token"),
        ("auth_type = oauth-m2m", "auth_type oauth-m2m, which is not known here"),
        ("azure_client_secret = x", "profile dev lacks azure_tenant_id, azure_client_id"),
        ("azure_client_secret = x\nazure_tenant_id = x\nazure_client_id = x\n"
         "azure_environment = mars", "must be public, usgovernment or china, not 'mars'"),
    ],
)  # fmt: skip
def test_a_profile_that_cannot_be_used_says_why(home, profile, message):
    write_profiles(home, f"[dev]\nhost = {A_HOST}\n{profile}\n")

    with pytest.raises(ConfigError, match=message):
        connect("dev")


def test_a_profile_that_is_not_there_names_the_others(home):
    write_profiles(home, f"[dev]\nhost = {A_HOST}\ntoken = dapi1\n")

    with pytest.raises(ConfigError, match="has no profile 'prod': it has dev"):
        connect("prod")


def test_a_broken_file_of_profiles_is_not_quoted(home):
    write_profiles(home, "dapi0123456789abcdef\n")

    with pytest.raises(ConfigError) as caught:
        connect()

    assert "comes before any profile's name: put [DEFAULT] in a line above it" in str(caught.value)
    assert "dapi" not in str(caught.value)


def test_the_file_of_profiles_may_be_elsewhere_but_not_relative_to_a_repository(home, monkeypatch):
    (home / "other.cfg").write_text(f"[DEFAULT]\nhost = {A_HOST}\ntoken = dapi1\n")
    monkeypatch.setenv("DATABRICKS_CONFIG_FILE", "~/other.cfg")
    (connection,) = connect()
    monkeypatch.setenv("DATABRICKS_CONFIG_FILE", "other.cfg")

    with pytest.raises(ConfigError, match="must be an absolute path"):
        connect()

    assert connection.host == A_HOST


def test_the_users_settings_are_not_looked_for_in_a_repository(tmp_path, monkeypatch):
    planted = tmp_path / "repository" / "config" / "brickpush" / "promote.toml"
    planted.parent.mkdir(parents=True)
    planted.write_text(f'[[workspaces]]\nhost = "{A_HOST}"\n')
    monkeypatch.chdir(tmp_path / "repository")
    monkeypatch.setenv("XDG_CONFIG_HOME", "config")

    with pytest.raises(ConfigError):
        connect()


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("adb-1.1.azuredatabricks.net", A_HOST),
        ("HTTPS://ADB-1.1.azuredatabricks.net:443/browse?o=1#x", A_HOST),
        ("http://127.0.0.1:8000/", "http://127.0.0.1:8000"),
        ("https://[::1]:8443", "https://[::1]:8443"),
    ],
)
def test_addresses_as_people_paste_them(text, url):
    assert workspace_url(text, source="DATABRICKS_HOST") == url


@pytest.mark.parametrize(
    "text",
    [
        "",
        "http://adb-1.1.azuredatabricks.net",
        "https://user:secret@adb-1.1.azuredatabricks.net",
        "https://evil.example\\@adb-1.1.azuredatabricks.net",
        "https://adb:port",
        "ftp://adb-1.1.azuredatabricks.net",
    ],
)
def test_addresses_that_get_no_token(text):
    with pytest.raises(ConfigError) as caught:
        workspace_url(text, source="DATABRICKS_HOST")

    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("AZURE_AUTHORITY_HOST", "http://login.example", "must be an https address"),
        ("ARM_ENVIRONMENT", "mars", "must be public, usgovernment or china"),
    ],
)
def test_a_sign_in_host_that_cannot_be_used_says_why(stage, monkeypatch, name, value, message):
    for part in ("TENANT_ID", "CLIENT_ID", "CLIENT_SECRET"):
        monkeypatch.setenv(f"ARM_{part}", "x")
    monkeypatch.setenv("DATABRICKS_HOST", A_HOST)
    monkeypatch.setenv(name, value)

    with pytest.raises(ConfigError, match=message):
        connect()


def test_a_token_is_renewed_before_it_ends():
    now = time.time()
    answers = [AccessToken("old", now + 30), AccessToken("new", now + 3600)]
    token = RenewedToken(lambda: answers.pop(0))

    given = [token.authorization() for _ in range(3)]

    assert given == ["Bearer old", "Bearer new", "Bearer new"]
