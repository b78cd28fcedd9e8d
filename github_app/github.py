"""The calls to GitHub: as the App (JWT), and as one installation of it (token)."""

from __future__ import annotations

import time
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parsedate_to_datetime
from hashlib import sha256
from typing import Any
from urllib.parse import quote, urlsplit

import jwt
import requests
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)

from promotion.errors import ApiError, ConfigError
from promotion.http import CONNECT_SECONDS, Http

API_VERSION = "2022-11-28"  # the newest that every supported GitHub Enterprise Server knows
READ_SECONDS = 15.0  # GitHub cuts its own calls at 10 s
JWT_BACK, JWT_AHEAD = 60, 540  # seconds: GitHub allows no more than 600 by its own clock


def api_url(url: str) -> str:
    """Return the REST address for a web address: github.com, GHE.com or Enterprise Server. Pure."""
    host = urlsplit(url).netloc
    if host in ("github.com", "www.github.com"):
        return "https://api.github.com"
    return f"https://api.{host}" if host.endswith(".ghe.com") else f"{url}/api/v3"


def open_api(url: str, session: requests.Session) -> Http:
    """Return calls without any authorization: the exchange of a manifest's code takes none."""
    return Http(api_url(url), session=session, headers=_headers())


def server_time(url: str, session: requests.Session) -> float | None:
    """Return GitHub's own time, seconds; None where it does not tell. A refusal tells it too."""
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


@dataclass(frozen=True)
class InstallationToken:
    """A token for some repositories of one installation, with some of the App's permissions."""

    token: str = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True)
class CheckRun:
    """What a check run shows; `status` and `conclusion` in GitHub's words."""

    name: str
    head_sha: str
    status: str
    title: str
    summary: str
    conclusion: str | None = None
    external_id: str = ""
    details_url: str = ""

    def body(self) -> dict[str, Any]:
        body: dict[str, Any] = {
            "name": self.name,
            "head_sha": self.head_sha,
            "status": self.status,
            "output": {"title": self.title, "summary": self.summary},
        }
        optional = {
            "conclusion": self.conclusion,
            "external_id": self.external_id,
            "details_url": self.details_url,
        }
        return body | {key: value for key, value in optional.items() if value}


