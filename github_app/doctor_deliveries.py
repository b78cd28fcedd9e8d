"""Prove that GitHub itself reaches the service: how its last delivery ended, and what to do."""

from __future__ import annotations

from collections.abc import Sequence

from github_app.doctor import Finding
from github_app.doctor_github import PART
from github_app.github import GitHubApp
from github_app.registration import Attempt, Hook, read_attempts, read_destination, read_hook
from github_app.setup.manifest import WEBHOOK_PATH

LINK = "deliveries"
# What an App is told while it is set up: `brickpush serve` may not have run yet.
BEFORE_THE_FIRST_PUSH = ("ping", "installation", "installation_repositories")
# Where the status it was answered with says nothing, GitHub's words do.
FIXES_BY_WORDS = (
    (("ssl", "tls", "certificate"), "serve a certificate that GitHub trusts, with its chain"),
    (
        ("timed out", "timeout"),
        "GitHub waits ten seconds: see what lies before the service",
    ),
    (
        ("connect", "resolve", "host"),
        "let GitHub reach the address by https: its name, the firewall (`hooks` in GitHub's "
        "GET /meta), and `brickpush serve` behind it",
    ),
)
FIXES = {
    401: "the secrets differ: run `brickpush rotate webhook-secret`",
    404: f"the webhook's address must lead to {WEBHOOK_PATH} of `brickpush serve`",
    413: "let what lies before the service pass bodies of 25 MB",
    503: "see the service's log: its database could not be written",
}
REDIRECTED = "GitHub follows no redirect: set the address to where it leads"
FORBIDDEN = "something before the service refuses GitHub: let it pass"
ELSEWHERE = "see what answers there, and that `brickpush serve` is behind it"


def examine_deliveries(app: GitHubApp, *, now: float) -> Finding:
    """Look for GitHub's last delivery; *now* is by GitHub's clock."""
    return PART.prove(LINK, lambda: _found(app, now))


def _found(app: GitHubApp, now: float) -> Finding:
    attempts, hook = read_attempts(app.http), read_hook(app.http)
    if not attempts or attempts[0].arrived:
        return check_deliveries(attempts, hook, now=now)
    went_to = read_destination(app.http, attempts[0])
    return check_deliveries(attempts, hook, now=now, went_to=went_to)


def check_deliveries(
    attempts: Sequence[Attempt], hook: Hook, *, now: float, went_to: str = ""
) -> Finding:
    """Judge by the newest attempt; *went_to* tells where it went, where it failed. Pure."""
    if not attempts:
        return PART.warning(
            LINK,
            "none ever came, as far back as GitHub's log goes",
            "push once, then run this again: it proves that GitHub reaches "
            + (hook.url or "the service, once the App has its webhook's address"),
        )
    last = attempts[0]
    arrived = sum(one.arrived for one in attempts)
    named = f"GitHub's last delivery ({last.event}, {ago(now - last.delivered_at)})"
    counted = f"{arrived} of the last {len(attempts)} arrived"
    if last.arrived:
        says = f"{named} was answered with {last.status_code}; {counted}"
        if last.event != "ping" and last.status_code == 200:  # we say 202
            return PART.warning(LINK, f"{says}, but not as Brickpush answers", ELSEWHERE)
        return PART.ok(LINK, says)
    says = f"{named} failed with {last.status_code} {last.status}; {counted}"
    if went_to and hook.url and went_to != hook.url:
        return PART.warning(LINK, f"{says}; it went to {went_to}", "push once to the new address")
    if all(one.event in BEFORE_THE_FIRST_PUSH for one in attempts):
        return PART.warning(LINK, f"{says}: was the service running yet?", "push once")
    return PART.broken(LINK, says, fix_of(last))


def fix_of(failed: Attempt) -> str:
    """Return the next step after a delivery that failed. Pure."""
    code, words = failed.status_code, failed.status.casefold()
    if code in FIXES:
        return FIXES[code]
    if 300 <= code < 400:
        return REDIRECTED
    if 400 <= code < 500:
        return FORBIDDEN
    return next((fix for marks, fix in FIXES_BY_WORDS if any(m in words for m in marks)), ELSEWHERE)


def ago(seconds: float) -> str:
    """Return how long ago something was. Pure."""
    for unit, size in (("day", 86_400), ("hour", 3600), ("minute", 60)):
        count = round(seconds / size)
        if count >= (1 if unit == "minute" else 2):
            return f"{count} {unit}{'' if count == 1 else 's'} ago"
    return "just now"
