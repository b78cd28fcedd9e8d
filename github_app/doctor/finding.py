"""The findings of `brickpush doctor`: one per link of the chain, from a real call. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum

from promotion.credential_lock import SlotError
from promotion.errors import ApiError, ConfigError, PromotionError, UnreachableError
from promotion.failures import in_words


class State(Enum):
    OK = "ok"
    WARNING = "warning"  # works, but needs attention
    BROKEN = "broken"
    UNTESTED = "untested"  # could not be tested now
    SKIPPED = "skipped"  # depends on a broken link, or was not requested


@dataclass(frozen=True)
class Finding:
    """One link of the chain."""

    part: str  # "GitHub", or a workspace's name
    link: str
    state: State
    says: str
    fix: str = ""  # the next step, in plain words


@dataclass(frozen=True)
class Part:
    """A part of the chain; creates its findings."""

    name: str
    words: Callable[[PromotionError], tuple[str, str]] = in_words

    def ok(self, link: str, says: str) -> Finding:
        return Finding(self.name, link, State.OK, says)

    def warning(self, link: str, says: str, fix: str = "") -> Finding:
        return Finding(self.name, link, State.WARNING, says, fix)

    def broken(self, link: str, says: str, fix: str) -> Finding:
        return Finding(self.name, link, State.BROKEN, says, fix)

    def skipped(self, link: str, says: str) -> Finding:
        return Finding(self.name, link, State.SKIPPED, says)

    def untested(self, link: str, exc: SlotError) -> Finding:
        return Finding(self.name, link, State.UNTESTED, f"not tested: {exc}", exc.next_step)

    def failed(self, link: str, exc: PromotionError) -> Finding:
        says, fix = self.words(exc)
        return self.broken(link, says, fix)

    def prove(self, link: str, check: Callable[[], Finding]) -> Finding:
        """Return the finding of *check*; an error in it is a finding too."""
        try:
            return check()
        except SlotError as exc:
            return self.untested(link, exc)
        except PromotionError as exc:
            return self.failed(link, exc)


def github_words(exc: PromotionError) -> tuple[str, str]:
    """Return the reason and the next step for an error of GitHub."""
    if isinstance(exc, UnreachableError):
        return str(exc), "check the network, the proxy, github.url and ca_path"
    if isinstance(exc, ConfigError):
        return str(exc), "correct the settings"
    if not isinstance(exc, ApiError):
        return str(exc), "correct this, then run the doctor again"
    said = f"GitHub answered {exc.status}{': ' + exc.message if exc.message else ''}"
    return said, next((fix for mark, fix in GITHUB_FIXES if mark in said), GITHUB_FIX)


def holds(findings: Iterable[Finding]) -> bool:
    """Return whether no link is broken or untested."""
    return not any(each.state in (State.BROKEN, State.UNTESTED) for each in findings)


GITHUB_FIX = "see githubstatus.com, then run the doctor again"
GITHUB_FIXES = (
    ("claim ('", "set this machine's clock: GitHub refuses the App's signature by its time"),
    ("could not be decoded", "the key does not belong to this App: compare the fingerprints"),
    ("Integration not found", "compare github.app_id and github.url with the App's page"),
    ("suspended", "the owner of the installation must unsuspend it"),
    ("not granted", "the owner of the installation must accept the App's permissions"),
    ("not accessible by integration", "the App lacks a permission: see above"),
    ("answered 401", "compare github.app_id and the key's fingerprint with the App's page"),
    ("answered 404", "compare github.app_id and github.url with the App's page"),
)
