"""The user's own settings for `git promote`: promote.toml in the user's configuration directory.

Never read from a repository: this file decides where tokens are sent.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Self

import platformdirs
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from hooks.workspaces.connection import workspace_url
from promotion.discovery import ROOTS
from promotion.errors import ConfigError


def _host(text: str) -> str:
    try:
        return workspace_url(text, source="it")
    except ConfigError as exc:
        raise ValueError(str(exc)) from None


def _root(path: str) -> str:
    if not path.startswith("/"):
        raise ValueError(f"a root must start with /, not {path!r}")
    return path.rstrip("/") or "/"


class Section(BaseModel):
    """A table of the file; an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class LoginSettings(Section):
    """The app registration that `git promote login` signs in to."""

    client_id: str
    tenant_id: str = "organizations"
    plain_text: bool = False  # keep tokens in a file, where the system has no secret store


class WorkspaceSettings(Section):
    """A workspace to promote in: a host, or a profile of ~/.databrickscfg."""

    name: str = ""
    host: Annotated[str, AfterValidator(_host)] = ""
    profile: str = ""
    roots: tuple[Annotated[str, AfterValidator(_root)], ...] = ROOTS

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if bool(self.host) == bool(self.profile):
            raise ValueError("give either host or profile")
        return self


class Settings(BaseSettings):
    """The settings of promote.toml."""

    model_config = SettingsConfigDict(extra="forbid", frozen=True)

    workspaces: tuple[WorkspaceSettings, ...] = ()
    login: LoginSettings | None = None
    notify: bool = False  # a desktop notification when a promotion has ended

    @field_validator("workspaces")
    @classmethod
    def _no_name_twice(
        cls, workspaces: tuple[WorkspaceSettings, ...]
    ) -> tuple[WorkspaceSettings, ...]:
        names = [workspace.name for workspace in workspaces if workspace.name]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two workspaces are named {', '.join(twice)}")
        return workspaces

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        path = settings_cls.model_config.get("toml_file")
        return (init_settings, TomlConfigSettingsSource(settings_cls, path))


def settings_path() -> Path:
    """Return the path of promote.toml; the file need not exist."""
    directory = Path(platformdirs.user_config_dir("brickpush", appauthor=False))
    if not directory.is_absolute():  # a relative one could lead into the current repository
        raise ConfigError(f"the configuration directory {directory} must be an absolute path")
    return directory / "promote.toml"


def load_settings(environ: Mapping[str, str], path: Path | None = None) -> Settings:
    """Read promote.toml, if there is one; raise ConfigError with every problem at once."""
    path = path or settings_path()
    overrides: dict[str, bool | str] = {}
    if notify := environ.get("BRICKPUSH_NOTIFY"):
        overrides["notify"] = notify
    named = type("Settings", (Settings,), {"model_config": {"toml_file": path}})
    try:
        settings: Settings = named(**overrides)
    except ValidationError as exc:
        raise ConfigError(f"{path}: {'; '.join(_problems(exc))}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise ConfigError(f"{path} is not TOML: {exc}") from None
    except OSError as exc:
        raise ConfigError(f"{path} can't be read ({exc.strerror})") from None
    return settings


def _problems(exc: ValidationError) -> Iterator[str]:
    for error in exc.errors(include_url=False, include_input=False):
        name = ".".join(str(part) for part in error["loc"])
        unknown = error["type"] == "extra_forbidden"
        said = error["msg"].removeprefix("Value error, ")
        yield f"{name} is not a known key" if unknown else f"{name}: {said}"
