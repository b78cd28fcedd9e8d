"""Find the workspaces of a promotion, and the identity that signs in to each.

They come only from the user's own environment and home directory, never from a repository.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from hooks.system.environment_variables import own_variables
from hooks.workspaces.cli_tokens import RenewedToken, azure_cli_token, databricks_cli_token
from hooks.workspaces.clouds import authority_host, ca_path
from hooks.workspaces.connection import (
    Connection,
    NeedsLoginError,
    header_token,
    host_name,
    plain_word,
    workspace_url,
)
from hooks.workspaces.environment import environment_connection
from hooks.workspaces.profiles import AUTH_TYPES, Profile, find_profile
from hooks.workspaces.service_principal import service_principal_authorization
from hooks.workspaces.trusted_hosts import WHERE, TrustedHosts
from promotion.errors import ConfigError, SignInError

if TYPE_CHECKING:
    from hooks.workspaces.settings import Settings, WorkspaceSettings


@dataclass(frozen=True)
class Candidate:
    """A workspace to promote in; `sign_in` finds an identity for it, without a prompt."""

    name: str
    host: str
    sign_in: Callable[[], Connection]


def candidates(
    environ: Mapping[str, str], settings: Settings, chosen: str = ""
) -> tuple[Candidate, ...]:
    """Return the workspaces to promote in: the one called *chosen*, or what is configured.

    In order: an identity given in full by the environment, a profile that it names,
    DATABRICKS_HOST, promote.toml, the default profile. Raises ConfigError where there is none.
    """
    environ = own_variables(environ)
    found = _Finder(environ, settings)
    if chosen:
        listed = next((each for each in settings.workspaces if each.name == chosen), None)
        return (found.listed(listed) if listed else found.profile(chosen),)
    if connection := environment_connection(environ, found.trusted):
        return (Candidate(connection.name, connection.host, lambda: connection),)
    if named := environ.get("DATABRICKS_CONFIG_PROFILE"):
        return (found.profile(named),)
    if host := environ.get("DATABRICKS_HOST"):
        return (found.host(workspace_url(host, source="DATABRICKS_HOST")),)
    if settings.workspaces:
        return tuple(found.listed(each) for each in settings.workspaces)
    return (found.profile(""),)


@dataclass(frozen=True)
class _Finder:
    environ: Mapping[str, str]
    settings: Settings

    @property
    def trusted(self) -> TrustedHosts:
        return TrustedHosts(self.environ, self.settings)

    def listed(self, workspace: WorkspaceSettings) -> Candidate:
        """Return a workspace of promote.toml."""
        if workspace.profile:
            candidate = self.profile(workspace.profile)
        else:
            candidate = self.host(workspace.host)
        name = workspace.name or candidate.name
        return Candidate(
            name,
            candidate.host,
            lambda: replace(candidate.sign_in(), name=name, roots=workspace.roots),
        )

    def profile(self, name: str) -> Candidate:
        """Return the workspace of a profile; "" is the one that the Databricks tools would use."""
        profile = find_profile(self.environ, name)
        if profile is None:
            raise ConfigError(
                "no workspace is configured: run `databricks auth login --host HOST`, or set "
                "DATABRICKS_HOST, or name it in promote.toml; `git promote doctor` shows where"
            )
        source = f"host of profile {profile.name}"
        url = workspace_url(profile.host, source=source)
        return Candidate(profile.name, url, lambda: self._profile_connection(profile, url))

    def host(self, url: str) -> Candidate:
        """Return a workspace by its address alone, with the developer's own sign-in."""
        return Candidate(host_name(url), url, lambda: self._developer(host_name(url), url))

    def _profile_connection(self, profile: Profile, url: str) -> Connection:
        kind, name = profile.kind, profile.name
        if kind == "pat":
            _require(profile, "token")
            token = header_token(profile.token, source=f"the token of profile {name}")
            words = f"profile {name} (personal access token)"
            return Connection(name, url, words, lambda: f"Bearer {token}")
        if kind == "azure-client-secret":
            _require(profile, "azure_tenant_id", "azure_client_id", "azure_client_secret")
            authorization = service_principal_authorization(
                tenant_id=profile.azure_tenant_id,
                client_id=profile.azure_client_id,
                client_secret=profile.azure_client_secret,
                authority_host=authority_host(self.environ, profile.azure_environment),
                ca_path=ca_path(self.environ),
            )
            words = f"profile {name} (service principal {profile.azure_client_id})"
            return Connection(name, url, words, authorization)
        if kind and kind not in AUTH_TYPES:
            raise ConfigError(
                f"profile {name} has auth_type {plain_word(kind)}, which is not known here: "
                f"use one of {', '.join(AUTH_TYPES)}"
            )
        return self._developer(name, url, profile)

    def _developer(self, name: str, url: str, profile: Profile | None = None) -> Connection:
        """Return the first sign-in of the developer that gives a token."""
        refusals = []
        trusted = self.trusted.include(url)
        next_step = self._next_step(url, profile.kind if profile else "", trusted=trusted)
        for words, authorization in self._sign_ins(url, profile, trusted=trusted):
            try:
                authorization()
            except SignInError as exc:
                refusals.append(str(exc))
                continue
            return Connection(name, url, words, authorization)
        if not trusted:
            refusals.append(f"an Entra token is sent only to {WHERE}")
        raise NeedsLoginError(
            f"nobody is signed in to {url} ({'; '.join(refusals)})",
            next_step,
        )

    def _sign_ins(
        self, url: str, profile: Profile | None, *, trusted: bool
    ) -> Iterator[tuple[str, Callable[[], str]]]:
        """Yield the sign-ins to try; a databricks CLI token is for one host, Entra's for all."""
        environ, kind = self.environ, profile.kind if profile else ""
        about = f"profile {profile.name} ({{}})" if profile else "{}"
        if kind in ("", "databricks-cli"):
            named = profile.name if profile and kind else ""
            databricks = RenewedToken(lambda: databricks_cli_token(url, environ, named))
            yield about.format("the databricks CLI's sign-in"), databricks.authorization
        if kind in ("", "azure-cli") and trusted:
            configured = profile.azure_tenant_id if profile else ""
            tenant_id = configured or environ.get("ARM_TENANT_ID", "")
            azure = RenewedToken(lambda: azure_cli_token(environ, tenant_id))
            yield about.format("the az CLI's sign-in"), azure.authorization
        if kind == "" and self.settings.login and trusted:
            from hooks.workspaces.user_sign_in import UserSignIn

            own = UserSignIn(self.settings.login, environ)
            yield about.format("the sign-in of `git promote login`"), own.authorization

    def _next_step(self, url: str, kind: str, *, trusted: bool) -> str:
        databricks, azure = f"`databricks auth login --host {url}`", "`az login`"
        if not trusted:
            return f"correct the host, or run {databricks}"
        if kind:
            return f"run {azure if kind == 'azure-cli' else databricks}"
        return "run `git promote login`" if self.settings.login else f"run {databricks} or {azure}"


def _require(profile: Profile, *keys: str) -> None:
    missing = [key for key in keys if not getattr(profile, key)]
    if missing:
        raise ConfigError(f"profile {profile.name} lacks {', '.join(missing)}")
