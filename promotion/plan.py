"""Decide what a push promotes. Pure: no clock, no network, no environment."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from promotion.git_folder import GitFolder
from promotion.push import Push
from promotion.repository_url import RepositoryKey, repository_key

PROVIDERS = {"github", "githubenterprise"}


@dataclass(frozen=True)
class Decision:
    """Whether a push moves one Git folder, and why (not)."""

    folder: GitFolder
    moves: bool
    reason: str


def plan(
    push: Push, repositories: Collection[RepositoryKey], folders: Iterable[GitFolder]
) -> list[Decision]:
    """Return one decision for every Git folder of the pushed repository, in the folders' order.

    *repositories* are the keys under which the pushed repository is known: usually one.
    Folders of other repositories are not mentioned.
    """
    return [
        _decide(push, folder) for folder in folders if repository_key(folder.url) in repositories
    ]


def _decide(push: Push, folder: GitFolder) -> Decision:
    reason = _reason_to_stay(push, folder)
    if reason is not None:
        return Decision(folder, moves=False, reason=reason)
    return Decision(folder, moves=True, reason=f"follows {push.branch}")


def _reason_to_stay(push: Push, folder: GitFolder) -> str | None:
    if (folder.provider or "").casefold() not in PROVIDERS:
        return f"its Git provider is {folder.provider or 'not set'}, not GitHub"
    if push.tag is not None:
        return f"{push.tag} is a tag, and this Git folder follows no tags"
    if push.branch is None:
        return f"{push.ref} is neither a branch nor a tag"
    if folder.branch is None:
        return "is on a tag or a commit, not on a branch"
    if folder.branch != push.branch:
        return f"follows {folder.branch}"
    if not folder.manageable:
        return "the principal may not manage it: grant it Can Manage on this Git folder"
    if push.deleted:
        return f"{push.branch} was deleted on GitHub: check out another branch in this Git folder"
    if folder.head_commit_id == push.after:
        return f"already at {push.after[:7]}"
    return None
