"""Calls to GitHub as the App itself; also opens the calls of its installations."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import requests

from github_app.config.settings import WRITE_SECONDS
from github_app.github.identity import AppIdentity
from github_app.github.installation import READ_SECONDS, Included, Installation
from github_app.github.rate_limits import Limits
from github_app.github.tokens import (
    InstallationToken,
    NotAllowedError,
    TokenRequest,
    Tokens,
    token_error,
)
from promotion.clock import Clock, SystemClock
from promotion.errors import ApiError
from promotion.http import CONNECT_SECONDS, Answer, Http
from promotion.repository_url import repository_key

# Parts of GitHub may not know a new token, or its permissions, for some seconds.
NEW_TOKEN_PAUSES = (1.0, 2.0, 3.0)
NOT_YET = "Resource not accessible by integration"
API_VERSION = "2022-11-28"  # the newest that every supported GitHub Enterprise Server knows


def api_url(url: str) -> str:
    """Return the REST address for a web address: github.com, GHE.com or Enterprise Server. Pure."""
    host = urlsplit(url).netloc
    if host in ("github.com", "www.github.com"):
        return "https://api.github.com"
    return f"https://api.{host}" if host.endswith(".ghe.com") else f"{url}/api/v3"


def host_of(url: str) -> str:
    """Return the host in the URLs of GitHub's repositories. Pure."""
    key = repository_key(f"{url}/owner/name")
    return key.host if key else urlsplit(url).netloc


def open_api(url: str, session: requests.Session) -> Http:
    """Return calls without authorization, for exchanging a manifest's code."""
    return Http(api_url(url), session=session, headers=_headers())


def server_time(url: str, session: requests.Session) -> float | None:
    """Return GitHub's time in seconds, from any answer's Date header; None if there is none."""
    try:
        answer = session.head(
            api_url(url),
            timeout=(CONNECT_SECONDS, READ_SECONDS),
            allow_redirects=False,
            verify=session.verify,
        )
        return parsedate_to_datetime(answer.headers["Date"]).timestamp()
    except (requests.exceptions.RequestException, KeyError, ValueError):
        return None