class GitHubApp:
    """Calls that the App makes as itself."""

    def __init__(
        self,
        url: str,
        *,
        app_id: int,
        private_key: str,
        session: requests.Session,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._app_id = app_id
        self._key = _rsa_key(private_key)
        self._now = now
        self._session = session
        self._api_url = api_url(url)
        self._http = Http(
            self._api_url, session=session, authorization=self._authorization, headers=_headers()
        )

    @property
    def http(self) -> Http:
        """Calls as the App itself, for what it asks about its own registration."""
        return self._http

    @property
    def fingerprint(self) -> str:
        """The key's fingerprint, as the App's settings page shows it."""
        der = self._key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return f"SHA256:{b64encode(sha256(der).digest()).decode()}"

    def installation_id(self, repository: str) -> int:
        """Return the id of the installation that *repository* ("octo-org/etl") belongs to."""
        return int(self._http.call("GET", f"/repos/{repository}/installation").body["id"])

    def mint_token(
        self,
        installation_id: int,
        *,
        repositories: Sequence[str] | None,
        permissions: Mapping[str, str],
    ) -> InstallationToken:
        """Return a new token for just these repositories and permissions; it lives for an hour.

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

    def installation(self, token: InstallationToken) -> Installation:
        """Return the calls that can be made with *token*."""
        return Installation(
            Http(
                self._api_url,
                session=self._session,
                authorization=lambda: f"Bearer {token.token}",
                headers=_headers(),
            ),
            app_id=self._app_id,
        )

    def _authorization(self) -> str:
        now = int(self._now())
        claims = {"iat": now - JWT_BACK, "exp": now + JWT_AHEAD, "iss": str(self._app_id)}
        return f"Bearer {jwt.encode(claims, self._key, algorithm='RS256')}"


class Installation:
    """Calls made with an installation token."""

    def __init__(self, http: Http, *, app_id: int) -> None:
        self._http = http
        self._app_id = app_id

    def sees(self, repository: str) -> bool:
        """Return whether the token shows the repository: a new token may need some seconds."""
        try:
            self._http.call("GET", f"/repos/{repository}", read_seconds=READ_SECONDS)
        except ApiError as exc:
            if exc.status in (401, 403, 404):
                return False
            raise
        return True

    def contains(self, repository: str, *, head: str, commit: str) -> bool | None:
        """Return whether *head* is *commit* or a descendant of it; None if one is unknown."""
        path = f"/repos/{repository}/compare/{quote(commit)}...{quote(head)}"
        try:
            body = self._http.call("GET", path, params={"per_page": 1}).body
        except ApiError as exc:
            if exc.status == 404:
                return None
            raise
        return body.get("status") in ("ahead", "identical")

    def branch_head(self, repository: str, branch: str) -> str | None:
        """Return the commit that a branch is at, or None where there is no such branch."""
        try:
            path = f"/repos/{repository}/git/ref/heads/{quote(branch)}"
            return str(self._http.call("GET", path).body["object"]["sha"])
        except ApiError as exc:
            if exc.status == 404:
                return None
            raise

    def repositories(self) -> Iterator[str]:
        """Yield the full names of the repositories that the token covers."""
        for body in self._pages("/installation/repositories"):
            yield from (repository["full_name"] for repository in body["repositories"])

    def calls_left(self) -> tuple[int, int] | None:
        """Return how many calls are left of how many in this hour; None where nothing limits."""
        path = "/installation/repositories"
        headers = self._http.call("GET", path, params={"per_page": 1}).headers
        left, most = headers.get("X-RateLimit-Remaining"), headers.get("X-RateLimit-Limit")
        return (int(left), int(most)) if left and most else None

    def tags(self, repository: str) -> dict[str, str]:
        """Return the tags of a repository with the commits that they stand on."""
        pages = self._pages(f"/repos/{repository}/tags")
        return {tag["name"]: tag["commit"]["sha"] for page in pages for tag in page}

    def _pages(self, path: str) -> Iterator[Any]:
        page, more = 1, True
        while more:
            answer = self._http.call("GET", path, params={"per_page": 100, "page": page})
            yield answer.body
            page, more = page + 1, 'rel="next"' in answer.headers.get("Link", "")

    def create_check_run(self, repository: str, run: CheckRun) -> int:
        """Create a check run and return its id."""
        path = f"/repos/{repository}/check-runs"
        return int(
            self._http.call("POST", path, json=run.body(), read_seconds=READ_SECONDS).body["id"]
        )

    def update_check_run(self, repository: str, run_id: int, run: CheckRun) -> None:
        """Replace what a check run shows."""
        path = f"/repos/{repository}/check-runs/{run_id}"
        self._http.call("PATCH", path, json=run.body(), read_seconds=READ_SECONDS)

    def find_check_run(self, repository: str, *, head_sha: str, name: str) -> int | None:
        """Return the id of the App's newest check run of that name on a commit, or None."""
        body = self._http.call(
            "GET",
            f"/repos/{repository}/commits/{head_sha}/check-runs",
            params={"check_name": name, "app_id": self._app_id, "filter": "latest"},
        ).body
        runs = body.get("check_runs") or []
        return int(runs[0]["id"]) if runs else None


def _headers() -> dict[str, str]:
    return {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": API_VERSION}


def _rsa_key(pem: str) -> RSAPrivateKey:
    """Return the key object, made once: parsing PEM costs 150 times what signing does."""
    try:
        key = load_pem_private_key(pem.replace("\\n", "\n").encode(), password=None)
    except ValueError:
        raise ConfigError(
            "github.private_key is no PEM private key: download a new one from the App's page"
        ) from None
    if not isinstance(key, RSAPrivateKey):
        raise ConfigError("github.private_key is not an RSA key: use the one GitHub gave you")
    return key
