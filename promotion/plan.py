"""Decide what a push promotes. Pure: no clock, no network, no environment."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from promotion.model import GitFolder, Push
from promotion.repository_url import RepositoryKey, is_unencrypted, named, repository_key
from promotion.rules import EVERY_FOLDER, Rule, deciding_rule, highest

PROVIDERS = {"github", "githubenterprise"}


@dataclass(frozen=True)
class Destination:
    """Where a Git folder is to go: the head of a branch, or a tag."""

    branch: str | None
    tag: str | None
    commit: str  # the folder must be at it afterwards, or past it

    @property
    def name(self) -> str:
        return self.branch or self.tag or ""

    @property
    def at(self) -> str:
        """The destination in an outcome's words: the tag, or the commit."""
        return self.tag or self.commit[:7]


@dataclass(frozen=True)
class Decision:
    """Whether a push moves one Git folder, where to, and why (not)."""

    folder: GitFolder
    destination: Destination | None
    reason: str
    rule: Rule = EVERY_FOLDER
    blocked: bool = False  # it follows the pushed ref, but a person must correct something first
    arrived: bool = False  # it follows the pushed ref, and was read at the destination

    @property
    def moves(self) -> bool:
        return self.destination is not None


@dataclass(frozen=True)
class PlanInput:
    """What a plan depends on besides the push and the Git folders.

    The rules are in order of precedence; the tags are the repository's, with their commits.
    """

    repositories: Collection[RepositoryKey]  # the pushed repository's names, former ones too
    rules: Sequence[Rule] = ()
    tags: Mapping[str, str] = field(default_factory=dict)


def plan(push: Push, plan_input: PlanInput, folders: Iterable[GitFolder]) -> list[Decision]:
    """Return one decision for every Git folder of the pushed repository, in the folders' order.

    Folders of other repositories get none.
    """
    decisions = (decide(push, plan_input, folder) for folder in folders)
    return [decision for decision in decisions if decision is not None]


def decide(push: Push, plan_input: PlanInput, folder: GitFolder) -> Decision | None:
    """Return the decision for one Git folder; None where it is of another repository."""
    if repository_key(folder.url) not in plan_input.repositories:
        return None
    rule = deciding_rule(folder.path, plan_input.rules)
    destination, reason = _aim(push, plan_input.tags, folder, rule)
    if destination is None:
        return Decision(folder, None, reason, rule)
    if folder.head_commit_id == destination.commit:
        return Decision(folder, None, f"already at {destination.at}", rule, arrived=True)
    if obstacle := _obstacle(folder):
        return Decision(folder, None, obstacle, rule, blocked=True)
    return Decision(folder, destination, reason, rule)


def overruled(planned: Decision, now: GitFolder, fresh: Decision | None) -> str:
    """Return why a decision no longer holds for the folder as it is *now*, "" where it does.

    *fresh* is the decision for the folder now. The reason names both states.
    """
    was = planned.folder
    if fresh is None:
        return f"its URL was changed from {named(was.url)} to {named(now.url)} meanwhile"
    if fresh.rule != planned.rule:
        before, after = f"{was.path} ({planned.rule.name})", f"{now.path} ({fresh.rule.name})"
        return f"was moved from {before} to {after} meanwhile"
    to = planned.destination
    if to is not None and to.branch is not None and now.branch != to.branch:
        return f"somebody checked out {now.branch or 'a tag'} meanwhile"
    if fresh.moves and _provider(now) != _provider(was):  # whose Git credential is not held
        return f"its Git provider was changed from {was.provider} to {now.provider} meanwhile"
    return "" if fresh.moves or fresh.arrived or fresh.blocked else fresh.reason


def _provider(folder: GitFolder) -> str:
    return (folder.provider or "").casefold()


def _obstacle(folder: GitFolder) -> str:
    """Return what a person must correct before the folder can be moved; "" for nothing."""
    if _provider(folder) not in PROVIDERS:
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
        return _aim_at_tag(push, tags, rule, rule.tag_pattern)
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
    return Destination(push.branch, None, push.after), f"follows {push.branch}"


def _aim_at_tag(
    push: Push, tags: Mapping[str, str], rule: Rule, pattern: str
) -> tuple[Destination | None, str]:
    if push.tag is None:
        return None, f"follows the tags {pattern} by {rule.name}"
    if push.deleted and not rule.back:
        return None, f"{push.tag} was deleted, and {rule.name} never goes back"
    best = highest(tags, pattern)
    if best is None:
        return None, f"no tag is a version that matches {pattern} of {rule.name}"
    if best != push.tag and not push.deleted:
        return None, f"follows the tags {pattern} by {rule.name}: {best}, not {push.tag}"
    return Destination(None, best, tags[best]), f"follows the tags {pattern} by {rule.name}"
