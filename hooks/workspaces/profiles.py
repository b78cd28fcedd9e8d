"""Read the profiles of ~/.databrickscfg, as the Databricks tools do."""

from __future__ import annotations

import codecs
import configparser
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from hooks.system.environment_variables import home
from hooks.system.known_secrets import remember
from hooks.workspaces.connection import workspace_url
from promotion.errors import ConfigError

SETTINGS = "__settings__"
DEFAULT = "DEFAULT"
FILE = ".databrickscfg"
AUTH_TYPES = ("pat", "azure-client-secret", "databricks-cli", "azure-cli")
SECRET_KEYS = ("token", "secret", "password")
# Notepad writes the first of these, PowerShell's `>` the second.
ENCODINGS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


@dataclass(frozen=True)
class Profile:
    """One section of the file; a missing key is empty."""

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
        """The kind of sign-in: its auth_type, or what its keys imply; "" leaves it to the CLIs."""
        if self.auth_type:
            return self.auth_type
        if self.token:
            return "pat"
        return "azure-client-secret" if self.azure_client_secret else ""


def profiles_path(environ: Mapping[str, str]) -> Path:
    """Return the file of profiles, which must not depend on the current directory."""
    given = environ.get("DATABRICKS_CONFIG_FILE") or f"~/{FILE}"
    path = home(environ) / given[2:] if given.startswith("~/") else Path(given)
    if not path.is_absolute():
        raise ConfigError(f"DATABRICKS_CONFIG_FILE must be an absolute path, not {given!r}")
    return path


def read_profiles(path: Path) -> configparser.ConfigParser:
    """Read a file of profiles; without one there are none.

    Messages name lines by their numbers and never quote them: one may hold a token.
    """
    # DEFAULT is an ordinary profile in this file: the others inherit nothing from it.
    parser = configparser.ConfigParser(default_section="", interpolation=None, strict=False)
    try:
        # Python's parser joins an indented line to the line before it, which would make a host and
        # the token below it one value. The databricks CLI reads it as a line of its own.
        lines = [line.strip() for line in _decoded(path).split("\n")]
        parser.read_string("\n".join(lines))
    except FileNotFoundError:
        pass
    except OSError as exc:
        raise ConfigError(f"{path} can't be read ({exc.strerror})") from None
    except configparser.MissingSectionHeaderError as exc:
        raise ConfigError(
            f"line {exc.lineno} of {path} comes before any profile's name: "
            f"put [{DEFAULT}] in a line above it"
        ) from None
    except configparser.ParsingError as exc:
        number = exc.errors[0][0]
        raise ConfigError(
            f"line {number} of {path} is neither [PROFILE] nor `key = value`: correct it"
        ) from None
    except configparser.Error as exc:
        raise ConfigError(f"{path} is not a file of profiles: {type(exc).__name__}") from None
    _remember_secrets(parser)
    return parser


def find_profile(environ: Mapping[str, str], name: str = "") -> Profile | None:
    """Return the profile called *name*, or the one that the Databricks tools would use.

    Only a profile that was requested by name has to exist.
    """
    path = profiles_path(environ)
    parser = read_profiles(path)
    wanted = name or environ.get("DATABRICKS_CONFIG_PROFILE", "")
    configured = parser.get(SETTINGS, "default_profile", fallback="")
    chosen = wanted or configured or DEFAULT
    if not parser.has_section(chosen):
        if wanted or configured:
            raise ConfigError(f"{path} has no profile {chosen!r}: {_others(parser)}")
        return None
    section = {key: _unquoted(value) for key, value in parser.items(chosen)}
    if not section.get("host"):
        if chosen == DEFAULT and not wanted:
            return None
        raise ConfigError(f"profile {chosen!r} of {path} names no host")
    known = {key: section.get(key, "") for key in Profile.__dataclass_fields__ if key != "name"}
    return Profile(name=chosen, **known)


def own_hosts(environ: Mapping[str, str]) -> set[str]:
    """Return the addresses that ~/.databrickscfg names.

    DATABRICKS_CONFIG_FILE does not count: it may name a file of the repository that DATABRICKS_HOST
    comes from, too.
    """
    parser = read_profiles(home(environ) / FILE)
    found = set()
    for section in parser.sections():
        try:
            host = _unquoted(parser.get(section, "host", fallback=""))
            found.add(workspace_url(host, source=f"host of profile {section}"))
        except ConfigError:
            continue  # reported where that profile is used
    return found


def _decoded(path: Path) -> str:
    """Return the file's text; raises ConfigError with the number of a line that is no text."""
    content = path.read_bytes()
    found = (name for mark, name in ENCODINGS.items() if content.startswith(mark))
    encoding = next(found, "utf-8")
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as exc:
        number = content[: exc.start].count(b"\n") + 1
        raise ConfigError(f"line {number} of {path} is not UTF-8: save the file as UTF-8") from None
    if "\0" in text:
        raise ConfigError(f"{path} is not UTF-8 (UTF-16, perhaps): save the file as UTF-8")
    return text


def _remember_secrets(parser: configparser.ConfigParser) -> None:
    for section in parser.sections():
        for key, value in parser.items(section):
            if any(word in key for word in SECRET_KEYS):
                remember(value, _unquoted(value))


def _unquoted(value: str) -> str:
    """Return a value without the quotes around it, as the databricks CLI reads it."""
    value = value.strip()
    quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "\"'"
    return value[1:-1] if quoted else value


def _others(parser: configparser.ConfigParser) -> str:
    names = [name for name in parser.sections() if name != SETTINGS]
    return f"it has {', '.join(names)}" if names else "`databricks auth login` makes one"
