"""Sign a person in, once, for all promotions from this machine."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from hooks.system.environment_variables import own_variables
from hooks.workspaces.settings import load_settings, settings_path
from hooks.workspaces.user_sign_in import UserSignIn
from promotion.errors import ConfigError


def own_sign_in(environ: Mapping[str, str]) -> UserSignIn:
    """Return the sign-in that promote.toml describes, or raise ConfigError."""
    environ = own_variables(environ)
    settings = load_settings(environ).login
    if settings is None:
        raise ConfigError(
            f"{settings_path()} has no [login]: it needs the client_id of an app registration "
            "with a loopback redirect and the delegated permission AzureDatabricks. "
            "With `az login` or `databricks auth login`, nothing more is needed"
        )
    return UserSignIn(settings, environ)


def login(environ: Mapping[str, str], *, device_code: bool, show: Callable[[str], None]) -> str:
    """Sign in, and return a line about it."""
    sign_in = own_sign_in(environ)
    who = sign_in.sign_in(device_code=device_code, show=show)
    kept = "unencrypted in" if sign_in.settings.plain_text else "encrypted; its file is"
    return f"signed in as {who}; kept {kept} {sign_in.cache_path}"


def forget(environ: Mapping[str, str]) -> str:
    """Sign out on this machine, and return a line about it."""
    sign_in = own_sign_in(environ)
    if not sign_in.signed_in_before:
        return "nobody was signed in"
    sign_in.forget()
    return "signed out on this machine"
