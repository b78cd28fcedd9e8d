from __future__ import annotations

from pathlib import Path

import pytest

from github_app.config.secrets import read_secret, webhook_secrets
from github_app.config.settings import AZURE_NAMES, load_settings
from promotion.errors import ConfigError

FILE = """
[github]
app_id = 1
private_key_path = "app.pem"
webhook_secret_paths = ["webhook.secret"]

[workspaces.dev]
host = "https://adb-1.7.azuredatabricks.net/?o=1"

[workspaces.dev.entra]
tenant_id = "t"
client_id = "c"
client_secret_path = "dev.secret"
"""


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch):
    for name in AZURE_NAMES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def write(tmp_path):
    def write(text: str) -> Path:
        path = tmp_path / "brickpush.toml"
        path.write_text(text)
        return path

    return write


def test_paths_start_at_the_file_that_names_them(write, tmp_path):
    settings = load_settings(write(FILE), {})

    assert settings.github.private_key_path == tmp_path / "app.pem"
    assert settings.workspaces["dev"].entra.client_secret_path == tmp_path / "dev.secret"
    assert settings.database_url == f"sqlite:///{tmp_path}/brickpush.sqlite"
    assert settings.workspaces["dev"].host == "https://adb-1.7.azuredatabricks.net"


def test_the_environment_wins_over_the_file(write, monkeypatch):
    monkeypatch.setenv("BRICKPUSH_DATABASE_URL", "postgresql://db/brickpush")
    monkeypatch.setenv("BRICKPUSH_WORKSPACES__DEV__HOST", "adb-2.7.azuredatabricks.net")

    settings = load_settings(write(FILE), {})

    assert settings.database_url == "postgresql://db/brickpush"
    assert settings.workspaces["dev"].host == "https://adb-2.7.azuredatabricks.net"


def test_every_problem_is_listed_at_once(write):
    text = FILE.replace("app_id = 1", 'app_id = "one"\nsecret_path = "x"').replace("https", "http")

    with pytest.raises(ConfigError) as refused:
        load_settings(write(text), {})

    assert "github.app_id: Input should be a valid integer" in str(refused.value)
    assert "github.secret_path is not a known key" in str(refused.value)
    assert "workspaces.dev.host: Value error, must start with https://" in str(refused.value)


@pytest.mark.parametrize(
    "host",
    [
        "http://adb-1.7.azuredatabricks.net",
        "ftp://adb-1.7.azuredatabricks.net",
        "https://user:pa55@adb-1.7.azuredatabricks.net",
        "https://",
        "file:///etc/passwd",
        "https://evil.example\u3002azuredatabricks.net",
    ],
)
def test_a_token_is_never_sent_to_such_a_host(write, host):
    text = FILE.replace("https://adb-1.7.azuredatabricks.net/?o=1", host)

    with pytest.raises(ConfigError, match=r"workspaces\.dev\.host"):
        load_settings(write(text), {})


def test_a_secret_in_the_file_is_refused(write):
    text = FILE.replace("client_secret_path", "client_secret")

    with pytest.raises(
        ConfigError, match="contains client_secret: put the secret into its own file"
    ):
        load_settings(write(text), {})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("[github", "is not TOML", id="broken"),
        pytest.param("", "github: Field required; workspaces: Field required", id="empty"),
    ],
)
def test_a_file_that_says_nothing_useful_is_refused(write, text, words):
    with pytest.raises(ConfigError, match=words):
        load_settings(write(text), {})


def test_a_missing_file_names_the_command_that_makes_one(tmp_path):
    with pytest.raises(ConfigError, match="run `brickpush setup` to make one"):
        load_settings(tmp_path / "none.toml", {})


def test_without_a_file_the_four_azure_names_make_one_workspace(monkeypatch):
    monkeypatch.setenv("BRICKPUSH_GITHUB__APP_ID", "1")
    environ = dict(
        zip(AZURE_NAMES, ("t", "c", "s3cret", "adb-1.7.azuredatabricks.net"), strict=True)
    )

    settings = load_settings(None, environ)

    workspace = settings.workspaces["default"]
    assert workspace.host == "https://adb-1.7.azuredatabricks.net"
    assert workspace.entra.client_secret.get_secret_value() == "s3cret"
    assert "s3cret" not in repr(settings)


def test_every_webhook_secret_verifies(write, tmp_path):
    (tmp_path / "webhook.secret").write_text("one\n")

    settings = load_settings(write(FILE), {})

    assert webhook_secrets(settings.github) == ("one",)


@pytest.mark.parametrize(("content", "words"), [(None, "can't be read"), ("  \n", "is empty")])
def test_a_secret_that_is_not_there_is_an_error(tmp_path, content, words):
    path = tmp_path / "secret"
    if content is not None:
        path.write_text(content)

    with pytest.raises(ConfigError, match=words):
        read_secret("github.private_key_path", None, path)


@pytest.mark.parametrize(
    "content",
    [b"s3cret\n", b"\xef\xbb\xbfs3cret\r\n", b"  s3cret  "],
    ids=["a new line", "as Notepad saves it", "spaces"],
)
def test_a_secrets_file_is_read_as_people_write_it(tmp_path, content):
    path = tmp_path / "secret"
    path.write_bytes(content)

    assert read_secret("github.private_key_path", None, path) == "s3cret"


def test_a_secrets_file_that_is_no_text_is_an_error_with_what_to_do(tmp_path):
    path = tmp_path / "secret"
    path.write_bytes("s3cret".encode("utf-16"))

    with pytest.raises(ConfigError, match="is not UTF-8 text: save it as UTF-8"):
        read_secret("github.private_key_path", None, path)


def test_a_secret_of_the_environment_is_taken_without_the_new_line_at_its_end(write, monkeypatch):
    monkeypatch.setenv("BRICKPUSH_GITHUB__WEBHOOK_SECRETS", '["two\\n"]')
    monkeypatch.setenv("BRICKPUSH_WORKSPACES__DEV__ENTRA__CLIENT_SECRET", "s3cret\n")

    settings = load_settings(
        write(FILE.replace('webhook_secret_paths = ["webhook.secret"]\n', "")), {}
    )
    entra = settings.workspaces["dev"].entra

    assert webhook_secrets(settings.github) == ("two",)
    assert read_secret("client_secret_path", entra.client_secret, None) == "s3cret"