class GitHubApp:
    """Calls that the App makes as itself."""

    def __init__(
        self,
        url: str,
        *,
        app_id: int,
        private_key: str,
        session: requests.Session,
        more_keys: Sequence[str] = (),
        now: Callable[[], float] = time.time,
        clock: Clock | None = None,
        on_rate_limit: Callable[[int, int], None] = lambda _installation, _remaining: None,
        write_seconds: float = WRITE_SECONDS,
        allows: Callable[[str], bool] = lambda _owner: True,
    ) -> None:
        """*on_rate_limit* is called with an installation's id and its remaining calls of the hour.

        *allows* decides whether an account is served; it is asked when a repository has moved to
        another account.
        """
        self.app_id = app_id
        self._identity = AppIdentity(app_id, [private_key, *more_keys], now)
        self._now = now
        self._clock = clock or SystemClock()
        self._on_rate_limit = on_rate_limit
        self._write_seconds = write_seconds
        self._allows = allows
        self._session = session
        self._api_url = api_url(url)
        self.host = host_of(url)
        self._lock = threading.Lock()
        self._limits: dict[int, Limits] = {}
        self.tokens = Tokens(self._mint, self._github_time)
        self._http = Http(
            self._api_url,
            session=session,
            authorization=self._identity.authorization,
            headers=_headers(),
            limiter=_AppSender(self._limits_of(0), self._identity),
            follows_redirects=True,
        )

    @property
    def http(self) -> Http:
        """Calls as the App itself, for its own registration."""
        return self._http

    @property
    def clock_offset(self) -> float:
        """Clock offset to GitHub in seconds; 0 until a call was refused for it."""
        return self._identity.offset

    @property
    def fingerprint(self) -> str:
        """The key's fingerprint, as the App's settings page shows it."""
        return self._identity.fingerprint

    def installation_id(self, repository: str) -> int:
        """Return the id of the installation that *repository* ("octo-org/etl") belongs to."""
        return int(self._installation_of(repository)["id"])

    def find(self, repository: str) -> Included:
        """Return the repository that a current or former name resolves to.

        Raises ApiError with 404 if the App is not installed on such a repository.
        """
        installation = self._installation_of(repository)
        account = (installation.get("account") or {}).get("login") or repository.partition("/")[0]
        if not self._allows(account):
            raise NotAllowedError(
                f"{repository} now belongs to {account}, which is not in github.allowed_owners"
            )
        number = int(installation["id"])
        acting = self.acting(TokenRequest(number, "metadata", "read"))
        return Included(acting.repository(repository), number)

    def _installation_of(self, repository: str) -> Mapping[str, Any]:
        body: Mapping[str, Any] = self._http.call("GET", f"/repos/{repository}/installation").body
        return body

    def mint_token(
        self,
        installation_id: int,
        *,
        repositories: Sequence[str] | None,
        permissions: Mapping[str, str],
    ) -> InstallationToken:
        """Return a new token for only these repositories and permissions; it expires in an hour.

        *repositories* are full names of one owner; None means all of the installation.
        """
        asked: dict[str, Any] = {"permissions": dict(permissions)}
        if repositories is not None:
            asked["repositories"] = [name.partition("/")[2] for name in repositories]
        body = self._http.call(
            "POST",
            f"/app/installations/{installation_id}/access_tokens",
            json=asked,
            read_seconds=READ_SECONDS,
        ).body
        return InstallationToken(body["token"], datetime.fromisoformat(body["expires_at"]))

    def expires_at(self, token: InstallationToken) -> float:
        """Return when a token expires, by this machine's clock."""
        return token.expires_at.timestamp() - self._identity.offset

    def installation(self, token: InstallationToken) -> Installation:
        """Return the calls that can be made with *token*."""
        return Installation(self._calls(lambda: f"Bearer {token.token}"), app_id=self.app_id)

    def acting(self, wanted: TokenRequest) -> Installation:
        """Return calls with a token for *wanted*, which is renewed when necessary.

        The calls respect the installation's rate limits. Makes no call itself.
        """
        limits = self._limits_of(wanted.installation_id)
        sender = _InstallationSender(self.tokens, wanted, limits, self._clock)
        http = self._calls(sender.authorization, sender)
        return Installation(http, app_id=self.app_id, before_write=limits.before_write)

    def _calls(
        self, authorization: Callable[[], str], sender: _InstallationSender | None = None
    ) -> Http:
        return Http(
            self._api_url,
            session=self._session,
            authorization=authorization,
            headers=_headers(),
            limiter=sender,
            follows_redirects=True,
        )

    def _limits_of(self, installation_id: int) -> Limits:
        with self._lock:
            if installation_id not in self._limits:
                self._limits[installation_id] = Limits(
                    installation_id,
                    self._clock,
                    self._now,
                    self._on_rate_limit,
                    self._write_seconds,
                )
            return self._limits[installation_id]

    def _mint(self, wanted: TokenRequest) -> InstallationToken:
        names = None if wanted.repositories is None else sorted(wanted.repositories)
        permissions = {wanted.permission: wanted.level}
        try:
            return self.mint_token(
                wanted.installation_id, repositories=names, permissions=permissions
            )
        except ApiError as exc:
            raise token_error(wanted, exc) from exc

    def _github_time(self) -> float:
        return self._now() + self._identity.offset


class _AppSender:
    """Sends the App's own calls within the rate limits, with the right key and time."""

    def __init__(self, limits: Limits, identity: AppIdentity) -> None:
        self._limits = limits
        self._identity = identity

    def send(self, call: Callable[[], Answer]) -> Answer:
        return self._limits.send(lambda: self._identity.send(call))


class _InstallationSender:
    """Sends an installation's calls: replaces a rejected token, retries with a new one."""

    def __init__(self, tokens: Tokens, wanted: TokenRequest, limits: Limits, clock: Clock) -> None:
        self._tokens = tokens
        self._wanted = wanted
        self._limits = limits
        self._clock = clock

    def authorization(self) -> str:
        return f"Bearer {self._tokens.get(self._wanted).token}"

    def send(self, call: Callable[[], Answer]) -> Answer:
        """Make one call within the rate limits; retry rejected tokens.

        A young token is retried after a pause, an older one is replaced once.
        """
        pauses = list(NEW_TOKEN_PAUSES)
        replaced = False
        while True:
            used = self._tokens.get(self._wanted)
            try:
                return self._limits.send(call)
            except ApiError as exc:
                if exc.status != 401 and NOT_YET not in exc.message:
                    raise
                if self._tokens.is_young(used) and pauses:
                    self._clock.sleep(pauses.pop(0))
                elif exc.status == 401 and not replaced:
                    self._tokens.forget(used)
                    replaced = True
                else:
                    raise


def _headers() -> dict[str, str]:
    return {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": API_VERSION}
