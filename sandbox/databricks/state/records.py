"""What a stand-in workspace remembers for its tests, and what they can set. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass
class RequestRecord:
    """One request. It is recorded when it arrives; its status is set when it is answered."""

    method: str
    path: str
    query: Mapping[str, str]
    principal: str | None = None  # a client id or a user's name
    status: int | None = None  # None: not answered, or the answer was lost
    body: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class PullRecord:
    """One Git operation that went to the remote."""

    path: str  # the Git folder's
    principal: str
    token_hash: str  # the first 12 hex digits of the token's SHA-256
    started: float
    ended: float
    ok: bool


@dataclass(frozen=True)
class FolderSnapshot:
    """A Git folder as it is at this moment."""

    id: int
    path: str
    url: str | None
    provider: str | None
    branch: str | None  # None on a tag
    head_commit_id: str | None
    git_cli_enabled: bool


@dataclass
class Latency:
    """Seconds that an answer takes at least."""

    list_page: float = 0.0  # one page of the Repos list
    patch: float = 0.0  # the update of a Git folder
    default: float = 0.0  # everything else

    def of(self, method: str, path: str) -> float:
        if method == "GET" and path == "/api/2.0/repos":
            return self.list_page
        if method == "PATCH" and path.startswith("/api/2.0/repos/"):
            return self.patch
        return self.default


@dataclass
class Behaviour:
    """Where the real service's ways are not known, or differ between its versions."""

    prefix_form: Literal["both", "plain", "workspace"] = "both"  # of the Repos list's path_prefix
    update_answers_with: Literal["nothing", "folder"] = "nothing"
    concurrent_updates: Literal["serialize", "abort"] = "serialize"
    second_credential: Literal["conflict", "old"] = "conflict"
    update_keeps_username: bool = False  # of a Git credential, when PATCH does not say it
    broken_clones_stay: bool = False  # a clone that fails leaves a Git folder without a commit
    longest_token: int | None = None  # characters of a personal_access_token
    # What listings of these directories are answered: status, error code and message.
    refused_listings: dict[str, tuple[int, str, str]] = field(default_factory=dict)
    stale_reads: int = 0  # GETs after a PATCH that still show the old commit
