"""Decide what a push promotes. Pure: no clock, no network, no environment."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from promotion.git_folder import GitFolder
from promotion.push import Push
from promotion.repository_url import RepositoryKey, is_unencrypted, repository_key
from promotion.rules import EVERY_FOLDER, Rule, deciding_rule, highest

PROVIDERS = {"github", "githubenterprise"}


@dataclass(frozen=True)
class Destination:
    """Where a Git folder goes: the head of a branch, or a tag."""

    branch: str | None
    tag: str | None
    commit: str  # where it should be afterwards, at the least

    @property
    def name(self) -> str:
        return self.branch or self.tag or ""


@dataclass(frozen=True)
class Decision:
    """Whether a push moves one Git folder, where to, and why (not)."""

    folder: GitFolder
    destination: Destination | None
    reason: str
    rule: Rule = EVERY_FOLDER
    blocked: bool = False  # it follows the pushed ref, but a person must mend something first

    @property
    def moves(self) -> bool:
        return self.destination is not None


@dataclass(frozen=True)
class Mapped:
    """What a push is held against: rules in order, and the repository's tags with their commits."""

    repositories: Collection[RepositoryKey]  # the keys the pushed repository is known under
    rules: Sequence[Rule] = ()
    tags: Mapping[str, str] = field(default_factory=dict)


def plan(push: Push, mapped: Mapped, folders: Iterable[GitFolder]) -> list[Decision]:
    """Return one decision for every Git folder of the pushed repository, in the folders' order.

    Folders of other repositories are not mentioned.
    """
    return [
        _decide(push, mapped, folder)
        for folder in folders
        if repository_key(folder.url) in mapped.repositories
    ]


def _decide(push: Push, mapped: Mapped, folder: GitFolder) -> Decision:
    rule = deciding_rule(folder.path, mapped.rules)
    destination, reason = _aim(push, mapped.tags, folder, rule)
    if destination is not None and (obstacle := _obstacle(folder)):
        return Decision(folder, None, obstacle, rule, blocked=True)
    return Decision(folder, destination, reason, rule)


def _obstacle(folder: GitFolder) -> str:
    """Return what a person must mend before the folder can be moved; "" where nothing is."""
    if (folder.provider or "").casefold() not in PROVIDERS:
        return f"its Git provider is {folder.provider or 'not set'}, not GitHub"
    if is_unencrypted(folder.url):
        return "its URL begins with http://, where a Git token could be read: use https://"
    if not folder.manageable:
        return "the principal may not manage it: grant it Can Manage on this Git folder"
    return ""


def _aim(
    push: Push, tags: Mapping[str, str], folder: GitFolder, rule: Rule
) -> tuple[Destination | None, str]:
    if rule.follow == "nothing":
        return None, f"is left alone by {rule.name}"
    if rule.tag_pattern is not None:
        return _aim_at_tag(push, tags, folder, rule, rule.tag_pattern)
    return _aim_at_branch(push, folder)


def _aim_at_branch(push: Push, folder: GitFolder) -> tuple[Destination | None, str]:
    if push.tag is not None:
        return None, f"{push.tag} is a tag, and this Git folder follows no tags"
    if push.branch is None:
        return None, f"{push.ref} is neither a branch nor a tag"
    if folder.branch is None:
        return None, "is on a tag or a commit, not on a branch"
    if folder.branch != push.branch:
        return None, f"follows {folder.branch}"
    if push.deleted:
        return None, (
            f"{push.branch} was deleted on GitHub: check out another branch in this Git folder"
        )
    if folder.head_commit_id == push.after:
        return None, f"already at {push.after[:7]}"
    return Destination(push.branch, None, push.after), f"follows {push.branch}"


def _aim_at_tag(
    push: Push, tags: Mapping[str, str], folder: GitFolder, rule: Rule, pattern: str
) -> tuple[Destination | None, str]:
    if push.tag is None:
        return None, f"follows the tags {pattern} by {rule.name}"
    if push.deleted and not rule.back:
        return None, f"{push.tag} was deleted, and {rule.name} never goes back"
    best = highest(tags, pattern)
    if best is None:
        return None, f"no tag is a version that matches {pattern} of {rule.name}"
    if folder.head_commit_id == tags[best]:
        return None, f"already at {best}"
    return Destination(None, best, tags[best]), f"follows the tags {pattern} by {rule.name}"
