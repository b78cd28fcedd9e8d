"""Check that GitHub reaches the service, by the result of its last delivery."""

from __future__ import annotations

from collections.abc import Sequence

from github_app.doctor.finding import Finding
from github_app.doctor.github import PART
from github_app.github.app import GitHubApp
from github_app.github.manifest import WEBHOOK_PATH
from github_app.github.registration import Attempt, Hook, read_attempts, read_destination, read_hook

LINK = "deliveries"
# Events sent during setup, when `brickpush serve` may not run yet.
BEFORE_THE_FIRST_PUSH = ("ping", "installation", "installation_repositories")
# By GitHub's description, where the status code is not enough.
FIXES_BY_WORDS = (
    (("ssl", "tls", "certificate"), "serve a certificate that GitHub trusts, with its chain"),
    (
        ("timed out", "timeout"),
        "GitHub waits ten seconds: check the proxies in front of the service",
    ),
    (
        ("connect", "resolve", "host"),
        "let GitHub reach the URL by https: check the DNS name, the firewall (`hooks` in GitHub's "
        "GET /meta), and `brickpush serve` behind it",
    ),
)
FIXES = {
    401: "the secrets differ: run `brickpush rotate webhook-secret`",
    404: f"the webhook URL must lead to {WEBHOOK_PATH} of `brickpush serve`",
    413: "let the proxies in front of the service pass bodies of 25 MB",
    503: "see the service's log: its database could not be written",
}
REDIRECTED = "GitHub does not follow redirects: set the webhook URL to the target"
FORBIDDEN = "something in front of the service refuses GitHub: let it pass"
ELSEWHERE = "check what answers there, and that `brickpush serve` is behind it"


def examine_deliveries(app: GitHubApp, *, now: float) -> Finding:
    """Check GitHub's last delivery; *now* is by GitHub's clock."""
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
    """Return the finding for the newest attempt; *went_to*: the URL of a failed one. Pure."""
    if not attempts:
        return PART.warning(
            LINK,
            "GitHub's log has no delivery",
            "push once, then run this again to test that GitHub reaches "
            + (hook.url or "the service, once the App has a webhook URL"),
        )
    last = attempts[0]
    arrived = sum(one.arrived for one in attempts)
    named = f"GitHub's last delivery ({last.event}, {ago(now - last.delivered_at)})"
    counted = f"{arrived} of the last {len(attempts)} arrived"
    if last.arrived:
        says = f"{named} was answered with {last.status_code}; {counted}"
        if last.event != "ping" and last.status_code == 200:  # the service answers 202
            return PART.warning(LINK, f"{says}, but not as Brickpush answers", ELSEWHERE)
        return PART.ok(LINK, says)
    says = f"{named} failed with {last.status_code} {last.status}; {counted}"
    if went_to and hook.url and went_to != hook.url:
        return PART.warning(LINK, f"{says}; it went to {went_to}", "push once to the new URL")
    if all(one.event in BEFORE_THE_FIRST_PUSH for one in attempts):
        return PART.warning(LINK, f"{says}: was the service running then?", "push once")
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
