"""The recorded result of one promotion from this machine, and its form as JSON. Pure."""

from __future__ import annotations

import enum
from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any

from hooks.foreground.pushed_refs import without_secrets
from hooks.system.known_secrets import hide_within
from promotion.repository_url import repository_key
from promotion.safe_text import redact

if TYPE_CHECKING:
    from promotion.plan import Decision
    from promotion.workspace import Report


class State(enum.Enum):
    """The progress of a promotion, or how it ended."""

    WAITING = "waiting"  # for the push to end
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    NEEDS_LOGIN = "needs-login"
    SUPERSEDED = "superseded"
    NOT_PUSHED = "not-pushed"
    UNKNOWN = "unknown"  # whether the push arrived, or a Git folder has its commit, is not known
    EXPIRED = "expired"
    INTERRUPTED = "interrupted"

    @property
    def ended(self) -> bool:
        return self not in (State.WAITING, State.RUNNING)


@dataclass(frozen=True)
class Result:
    """One promotion of one ref; tokens are removed from all its text when it is stored."""

    key: str  # "1795374693123-4711": start time in ms, and process id
    repository: str  # "octo-org/etl", or the redacted URL where that has no such name
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
        """The branch's name, or the full ref of anything else."""
        return self.ref.removeprefix("refs/heads/")


def as_json(result: Result) -> dict[str, Any]:
    """Return the result as JSON values, with every secret hidden."""
    found: dict[str, Any] = hide_within({**asdict(result), "state": result.state.value})
    return found


def from_json(body: Any) -> Result:
    """Return the result of JSON values from `as_json`; raise ValueError for any other."""
    if not isinstance(body, dict):
        raise ValueError("a result is an object")
    known = {name: body[name] for name in (field.name for field in fields(Result)) if name in body}
    try:
        return Result(**{**known, "state": State(known["state"])})
    except (KeyError, TypeError) as exc:
        raise ValueError(f"a result lacks {exc}") from exc


def workspace_as_json(report: Report) -> dict[str, Any]:
    """Return the result of a push in one workspace as JSON values."""
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
        "unchanged": [
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
