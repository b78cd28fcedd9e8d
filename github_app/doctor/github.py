"""Check the links on GitHub's side: key, clock, permissions, webhook, installations."""

from __future__ import annotations

import stat
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from github_app.doctor.finding import Finding, Part, github_words
from github_app.github.app import GitHubApp
from github_app.github.manifest import WEBHOOK_PATH, read_manifest
from github_app.github.registration import (
    Hook,
    Installed,
    Registration,
    read_hook,
    read_installations,
    read_registration,
)
from promotion.errors import PromotionError

PART = Part("GitHub", github_words)
CLOCK_WARNING, CLOCK_BROKEN = 20, 55  # seconds; GitHub refuses a JWT issued 60 s ahead of its time
LEVELS = ("", "read", "write", "admin")
KEY = "App key"  # all other links to GitHub depend on it
FEW_CALLS = 0.1  # of an hour's calls


def examine_github(
    app: GitHubApp,
    *,
    key_paths: Sequence[Path],
    github_now: float | None,
    optional_permissions: Mapping[str, str],
) -> Iterator[Finding]:
    """Yield the findings in the order of their dependencies; a broken key skips the rest.

    *optional_permissions* are those that the settings need beyond the manifest's.
    """
    yield PART.prove("clock", lambda: check_clock(github_now, time.time()))
    for number, path in enumerate(key_paths, start=1):
        yield check_file("key file" if len(key_paths) == 1 else f"key file {number}", path)
    try:
        registration = read_registration(app.http)
    except PromotionError as exc:
        says, fix = github_words(exc)
        yield PART.broken("App key", f"{says} (key {app.fingerprint})", fix)
        yield PART.skipped("everything else on GitHub", "needs the App's key")
        return
    named = f"{registration.name} of {registration.owner}, key {app.fingerprint}"
    yield PART.ok(KEY, named)
    yield check_permissions(registration, optional_permissions)
    yield from check_optional_permissions(registration, optional_permissions)
    yield check_events(registration)
    yield PART.prove("webhook", lambda: check_hook(read_hook(app.http), registration))
    yield from _examine_installations(app, registration, optional_permissions)


def check_clock(github: float | None, ours: float) -> Finding:
    """Compare this machine's clock with GitHub's, which decides whether a JWT is valid."""
    if github is None:
        return PART.warning("clock", "GitHub's answer has no date", "check the network")
    ahead = round(ours - github)
    words = "in sync with GitHub's"
    if abs(ahead) > 1:
        words = f"{abs(ahead)} s {'ahead of' if ahead > 0 else 'behind'} GitHub's"
    fix = "synchronize this machine's clock (NTP)"
    if ahead >= CLOCK_BROKEN or ahead <= -CLOCK_BROKEN * 9:
        return PART.broken("clock", words, fix)
    if abs(ahead) >= CLOCK_WARNING:
        return PART.warning("clock", words, fix)
    return PART.ok("clock", words)


def check_file(link: str, path: Path) -> Finding:
    """Check that only its owner can read a secret file."""
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError as exc:
        return PART.broken(link, f"{path}: {exc.strerror}", "correct the path, or the file's owner")
    if mode & 0o077:
        return PART.warning(link, f"{path} can be read by others", f"chmod 600 {path}")
    return PART.ok(link, f"{path}, readable by its owner only")


def check_permissions(app: Registration, optional_permissions: Mapping[str, str]) -> Finding:
    """Compare the App's permissions with the manifest and the optional ones."""
    wanted = read_manifest()["default_permissions"]
    lacks = [
        f"{name}: {level}"
        for name, level in sorted(wanted.items())
        if not grants(app.permissions.get(name, ""), level)
    ]
    page = f"{app.settings_url}/permissions"
    if lacks:
        return PART.broken("permissions", f"lacks {', '.join(lacks)}", f"grant it at {page}")
    more = [
        f"{name}: {level}"
        for name, level in sorted(app.permissions.items())
        if not grants({**wanted, **optional_permissions}.get(name, ""), level)
    ]
    if more:
        return PART.warning(
            "permissions",
            f"more than Brickpush needs: {', '.join(more)}",
            f"remove it at {page}",
        )
    return PART.ok("permissions", ", ".join(f"{n}: {lv}" for n, lv in sorted(wanted.items())))


