"""The profiles of ~/.databrickscfg, as the Databricks tools read them."""

from __future__ import annotations

import configparser
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from promotion.errors import ConfigError

SETTINGS = "__settings__"
DEFAULT = "DEFAULT"
AUTH_TYPES = ("pat", "azure-client-secret", "databricks-cli", "azure-cli")


@dataclass(frozen=True)
class Profile:
    """One section of the file; what it lacks is empty."""

    name: str
    host: str
    auth_type: str = ""
    token: str = field(default="", repr=False)
    azure_tenant_id: str = ""
    azure_client_id: str = ""
    azure_client_secret: str = field(default="", repr=False)
    azure_environment: str = ""

    @property
    def kind(self) -> str:
        """How it signs in: its auth_type, or what its keys say; "" leaves it to the CLIs."""
        if self.auth_type:
            return self.auth_type
        if self.token:
            return "pat"
        return "azure-client-secret" if self.azure_client_secret else ""


def home(environ: Mapping[str, str]) -> Path:
    """Return the user's home directory."""
    given = environ.get("HOME") or environ.get("USERPROFILE")
    return Path(given) if given else Path.home()


def profiles_path(environ: Mapping[str, str]) -> Path:
    """Return the file of profiles, which must not depend on the repository one stands in."""
    given = environ.get("DATABRICKS_CONFIG_FILE") or "~/.databrickscfg"
    path = home(environ) / given[2:] if given.startswith("~/") else Path(given)
    if not path.is_absolute():
        raise ConfigError(f"DATABRICKS_CONFIG_FILE must be an absolute path, not {given!r}")
    return path


def read_profiles(environ: Mapping[str, str]) -> configparser.ConfigParser:
    """Read the file of profiles; without one there are none."""
    # DEFAULT is an ordinary profile there: the others inherit nothing from it.
    parser = configparser.ConfigParser(default_section="", interpolation=None, strict=False)
    path = profiles_path(environ)
    try:
        parser.read_string(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        pass
    except OSError as exc:
        raise ConfigError(f"{path} can't be read ({exc.strerror})") from None
    except (configparser.Error, UnicodeDecodeError) as exc:
        # The parser's own words quote the line, which may hold a token.
        raise ConfigError(f"{path} is not a file of profiles: {type(exc).__name__}") from None
    return parser


def find_profile(environ: Mapping[str, str], name: str = "") -> Profile | None:
    """Return the profile called *name*, or the one that the user's tools would take.

    Only a profile that somebody asked for by name has to exist.
    """
    parser = read_profiles(environ)
    wanted = name or environ.get("DATABRICKS_CONFIG_PROFILE", "")
    settled = parser.get(SETTINGS, "default_profile", fallback="")
    chosen = wanted or settled or DEFAULT
    if not parser.has_section(chosen):
        if wanted or settled:
            raise ConfigError(
                f"{profiles_path(environ)} has no profile {chosen!r}: {_others(parser)}"
            )
        return None
    section = {key: value.strip() for key, value in parser.items(chosen)}
    if not section.get("host"):
        if chosen == DEFAULT and not wanted:
            return None
        raise ConfigError(f"profile {chosen!r} of {profiles_path(environ)} names no host")
    known = {key: section.get(key, "") for key in Profile.__dataclass_fields__ if key != "name"}
    return Profile(name=chosen, **known)


def _others(parser: configparser.ConfigParser) -> str:
    names = [name for name in parser.sections() if name != SETTINGS]
    return f"it has {', '.join(names)}" if names else "`databricks auth login` makes one"
