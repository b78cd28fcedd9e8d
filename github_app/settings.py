"""The service's settings: `brickpush.toml`, the environment, and files that hold secrets."""

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

from github_app.github_limits import WRITE_SECONDS
from github_app.lease import TTL_SECONDS
from github_app.retention import PAYLOAD_DAYS, ROW_DAYS
from promotion.databricks import without_mount
from promotion.discovery import ROOTS
from promotion.entra import PUBLIC_CLOUD
from promotion.errors import ConfigError
from promotion.pace import CAP
from promotion.rules import TAG

LOOPBACK = {"127.0.0.1", "localhost", "::1"}
SECRETS = {
    "private_key",
    "webhook_secrets",
    "client_secret",
    "certificate_passphrase",
}  # never in the file itself

# The four names that the workflows written by hand use; together they make one workspace.
AZURE_NAMES = (
    "AZURE_SP_TENANT_ID",
    "AZURE_SP_CLIENT_ID",
    "AZURE_SP_CLIENT_SECRET",
    "AZURE_DATABRICKS_WORKSPACE_INSTANCE_NAME",
)

_VISIBLE = re.compile(r"[!-~]+")


def _origin(url: str) -> str:
    """Return *url* without a path, or raise: tokens go there, so it must be https."""
    url = url.strip()
    # Before it is parsed: urlsplit drops line breaks, and programs differ in what a backslash is.
    if not _VISIBLE.fullmatch(url) or "\\" in url:
        raise ValueError("holds a character that no address has")
    split = urlsplit(url if "://" in url else f"https://{url}")
    if split.username or split.password:
        raise ValueError("must not hold a user name or a password")
    if split.scheme != "https" and not (split.scheme == "http" and split.hostname in LOOPBACK):
        raise ValueError("must start with https://")
    if not split.hostname:
        raise ValueError("names no host")
    return f"{split.scheme}://{split.netloc}"


Origin = Annotated[str, AfterValidator(_origin)]


class Section(BaseModel):
    """A table of the file; a key that it does not know is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class GitHubSettings(Section):
    app_id: int
    private_key_path: Path | None = None
    private_key_paths: tuple[Path, ...] = ()  # more of them, tried in order
    private_key: SecretStr | None = None  # PEM or its base64; from the environment only
    webhook_secret_paths: tuple[Path, ...] = ()  # the first signs nothing, all verify
    webhook_secrets: tuple[SecretStr, ...] = ()  # from the environment only
    url: Origin = "https://github.com"  # or GitHub Enterprise Server's, or GHE.com's
    allowed_owners: tuple[str, ...] = ()  # accounts that may use this service; empty: all
    delivery_log_seconds: float = Field(300, gt=0)  # between looks for missed deliveries
    write_seconds: float = Field(WRITE_SECONDS, ge=0)  # between check runs that can wait
    # Whether a push that moves nothing in a workspace gets a (neutral) check run there, too.
    check_runs: Literal["where-followed", "always"] = "where-followed"


class EntraSettings(Section):
    credential: Literal[
        "client-secret", "certificate", "workload-identity", "github-oidc", "managed-identity"
    ] = "client-secret"
    tenant_id: str = ""  # a managed identity needs none
    client_id: str = ""  # of a managed identity: empty for the machine's own
    client_secret: SecretStr | None = None  # from the environment only
    client_secret_path: Path | None = None
    certificate_path: Path | None = None  # PEM, or PKCS#12 with the key in it (.pfx, .p12)
    certificate_key_path: Path | None = None  # PEM
    certificate_passphrase: SecretStr | None = None  # from the environment only
    token_path: Path | None = None  # workload identity; else AZURE_FEDERATED_TOKEN_FILE
    authority_host: Origin = PUBLIC_CLOUD

    @model_validator(mode="after")
    def _names_somebody(self) -> Self:
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
    back: bool = False  # whether tags may lead to a lower version


class WorkspaceSettings(Section):
    host: Origin
    entra: EntraSettings
    roots: tuple[WorkspacePath, ...] = ROOTS
    git_credential: Literal["app", "existing"] = "app"
    at_once: int = Field(CAP, ge=1, le=64)  # calls to this workspace at the same time
    deployments: bool = False  # whether promotions are recorded as GitHub deployments
    rules: tuple[RuleSettings, ...] = ()  # the first that matches decides


class RetentionSettings(Section):
    days: float = Field(default=ROW_DAYS, gt=0)  # deliveries and outcomes are kept
    payload_days: float = Field(default=PAYLOAD_DAYS, gt=0)  # what GitHub sent, as it was


class Settings(BaseSettings):
    """Everything the service is told; later sources win: file, then environment."""

    model_config = SettingsConfigDict(
        env_prefix="BRICKPUSH_", env_nested_delimiter="__", extra="forbid", frozen=True
    )

    github: GitHubSettings
    workspaces: dict[str, WorkspaceSettings] = Field(min_length=1)
    public_url: Origin | None = None  # where people reach this service: check runs lead there
    database_url: str = "sqlite:///brickpush.sqlite"
    reconcile_seconds: float = Field(600, gt=0)  # between comparisons with GitHub's branches
    # On PostgreSQL: without a sign of life for so long, a worker is taken for dead.
    lease_seconds: float = Field(TTL_SECONDS, ge=2)
    retention: RetentionSettings = RetentionSettings()
    ca_path: Path | None = None  # a PEM file of authorities to trust in place of the usual ones

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
    """Read *path* (None: no file) and the environment; raise ConfigError with every problem."""
    if path is not None:
        _refuse_secrets(path)
    named = type("Settings", (Settings,), {"model_config": {"toml_file": path}})
    try:
        settings: Settings = named(**_azure_workspace(path, environ))
    except ValidationError as exc:
        where = path or "the environment"
        raise ConfigError(f"{where}: {'; '.join(_problems(exc))}") from None
    return _rooted(settings, path.parent if path else Path.cwd())


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
            f"{path} holds {', '.join(found)}: put the secret into a file of its own and name "
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


def _rooted(settings: Settings, directory: Path) -> Settings:
    """Make the paths of *settings* absolute: they are relative to the file that names them."""
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
        name: workspace.model_copy(update={"entra": _rooted_entra(directory, workspace.entra)})
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


def _rooted_entra(directory: Path, entra: EntraSettings) -> EntraSettings:
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