def check_optional_permissions(
    app: Registration, optional_permissions: Mapping[str, str]
) -> Iterator[Finding]:
    """Check the optional permissions; everything else works without them."""
    for name, level in optional_permissions.items():
        if grants(app.permissions.get(name, ""), level):
            yield PART.ok(name, f"{name}: {level}")
        else:
            page = f"{app.settings_url}/permissions"
            fix = f"grant it at {page}, or set {name} = false in the settings"
            yield PART.warning(name, f"the App lacks {name}: {level}, so it writes none", fix)


def grants(granted: str, wanted: str) -> bool:
    """Return whether one level of a permission includes another."""
    if granted not in LEVELS or wanted not in LEVELS:
        return granted == wanted
    return LEVELS.index(granted) >= LEVELS.index(wanted)


def check_events(app: Registration) -> Finding:
    """Compare the App's events with the manifest."""
    wanted = read_manifest()["default_events"]
    lacks = sorted(set(wanted) - app.events)
    if not lacks:
        return PART.ok("events", ", ".join(sorted(app.events)))
    fix = f"subscribe to it at {app.settings_url}/permissions"
    if "push" in lacks:
        return PART.broken("events", f"not subscribed to {', '.join(lacks)}", fix)
    return PART.warning("events", f"not subscribed to {', '.join(lacks)}", fix)


def check_hook(hook: Hook, app: Registration) -> Finding:
    """Check the webhook's settings."""
    page = app.settings_url
    if not hook.url:
        return PART.broken("webhook", "has no URL", f"set it at {page}")
    if not hook.has_secret:
        return PART.broken("webhook", "has no secret", "run `brickpush rotate webhook-secret`")
    if not hook.verifies_tls:
        return PART.broken("webhook", "GitHub does not verify TLS", f"enable it at {page}")
    if hook.content_type != "json":
        return PART.warning("webhook", f"sends {hook.content_type}", f"choose JSON at {page}")
    if not hook.url.endswith(WEBHOOK_PATH):
        says = f"{hook.url} does not end in {WEBHOOK_PATH}"
        return PART.warning("webhook", says, "fine where a proxy rewrites it, else correct it")
    return PART.ok("webhook", f"{hook.url}, JSON, with a secret")


def _examine_installations(
    app: GitHubApp, registration: Registration, optional_permissions: Mapping[str, str]
) -> Iterator[Finding]:
    link = "installations"
    try:
        found = read_installations(app.http)
    except PromotionError as exc:
        yield PART.failed(link, exc)
        return
    if not found:
        yield PART.broken(link, "none", f"install the App at {registration.install_url}")
    for one in found:
        check = partial(_check_installation, app, one, optional_permissions)
        yield PART.prove(f"installation {one.account}", check)


def _check_installation(
    app: GitHubApp, one: Installed, optional_permissions: Mapping[str, str]
) -> Finding:
    link = f"installation {one.account}"
    if one.suspended:
        return PART.broken(link, "suspended", f"unsuspend it at {one.html_url}")
    wanted = read_manifest()["default_permissions"]
    if lacks := [n for n, lv in wanted.items() if not grants(one.permissions.get(n, ""), lv)]:
        says = f"its owner has not accepted {', '.join(sorted(lacks))}"
        return PART.broken(link, says, f"accept it at {one.html_url}")
    token = app.mint_token(one.id, repositories=None, permissions={"metadata": "read"})
    calls = app.installation(token)
    count = sum(1 for _ in calls.repositories())
    if count == 0:
        return PART.broken(link, "no repositories", f"choose some at {one.html_url}")
    says = f"{count} repositor{'y' if count == 1 else 'ies'}"
    if lacks := [
        n for n, lv in optional_permissions.items() if not grants(one.permissions.get(n, ""), lv)
    ]:
        says = f"{says}; its owner has not accepted {', '.join(lacks)}, so none are written"
        return PART.warning(link, says, f"accept it at {one.html_url}")
    left = calls.calls_left()
    if left is None:
        return PART.ok(link, f"{says}, no limit on calls")
    says = f"{says}, {left[0]} of {left[1]} calls left in this hour"
    if left[0] < left[1] * FEW_CALLS:
        return PART.warning(link, says, "wait for the next hour; check what else uses this App")
    return PART.ok(link, says)
