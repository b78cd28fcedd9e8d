"""Push events: which refs GitHub announces, and the payload of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sandbox.github.git import history
from sandbox.github.git.history import Commit, Signature
from sandbox.github.git.refs import HEADS, TAGS, RefChange
from sandbox.github.representations import objects
from sandbox.github.representations.objects import Json
from sandbox.github.state.installations import Account, Installation
from sandbox.github.state.repositories import Hosted

MAX_BRANCHES = 5000  # pushed at once; one more, and there is no event at all
MAX_TAGS = 3  # pushed at once; one more, and there is no event for tags
MAX_COMMITS = 2048


def announced(changes: Sequence[RefChange]) -> list[RefChange]:
    """Return the changes of one push that become events."""
    branches = [change for change in changes if change.ref.startswith(HEADS)]
    tags = [change for change in changes if change.ref.startswith(TAGS)]
    if len(branches) > MAX_BRANCHES:
        return []
    return branches + (tags if len(tags) <= MAX_TAGS else [])


def payload(
    url: str,
    hosted: Hosted,
    change: RefChange,
    refs_before: Mapping[str, str],
    *,
    pusher: Account,
    installation: Installation,
) -> Json:
    """Return the body of the push event for one changed ref."""
    forced, commits = _new_commits(hosted, change, refs_before)
    head = _head_commit(hosted, change, commits)
    distinct = _distinct(hosted, change, refs_before, commits)
    web = f"{url}/{hosted.repository.full_name}"
    owner = installation.account
    event: Json = {
        "ref": change.ref,
        "before": change.before,
        "after": change.after,
        "repository": _repository(url, hosted, owner),
        "pusher": {"name": pusher.login, "email": f"{pusher.login}@github.example"},
        "sender": objects.account(url, pusher),
        "installation": objects.installation_reference(installation),
        "created": change.created,
        "deleted": change.deleted,
        "forced": forced,
        "base_ref": _base_ref(change, refs_before),
        "compare": _compare_url(web, change),
        "commits": [_commit(web, one, distinct=one.sha in distinct) for one in commits],
        "head_commit": head and _commit(web, head, distinct=head.sha in distinct),
    }
    if owner.type == "Organization":
        event["organization"] = objects.organization(url, owner)
    return event


def _new_commits(
    hosted: Hosted, change: RefChange, refs_before: Mapping[str, str]
) -> tuple[bool, list[Commit]]:
    """Return whether commits were dropped, and the new ones, oldest first."""
    if change.deleted or not change.ref.startswith(HEADS):
        return False, []
    if change.created:
        known = [f"^{sha}" for sha in set(refs_before.values())]
        found = history.read_commits(hosted.path, change.after, *known)
    else:
        found = history.read_commits(hosted.path, f"{change.before}...{change.after}")
    added = [one for one in found if not one.on_left]
    return len(added) < len(found), added[:MAX_COMMITS][::-1]


def _head_commit(hosted: Hosted, change: RefChange, commits: Sequence[Commit]) -> Commit | None:
    """Return the commit the ref is at now; for a tag, the commit that it points at."""
    if change.deleted:
        return None
    if commits:
        return commits[-1]
    commit_sha = history.peel(hosted.path, change.after)
    return history.read_commits(hosted.path, "-1", commit_sha)[0] if commit_sha else None


def _distinct(
    hosted: Hosted,
    change: RefChange,
    refs_before: Mapping[str, str],
    commits: Sequence[Commit],
) -> set[str]:
    """Return the shas among *commits* that no ref reached before the push."""
    others = set(refs_before.values()) - {change.before}
    if change.created or not others or not commits:
        return {one.sha for one in commits}
    known = [f"^{sha}" for sha in others]
    return {one.sha for one in history.read_commits(hosted.path, change.after, *known)}


def _base_ref(change: RefChange, refs_before: Mapping[str, str]) -> str | None:
    """Return the branch that a new ref points at the head of."""
    if not change.created:
        return None
    branches = (ref for ref in refs_before if ref.startswith(HEADS))
    return next((ref for ref in branches if refs_before[ref] == change.after), None)


def _compare_url(web: str, change: RefChange) -> str:
    if change.created:
        return f"{web}/compare/{change.short_name}"
    return f"{web}/compare/{change.before[:12]}...{change.after[:12]}"


def _repository(url: str, hosted: Hosted, owner: Account) -> Json:
    """Return the repository as only push events have it: epoch times, the web page as `url`."""
    shown = objects.repository(url, hosted, owner)
    shown["owner"] = {
        **objects.account(url, owner),
        "name": owner.login,
        "email": None,
    }
    shown |= {
        "url": shown["html_url"],
        "created_at": int(hosted.created_at),
        "pushed_at": int(hosted.pushed_at),
        "stargazers": 0,
        "master_branch": hosted.repository.default_branch,
    }
    if owner.type == "Organization":
        shown["organization"] = owner.login
    return shown


def _commit(web: str, commit: Commit, *, distinct: bool) -> Json:
    return {
        "id": commit.sha,
        "tree_id": commit.tree,
        "distinct": distinct,
        "message": commit.message,
        "timestamp": commit.committer.date,
        "url": f"{web}/commit/{commit.sha}",
        "author": _person(commit.author),
        "committer": _person(commit.committer),
        "added": list(commit.added),
        "removed": list(commit.removed),
        "modified": list(commit.modified),
    }


def _person(signature: Signature) -> Json:
    return {"name": signature.name, "email": signature.email, "date": signature.date}
