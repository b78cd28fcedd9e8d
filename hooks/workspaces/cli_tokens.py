"""Get access tokens from the `databricks` and `az` CLIs, where the developer is signed in."""

from __future__ import annotations

import datetime
import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from hooks.system.environment_variables import home
from hooks.system.known_secrets import remember
from hooks.system.programs import find_program, run_program
from hooks.workspaces.connection import VISIBLE
from promotion.errors import SignInError

# Azure Databricks' application id in every cloud.
AZURE_DATABRICKS = "2ff814a6-3304-4ab8-85cb-cd0e6f879c1d"
RENEW_SECONDS = 60.0  # Azure Databricks refuses a token in its last half minute


@dataclass(frozen=True)
class AccessToken:
    """A token and its expiry in wall-clock seconds; None where the CLI reports none."""

    token: str = field(repr=False)
    expires: float | None


class RenewedToken:
    """Requests a new token shortly before the old one expires."""

    def __init__(self, ask: Callable[[], AccessToken]) -> None:
        self._ask = ask
        self._lock = threading.Lock()
        self._held = AccessToken("", 0.0)

    def authorization(self) -> str:
        """Return the Authorization header's value, or raise SignInError."""
        with self._lock:
            expires = self._held.expires
            if expires is not None and expires - time.time() < RENEW_SECONDS:
                self._held = self._ask()
            return f"Bearer {self._held.token}"


def databricks_cli_token(host: str, environ: Mapping[str, str], profile: str = "") -> AccessToken:
    """Ask the `databricks` CLI; raises SignInError where it has no token for *host*."""
    chosen = ("--profile", profile) if profile else ("--host", host)
    body = _ask("databricks", ("auth", "token", *chosen), environ)
    expiry = body.get("expiry")
    return AccessToken(str(body["access_token"]), _moment(expiry))


def azure_cli_token(environ: Mapping[str, str], tenant_id: str = "") -> AccessToken:
    """Ask the `az` CLI; raises SignInError where nobody is signed in."""
    tenant = ("--tenant", tenant_id) if tenant_id else ()
    arguments = ("account", "get-access-token", "--resource", AZURE_DATABRICKS, *tenant)
    body = _ask("az", (*arguments, "--output", "json"), environ)
    expires = body.get("expires_on")  # since az 2.54; expiresOn is local time without a zone
    return AccessToken(str(body["accessToken"]), _number(expires))


def _ask(name: str, arguments: tuple[str, ...], environ: Mapping[str, str]) -> dict[str, object]:
    program = find_program(name, environ)
    if program is None:
        raise SignInError(f"the {name} CLI is not on the PATH")
    # Not in the repository: the databricks CLI would take its host from a databricks.yml there.
    ended = run_program((program, *arguments), environ, home(environ))
    if ended.code != 0:
        raise SignInError(f"the {name} CLI gave no token: {ended.words or 'it printed no error'}")
    try:
        body = json.loads(ended.output)
    except ValueError:
        body = None
    wanted = "accessToken" if name == "az" else "access_token"
    if not isinstance(body, dict) or not body.get(wanted):
        raise SignInError(f"the {name} CLI gave no token: its answer holds no {wanted}")
    if not VISIBLE.fullmatch(str(body[wanted])):
        raise SignInError(f"the {name} CLI gave no token: its {wanted} holds odd characters")
    remember(str(body[wanted]))
    return body


def _moment(text: object) -> float | None:
    try:
        return datetime.datetime.fromisoformat(str(text)).timestamp()
    except ValueError:
        return None


def _number(value: object) -> float | None:
    try:
        return float(str(value))
    except ValueError:
        return None
