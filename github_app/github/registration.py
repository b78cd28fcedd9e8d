"""Calls about the App itself: its registration, webhook, deliveries and installations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import quote

from promotion.errors import PromotionError
from promotion.http import Http

PAGE = 100  # GitHub's maximum
MOST_PAGES = 100


@dataclass(frozen=True)
class Registration:
    """The App as GitHub shows it."""

    app_id: int
    slug: str
    name: str
    owner: str
    html_url: str  # its public page, "https://github.com/apps/brickpush"
    settings_url: str  # for its owner
    permissions: Mapping[str, str]
    events: frozenset[str]

    @property
    def install_url(self) -> str:
        return f"{self.html_url}/installations/new"


@dataclass(frozen=True)
class NewApp:
    """A new registration, with the secrets that GitHub shows only once."""

    registration: Registration
    client_id: str
    client_secret: str = field(repr=False)
    webhook_secret: str | None = field(repr=False)
    private_key: str = field(repr=False)


@dataclass(frozen=True)
class Hook:
    """The App's webhook settings; GitHub never shows the secret."""

    url: str | None
    content_type: str  # "json" or "form"
    has_secret: bool
    verifies_tls: bool


@dataclass(frozen=True)
class Attempt:
    """One attempt to deliver a webhook."""

    id: int
    event: str
    status: str  # "OK", or GitHub's description of the failure
    status_code: int
    delivered_at: float  # by GitHub's clock

    @property
    def arrived(self) -> bool:
        """Whether the delivery succeeded; GitHub does not follow redirects."""
        return 200 <= self.status_code < 300


@dataclass(frozen=True)
class Installed:
    """One installation of the App."""

    id: int
    account: str
    html_url: str
    suspended: bool
    permissions: Mapping[str, str]


def convert_manifest(http: Http, code: str) -> NewApp:
    """Exchange the code from GitHub's redirect; it works once, within an hour."""
    body = http.call("POST", f"/app-manifests/{quote(code, safe='')}/conversions").body
    if not isinstance(body, dict) or not body.get("pem"):
        raise PromotionError("GitHub's answer contains no private key: register the App again")
    return NewApp(
        registration=_registration(body),
        client_id=str(body.get("client_id") or ""),
        client_secret=str(body.get("client_secret") or ""),
        webhook_secret=body.get("webhook_secret") or None,
        private_key=str(body["pem"]),
    )


def read_registration(http: Http) -> Registration:
    """Return the App that the caller's key belongs to."""
    return _registration(http.call("GET", "/app").body)


def read_installations(http: Http) -> list[Installed]:
    """Return every installation of the App."""
    found: list[Installed] = []
    for page in range(1, MOST_PAGES + 1):
        params = {"per_page": PAGE, "page": page}
        body = http.call("GET", "/app/installations", params=params).body
        found += [_installed(one) for one in body]
        if len(body) < PAGE:
            break
    return found


def read_hook(http: Http) -> Hook:
    """Return the App's webhook settings."""
    return _hook(http.call("GET", "/app/hook/config").body)


def change_hook(http: Http, *, url: str | None = None, secret: str | None = None) -> Hook:
    """Change the webhook's URL or secret; it takes effect with the next delivery."""
    changes = {"url": url, "secret": secret}
    given = {name: value for name, value in changes.items() if value is not None}
    body = {"content_type": "json", "insecure_ssl": "0", **given}
    return _hook(http.call("PATCH", "/app/hook/config", json=body).body)


def read_attempts(http: Http) -> list[Attempt]:
    """Return the newest attempts to deliver a webhook, newest first."""
    body = http.call("GET", "/app/hook/deliveries", params={"per_page": PAGE}).body
    return [
        Attempt(
            id=int(one["id"]),
            event=str(one.get("event") or ""),
            status=str(one.get("status") or ""),
            status_code=int(one.get("status_code") or 0),
            delivered_at=datetime.fromisoformat(one["delivered_at"]).timestamp(),
        )
        for one in body
    ]


def read_destination(http: Http, attempt: Attempt) -> str:
    """Return the URL an attempt was sent to; the webhook's URL may have changed since."""
    return str(http.call("GET", f"/app/hook/deliveries/{attempt.id}").body.get("url") or "")


def _registration(body: Mapping[str, Any]) -> Registration:
    owner = body.get("owner") or {}
    login, slug, html_url = owner.get("login") or "", body.get("slug") or "", body["html_url"]
    web = html_url.partition("/apps/")[0].partition("/github-apps/")[0]
    holder = f"/organizations/{login}" if owner.get("type") == "Organization" else ""
    return Registration(
        app_id=int(body["id"]),
        slug=slug,
        name=body.get("name") or slug,
        owner=login,
        html_url=html_url,
        settings_url=f"{web}{holder}/settings/apps/{slug}",
        permissions=dict(body.get("permissions") or {}),
        events=frozenset(body.get("events") or ()),
    )


def _installed(body: Mapping[str, Any]) -> Installed:
    return Installed(
        id=int(body["id"]),
        account=(body.get("account") or {}).get("login") or "",
        html_url=body.get("html_url") or "",
        suspended=body.get("suspended_at") is not None,
        permissions=dict(body.get("permissions") or {}),
    )


def _hook(body: Mapping[str, Any]) -> Hook:
    return Hook(
        url=body.get("url") or None,
        content_type=str(body.get("content_type") or "form"),
        has_secret=bool(body.get("secret")),
        verifies_tls=str(body.get("insecure_ssl", "0")) == "0",
    )
