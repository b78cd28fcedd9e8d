"""What is remembered of one promotion from this machine, and its form as JSON. Pure."""

from __future__ import annotations

import enum
from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any

from hooks.known_secrets import hide_within
from hooks.pushed_refs import without_secrets
from promotion.redact import redact
from promotion.repository_url import repository_key

if TYPE_CHECKING:
    from promotion.plan import Decision
    from promotion.workspace import Report


class State(enum.Enum):
    """How far a promotion has come, or how it ended."""

    WAITING = "waiting"  # for the push to end
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    NEEDS_LOGIN = "needs-login"
    SUPERSEDED = "superseded"
    NOT_PUSHED = "not-pushed"
    UNKNOWN = "unknown"  # whether the push arrived, or what a Git folder is at, can't be told
    EXPIRED = "expired"
    INTERRUPTED = "interrupted"

    @property
    def ended(self) -> bool:
        return self not in (State.WAITING, State.RUNNING)


@dataclass(frozen=True)
class Result:
    """One promotion of one ref; every text in it is free of tokens once it is stored."""

    key: str  # "1795374693123-4711": when it began, and by which process
    repository: str  # "octo-org/etl", or the redacted URL where that names no such thing
    remote: str
    url: str
    ref: str
    after: str
    state: State
    started_at: float  # seconds since 1970
    ended_at: float | None = None
    workspaces: list[dict[str, Any]] = field(default_factory=list)
    message: str = ""
    next_step: str = ""
    identity: str = ""

    @property
    def branch(self) -> str:
        """The ref as people say it."""
        return self.ref.removeprefix("refs/heads/")


def as_json(result: Result) -> dict[str, Any]:
    """Return the result as JSON values, with every secret hidden."""
    found: dict[str, Any] = hide_within({**asdict(result), "state": result.state.value})
    return found


def from_json(body: Any) -> Result:
    """Return the result that `as_json` made; raises ValueError where it is none."""
    if not isinstance(body, dict):
        raise ValueError("a result is an object")
    known = {name: body[name] for name in (field.name for field in fields(Result)) if name in body}
    try:
        return Result(**{**known, "state": State(known["state"])})
    except (KeyError, TypeError) as exc:
        raise ValueError(f"a result lacks {exc}") from exc


def workspace_as_json(report: Report) -> dict[str, Any]:
    """Return what became of a push in one workspace as JSON values."""
    return {
        "workspace": report.workspace,
        "host": report.host,
        "outcomes": [
            {
                "path": outcome.folder.path,
                "conclusion": outcome.conclusion.value,
                "before": outcome.before,
                "after": outcome.after,
                "reason": outcome.reason,
                "next_step": outcome.next_step,
                "seconds": outcome.seconds,
            }
            for outcome in report.outcomes
        ],
        "blocked": [_entry(decision) for decision in report.decisions if decision.blocked],
        "stays": [
            _entry(decision)
            for decision in report.decisions
            if not (decision.moves or decision.blocked)
        ],
        "problem": report.problem,
        "next_step": report.next_step,
    }


def _entry(decision: Decision) -> dict[str, str]:
    return {"path": decision.folder.path, "reason": decision.reason}


def repository_name(url: str) -> str:
    """Return "owner/name" of a repository's URL, or the URL without its secrets."""
    key = repository_key(url)
    return key.full_name if key else without_password(url)


def without_password(url: str) -> str:
    """Return a URL that still names the repository, without user and password."""
    return redact(without_secrets(url))
