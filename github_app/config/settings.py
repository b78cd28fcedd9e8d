"""The service's settings, from `brickpush.toml` and the environment."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from promotion.databricks import without_mount
from promotion.discovery import ROOTS
from promotion.entra import PUBLIC_CLOUD
from promotion.errors import ConfigError
from promotion.rules import TAG
from promotion.throttle import CAP

LOOPBACK = {"127.0.0.1", "localhost", "::1"}
WRITE_SECONDS = 0.75  # GitHub allows 80 writes of content a minute
TTL_SECONDS = 6.0  # of a worker's lease; another worker takes over at most a second later
ROW_DAYS = 90.0
PAYLOAD_DAYS = 7.0  # longer than GitHub redelivers: three days
SECRETS = {
    "private_key",
    "webhook_secrets",
    "client_secret",
    "certificate_passphrase",
}  # refused in the settings file

# The four variables that hand-written workflows use; together they define one workspace.
AZURE_NAMES = (
    "AZURE_SP_TENANT_ID",
    "AZURE_SP_CLIENT_ID",
    "AZURE_SP_CLIENT_SECRET",
    "AZURE_DATABRICKS_WORKSPACE_INSTANCE_NAME",
)

_VISIBLE = re.compile(r"[!-~]+")


def _origin(url: str) -> str:
    """Return *url* without its path. Tokens are sent there, so it must be https."""
    url = url.strip()
    # Checked before parsing: urlsplit drops line breaks, and programs differ on backslashes.
    if not _VISIBLE.fullmatch(url) or "\\" in url:
        raise ValueError("contains a character that a URL can't have")
    split = urlsplit(url if "://" in url else f"https://{url}")
    if split.username or split.password:
        raise ValueError("must not contain a user name or a password")
    if split.scheme != "https" and not (split.scheme == "http" and split.hostname in LOOPBACK):
        raise ValueError("must start with https://")
    if not split.hostname:
        raise ValueError("has no host")
    return f"{split.scheme}://{split.netloc}"


Origin = Annotated[str, AfterValidator(_origin)]


class Section(BaseModel):
    """A table of the file; unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class GitHubSettings(Section):
    app_id: int
    private_key_path: Path | None = None
    private_key_paths: tuple[Path, ...] = ()  # further keys, tried in order
    private_key: SecretStr | None = None  # PEM or its base64; from the environment only
    webhook_secret_paths: tuple[Path, ...] = ()  # any verifies; the first signs links
    webhook_secrets: tuple[SecretStr, ...] = ()  # from the environment only
    url: Origin = "https://github.com"  # or GitHub Enterprise Server's, or GHE.com's
    allowed_owners: tuple[str, ...] = ()  # accounts that may use this service; empty: all
    delivery_log_seconds: float = Field(300, gt=0)  # between searches for missed deliveries
    write_seconds: float = Field(WRITE_SECONDS, ge=0)  # between check runs of low priority
    # Whether a push that moves nothing in a workspace also gets a (neutral) check run there.
    check_runs: Literal["where-followed", "always"] = "where-followed"


class EntraSettings(Section):
    credential: Literal[
        "client-secret", "certificate", "workload-identity", "github-oidc", "managed-identity"
    ] = "client-secret"
    tenant_id: str = ""  # a managed identity needs none
    client_id: str = ""  # managed identity: empty for the system-assigned one
    client_secret: SecretStr | None = None  # from the environment only
    client_secret_path: Path | None = None
    certificate_path: Path | None = None  # PEM, or PKCS#12 including the key (.pfx, .p12)
    certificate_key_path: Path | None = None  # PEM
    certificate_passphrase: SecretStr | None = None  # from the environment only
    token_path: Path | None = None  # workload identity; else AZURE_FEDERATED_TOKEN_FILE
    authority_host: Origin = PUBLIC_CLOUD

    @model_validator(mode="after")
    def _require_ids(self) -> Self:
        if self.credential != "managed-identity" and not (self.tenant_id and self.client_id):
            raise ValueError("tenant_id and client_id are needed")
        if self.credential == "certificate" and self.certificate_path is None:
            raise ValueError("certificate_path is needed")
        return self


def _follow(follow: str) -> str:
    if follow in ("branch", "nothing") or follow.removeprefix(TAG) not in ("", follow):
        return follow
    raise ValueError('must be "branch", "nothing" or "tag:PATTERN", for example "tag:v*"')


def _absolute(path: str) -> str:
    if not path.startswith("/"):
        raise ValueError("must start with /, as /Repos/Production/*")
    return without_mount(path)


WorkspacePath = Annotated[str, AfterValidator(_absolute)]


class RuleSettings(Section):
    paths: tuple[WorkspacePath, ...] = Field(min_length=1)  # globs
    follow: Annotated[str, AfterValidator(_follow)] = "branch"
    on_conflict: Literal["report", "discard"] = "report"
    back: bool = False  # whether tags may move it to a lower version


