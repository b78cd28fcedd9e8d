"""A token goes where the operator or the user said, over TLS, and nowhere else."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from builders import ETL, a_folder, a_push
from pydantic import ValidationError
from security.listener import listener

from github_app.config.settings import EntraSettings, GitHubSettings, WorkspaceSettings
from github_app.config.settings import Settings as ServiceSettings
from github_app.setup.inputs import webhook_address
from hooks.workspaces.candidates import candidates
from hooks.workspaces.connection import workspace_url
from hooks.workspaces.settings import Settings, load_settings
from promotion.entra import MsalSession
from promotion.errors import ApiError, ConfigError, UnreachableError
from promotion.http import Http, open_session
from promotion.plan import PlanInput, plan
from promotion.repository_url import repository_key
from sandbox.certificates import make_certificate

TOKEN = "a-token-that-nobody-else-may-see"
NO_CHECK = {"CERT_NONE", "_create_unverified_context", "disable_warnings"}
NO_HOST = [
    "http://adb-1.azuredatabricks.net",
    "http://169.254.169.254",
    "ftp://adb-1.azuredatabricks.net",
    "file:///etc/passwd",
    "https://",
    "https://adb-1.azuredatabricks.net@evil.example",
    "https://adb-1.azuredatabricks.net:443@evil.example",
    "https://evil.example\\@adb-1.azuredatabricks.net",
    "https://evil.example .azuredatabricks.net",
    "https://evil.example\t.azuredatabricks.net",
]


def api(url, ca_path=None, **more):
    session = open_session(ca_path)
    return Http(url, session=session, authorization=lambda: f"Bearer {TOKEN}", **more)


def in_turn(*locations):
    return lambda number: [("Location", locations[number - 1])]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("method", ["GET", "POST", "PATCH"])
def test_no_redirect_takes_a_token_to_another_host(status, method):
    with (
        listener() as (elsewhere, stolen),
        listener(status=status, headers=[("Location", elsewhere)]) as (url, _),
        pytest.raises(ApiError, match=f"a redirect to {elsewhere}, which is not followed"),
    ):
        api(url).call(method, "/api/2.0/repos", json={})

    assert stolen == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("method", ["GET", "POST", "PATCH"])
def test_no_redirect_takes_a_token_of_githubs_to_another_host(status, method):
    with (
        listener() as (elsewhere, stolen),
        listener(status=status, headers=[("Location", f"{elsewhere}/repositories/7")]) as (url, _),
        pytest.raises(ApiError, match=f"a redirect to {elsewhere}, which is not followed"),
    ):
        api(url, follows_redirects=True).call(method, "/repos/octo-org/etl", json={})

    assert stolen == []


def test_a_second_redirect_takes_no_token_to_another_host_either():
    with (
        listener() as (elsewhere, stolen),
        listener(status=301, headers=in_turn("/repositories/7", elsewhere)) as (url, seen),
        pytest.raises(ApiError, match=f"a redirect to {elsewhere}, which is not followed"),
    ):
        api(url, follows_redirects=True).call("GET", "/repos/octo-org/etl")

    assert [line.split()[1] for line, _ in seen] == ["/repos/octo-org/etl", "/repositories/7"]
    assert stolen == []


def test_no_redirect_takes_a_client_secret_to_another_host():
    with (
        listener() as (elsewhere, stolen),
        listener(status=307, headers=[("Location", elsewhere)]) as (url, _),
    ):
        answer = MsalSession(open_session(None)).post(url, data={"client_secret": TOKEN})

    assert answer.status_code == 307
    assert stolen == []


@pytest.mark.parametrize("host", NO_HOST)
def test_a_configured_host_without_tls_or_with_two_readings_stops_the_start(host):
    entra = {"tenant_id": "t", "client_id": "c"}

    with pytest.raises(ValidationError):
        WorkspaceSettings.model_validate({"host": host, "entra": entra})
    with pytest.raises(ValidationError):
        GitHubSettings.model_validate({"app_id": 1, "url": host})
    with pytest.raises(ValidationError):
        EntraSettings.model_validate({**entra, "authority_host": host})
    with pytest.raises(ConfigError):
        workspace_url(host, source="DATABRICKS_HOST")
    with pytest.raises(ConfigError):
        webhook_address(host)


def test_a_token_is_shown_to_no_server_with_a_strangers_certificate(tmp_path):
    theirs, ours = tmp_path / "theirs", tmp_path / "ours"
    theirs.mkdir()
    ours.mkdir()
    trusted = str(make_certificate(ours).ca_path)

    with (
        listener(certificate=make_certificate(theirs)) as (url, seen),
        pytest.raises(UnreachableError, match="certificate is not trusted"),
    ):
        api(url, trusted).call("GET", "/")

    assert seen == []


def test_the_environment_can_not_replace_the_authorities_that_were_configured(
    tmp_path, monkeypatch
):
    theirs, ours = tmp_path / "theirs", tmp_path / "ours"
    theirs.mkdir()
    ours.mkdir()
    certificate, trusted = make_certificate(theirs), str(make_certificate(ours).ca_path)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate.ca_path))

    with (
        listener(certificate=certificate) as (url, seen),
        pytest.raises(UnreachableError, match="certificate is not trusted"),
    ):
        api(url, trusted).call("GET", "/")

    assert seen == []


def test_a_netrc_replaces_no_token(tmp_path, monkeypatch):
    netrc = tmp_path / ".netrc"
    netrc.write_text("default login evil password evil\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))

    with listener() as (url, seen):
        api(url).call("GET", "/")

    assert [headers["Authorization"] for _, headers in seen] == [f"Bearer {TOKEN}"]


def test_a_proxy_sees_a_host_and_no_token(monkeypatch):
    with listener(status=502) as (proxy, seen):
        monkeypatch.setenv("HTTPS_PROXY", proxy)
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        with pytest.raises(UnreachableError):
            api("https://adb-1.azuredatabricks.net").call("POST", "/api", json={"token": TOKEN})

    asked = {line.rpartition(" ")[0] for line, _ in seen}
    assert asked == {"CONNECT adb-1.azuredatabricks.net:443"}
    assert TOKEN not in repr(seen)


@pytest.mark.parametrize(
    "name", [".databrickscfg", "promote.toml", "brickpush.toml", "databricks.yml", ".env"]
)
def test_no_file_of_a_repository_names_a_workspace(tmp_path, monkeypatch, name):
    home, repository = tmp_path / "home", tmp_path / "repository"
    home.mkdir()
    repository.mkdir()
    (repository / name).write_text(
        "[DEFAULT]\nhost = https://evil.example\ntoken = dapi0\n"
        '[[workspaces]]\nhost = "https://evil.example"\n'
    )
    (repository / ".git").mkdir()
    (repository / ".git" / "config").write_text(
        '[brickpush]\n\thost = https://evil.example\n[databricks]\n\thost = "https://evil.example"\n'
    )
    monkeypatch.chdir(repository)

    with pytest.raises(ConfigError, match="no workspace is configured"):
        candidates({"HOME": str(home), "PWD": str(repository)}, Settings())


def test_no_settings_are_read_where_one_stands(tmp_path, monkeypatch):
    repository, text = tmp_path / "repository", '[[workspaces]]\nhost = "https://evil.example"\n'
    (repository / "brickpush").mkdir(parents=True)
    for name in ("promote.toml", "brickpush/promote.toml"):
        (repository / name).write_text(text)
    monkeypatch.chdir(repository)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))

    for configured in (tmp_path / "home" / ".config", Path()):
        monkeypatch.setenv("XDG_CONFIG_HOME", str(configured))
        assert load_settings({}).workspaces == ()


def test_no_switch_turns_the_verification_of_certificates_off():
    read = {path: ast.parse(path.read_text(encoding="utf-8")) for path in product()}
    nodes = [node for tree in read.values() for node in ast.walk(tree)]

    off = [node for node in nodes if isinstance(node, ast.keyword) and _turns_off(node)]
    off += [node for node in nodes if isinstance(node, ast.Attribute) and node.attr in NO_CHECK]
    settings = [*GitHubSettings.model_fields, *WorkspaceSettings.model_fields]
    settings += [*EntraSettings.model_fields, *ServiceSettings.model_fields, *Settings.model_fields]
    assert [ast.unparse(node) for node in off] == []
    assert [name for name in settings if re.search("verif|insecure|tls|ssl", name)] == []


def product():
    root = Path(__file__).parents[2]
    names = ("promotion", "hooks", "github_app")
    return [path for name in names for path in (root / name).rglob("*.py")]


def _turns_off(keyword):
    named = keyword.arg in ("verify", "check_hostname")
    return named and isinstance(keyword.value, ast.Constant) and not keyword.value.value


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/octo-org/etl",
        "https://github.com.evil.example/octo-org/etl",
        "https://github.com@evil.example/octo-org/etl",
        "https://github.com:443@evil.example/octo-org/etl",
        "https://evil.example\\@github.com/octo-org/etl",
        "https://evil.example\t@github.com/octo-org/etl",
        "https://evil.example @github.com/octo-org/etl",
        "https://evil.example#@github.com/octo-org/etl",
        "https://evil.example?@github.com/octo-org/etl",
        "https://evil.example/github.com/octo-org/etl",
        "https://github.com%2f@evil.example/octo-org/etl",
        "https://github.com%00.evil.example/octo-org/etl",
        "https://git\u200bhub.com/octo-org/etl",
        "https://g\u0131thub.com/octo-org/etl",
        "https://github.com:8443/octo-org/etl",
        "https://github.com/octo-org/etl/../../evil/etl",
        "https://github.com/octo-org/../evil/etl",
        "evil.example:octo-org/etl",
        "file:///octo-org/etl",
        "ext::sh -c touch% /tmp/x",
        "--upload-pack=touch /tmp/x",
    ],
)
def test_no_spelling_of_a_folders_url_passes_for_another_repository(url):
    assert repository_key(url) != ETL
    assert plan(a_push(), PlanInput([ETL]), [a_folder(url=url)]) == []


@pytest.mark.parametrize(
    "said", ["https://evil.example/octo-org/etl", "https://github.com/octo-org/other"]
)
def test_a_push_aims_at_no_folder_of_another_host_or_repository(said):
    folders = [a_folder(), a_folder(url="https://github.com/other-org/etl")]

    assert plan(a_push(), PlanInput([repository_key(said)]), folders) == []


def test_a_folder_without_tls_gets_no_token():
    [decision] = plan(a_push(), PlanInput([ETL]), [a_folder(url="http://github.com/octo-org/etl")])

    assert not decision.moves
    assert "use https://" in decision.reason
