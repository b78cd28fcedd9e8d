"""A Git folder, in the words of the Databricks Repos API. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)  # a workspace may hold thousands
class GitFolder:
    """A clone inside a Databricks workspace, as it was last seen."""

    id: int  # a 64-bit id of 15 to 16 digits: never let it pass through a float
    path: str  # "/Repos/team/etl", without the /Workspace mount
    url: str | None  # as somebody typed it; None where the folder has no remote
    provider: str | None  # "gitHub", "gitHubEnterprise", ...
    branch: str | None  # None on a tag (detached HEAD)
    head_commit_id: str | None  # 40 hex digits
    git_cli_enabled: bool = False
    manageable: bool = True  # False where the Repos list, which shows what we may manage, lacks it