class WorkspaceSettings(Section):
    host: Origin
    entra: EntraSettings
    roots: tuple[WorkspacePath, ...] = ROOTS
    git_credential: Literal["app", "existing"] = "app"
    at_once: int = Field(CAP, ge=1, le=64)  # concurrent calls to this workspace
    deployments: bool = False  # whether promotions are recorded as GitHub deployments
    rules: tuple[RuleSettings, ...] = ()  # the first match decides


class RetentionSettings(Section):
    days: float = Field(default=ROW_DAYS, gt=0)  # to keep deliveries and outcomes
    payload_days: float = Field(default=PAYLOAD_DAYS, gt=0)  # to keep the original payloads


class Settings(BaseSettings):
    """All settings; the environment overrides the file."""

    model_config = SettingsConfigDict(
        env_prefix="BRICKPUSH_", env_nested_delimiter="__", extra="forbid", frozen=True
    )

    github: GitHubSettings
    workspaces: dict[str, WorkspaceSettings] = Field(min_length=1)
    public_url: Origin | None = None  # of this service, for people: check runs link to it
    database_url: str = "sqlite:///brickpush.sqlite"
    reconcile_seconds: float = Field(600, gt=0)  # between comparisons with GitHub's branches
    # On PostgreSQL: a worker that does not renew its lease for that long is considered dead.
    lease_seconds: float = Field(TTL_SECONDS, ge=2)
    retention: RetentionSettings = RetentionSettings()
    ca_path: Path | None = (
        None  # PEM file of certificate authorities to trust instead of the default ones
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        path = settings_cls.model_config.get("toml_file")
        file = TomlConfigSettingsSource(settings_cls, path)
        return (env_settings, file, init_settings)


def load_settings(path: Path | None, environ: Mapping[str, str]) -> Settings:
    """Read *path* (None: no file) and the environment; raise ConfigError with all problems."""
    if path is not None:
        _refuse_secrets(path)
    named = type("Settings", (Settings,), {"model_config": {"toml_file": path}})
    try:
        settings: Settings = named(**_azure_workspace(path, environ))
    except ValidationError as exc:
        where = path or "the environment"
        raise ConfigError(f"{where}: {'; '.join(_problems(exc))}") from None
    return _with_absolute_paths(settings, path.parent if path else Path.cwd())


def _refuse_secrets(path: Path) -> None:
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as exc:
        raise ConfigError(
            f"{path} can't be read ({exc.strerror}): run `brickpush setup` to make one"
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise ConfigError(f"{path} is not TOML: {exc}") from None
    found = sorted(set(_keys(document)) & SECRETS)
    if found:
        raise ConfigError(
            f"{path} contains {', '.join(found)}: put the secret into its own file and name "
            "that file, or give it in the environment"
        )


def _keys(document: object) -> Iterator[str]:
    if isinstance(document, dict):
        for key, value in document.items():
            yield key
            yield from _keys(value)


def _azure_workspace(path: Path | None, environ: Mapping[str, str]) -> dict[str, Any]:
    if path is not None or not all(environ.get(name) for name in AZURE_NAMES):
        return {}
    tenant_id, client_id, client_secret, host = (environ[name] for name in AZURE_NAMES)
    entra = {"tenant_id": tenant_id, "client_id": client_id, "client_secret": client_secret}
    return {"workspaces": {"default": {"host": host, "entra": entra}}}


def _problems(exc: ValidationError) -> Iterator[str]:
    for error in exc.errors(include_url=False, include_input=False):
        name = ".".join(str(part) for part in error["loc"])
        unknown = error["type"] == "extra_forbidden"
        yield f"{name} is not a known key" if unknown else f"{name}: {error['msg']}"


def _with_absolute_paths(settings: Settings, directory: Path) -> Settings:
    """Return *settings* with absolute paths; they are relative to the settings file."""
    github = settings.github.model_copy(
        update={
            "private_key_path": _under(directory, settings.github.private_key_path),
            "private_key_paths": tuple(
                directory / path for path in settings.github.private_key_paths
            ),
            "webhook_secret_paths": tuple(
                directory / path for path in settings.github.webhook_secret_paths
            ),
        }
    )
    workspaces = {
        name: workspace.model_copy(
            update={"entra": _entra_with_absolute_paths(directory, workspace.entra)}
        )
        for name, workspace in settings.workspaces.items()
    }
    return settings.model_copy(
        update={
            "github": github,
            "workspaces": workspaces,
            "ca_path": _under(directory, settings.ca_path),
            "database_url": _database_url(directory, settings.database_url),
        }
    )


def _entra_with_absolute_paths(directory: Path, entra: EntraSettings) -> EntraSettings:
    names = ("client_secret_path", "certificate_path", "certificate_key_path", "token_path")
    paths = {name: _under(directory, getattr(entra, name)) for name in names}
    return entra.model_copy(update=paths)


def _under(directory: Path, path: Path | None) -> Path | None:
    return None if path is None else directory / path


def _database_url(directory: Path, url: str) -> str:
    relative = url.removeprefix("sqlite:///")
    if relative == url or relative.startswith("/"):
        return url
    return f"sqlite:///{(directory / relative).absolute()}"
