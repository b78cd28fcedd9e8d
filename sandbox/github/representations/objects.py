"""How GitHub writes things in JSON: accounts, repositories, commits, the App. Pure."""

from __future__ import annotations

import base64
import datetime

from sandbox.github.git.history import Commit, Signature
from sandbox.github.state.apps import App
from sandbox.github.state.installations import Account, Installation
from sandbox.github.state.repositories import Hosted

Json = dict[str, object]

ACCOUNT_LINKS = {
    "followers_url": "/followers",
    "following_url": "/following{/other_user}",
    "gists_url": "/gists{/gist_id}",
    "starred_url": "/starred{/owner}{/repo}",
    "subscriptions_url": "/subscriptions",
    "organizations_url": "/orgs",
    "repos_url": "/repos",
    "events_url": "/events{/privacy}",
    "received_events_url": "/received_events",
}
REPOSITORY_LINKS = {
    "archive_url": "/{archive_format}{/ref}",
    "assignees_url": "/assignees{/user}",
    "blobs_url": "/git/blobs{/sha}",
    "branches_url": "/branches{/branch}",
    "collaborators_url": "/collaborators{/collaborator}",
    "comments_url": "/comments{/number}",
    "commits_url": "/commits{/sha}",
    "compare_url": "/compare/{base}...{head}",
    "contents_url": "/contents/{+path}",
    "contributors_url": "/contributors",
    "deployments_url": "/deployments",
    "downloads_url": "/downloads",
    "events_url": "/events",
    "forks_url": "/forks",
    "git_commits_url": "/git/commits{/sha}",
    "git_refs_url": "/git/refs{/sha}",
    "git_tags_url": "/git/tags{/sha}",
    "hooks_url": "/hooks",
    "issue_comment_url": "/issues/comments{/number}",
    "issue_events_url": "/issues/events{/number}",
    "issues_url": "/issues{/number}",
    "keys_url": "/keys{/key_id}",
    "labels_url": "/labels{/name}",
    "languages_url": "/languages",
    "merges_url": "/merges",
    "milestones_url": "/milestones{/number}",
    "notifications_url": "/notifications{?since,all,participating}",
    "pulls_url": "/pulls{/number}",
    "releases_url": "/releases{/id}",
    "stargazers_url": "/stargazers",
    "statuses_url": "/statuses/{sha}",
    "subscribers_url": "/subscribers",
    "subscription_url": "/subscription",
    "tags_url": "/tags",
    "teams_url": "/teams",
    "trees_url": "/git/trees{/sha}",
}
COUNTS = (
    "forks",
    "forks_count",
    "network_count",
    "open_issues",
    "open_issues_count",
    "size",
    "stargazers_count",
    "subscribers_count",
    "watchers",
    "watchers_count",
)
FLAGS = (
    "allow_forking",
    "archived",
    "disabled",
    "fork",
    "has_discussions",
    "has_issues",
    "has_pages",
    "has_projects",
    "has_wiki",
    "is_template",
    "web_commit_signoff_required",
)


def timestamp(seconds: float) -> str:
    """Return *seconds* since 1970 as GitHub writes a time."""
    at = datetime.datetime.fromtimestamp(int(seconds), datetime.UTC)
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def node_id(kind: str, number: int | str) -> str:
    """Return GitHub's opaque id of a thing."""
    return base64.b64encode(f"0{len(kind)}:{kind}{number}".encode()).decode()


def account(url: str, one: Account) -> Json:
    """Return the short form of a user or an organization."""
    api = f"{url}/api/v3/users/{one.login}"
    return {
        "login": one.login,
        "id": one.id,
        "node_id": node_id(one.type, one.id),
        "avatar_url": f"{url}/avatars/u/{one.id}",
        "gravatar_id": "",
        "url": api,
        "html_url": f"{url}/{one.login}",
        **{name: api + path for name, path in ACCOUNT_LINKS.items()},
        "type": one.type,
        "site_admin": False,
    }


def organization(url: str, one: Account) -> Json:
    """Return the form of an organization that webhooks carry."""
    api = f"{url}/api/v3/orgs/{one.login}"
    links = ("repos", "events", "hooks", "issues")
    return {
        "login": one.login,
        "id": one.id,
        "node_id": node_id(one.type, one.id),
        "url": api,
        **{f"{link}_url": f"{api}/{link}" for link in links},
        "members_url": f"{api}/members{{/member}}",
        "public_members_url": f"{api}/public_members{{/member}}",
        "avatar_url": f"{url}/avatars/u/{one.id}",
        "description": None,
    }


def repository(url: str, hosted: Hosted, owner: Account) -> Json:
    """Return a repository as REST shows it."""
    one = hosted.repository
    api = f"{url}/api/v3/repos/{one.full_name}"
    web = f"{url}/{one.full_name}"
    host = url.partition("://")[2]
    return {
        "id": one.id,
        "node_id": node_id("Repository", one.id),
        "name": one.name,
        "full_name": one.full_name,
        "owner": account(url, owner),
        "private": one.private,
        "visibility": "private" if one.private else "public",
        "html_url": web,
        "url": api,
        **{name: api + path for name, path in REPOSITORY_LINKS.items()},
        "clone_url": one.clone_url,
        "svn_url": web,
        "git_url": f"git://{host}/{one.full_name}.git",
        "ssh_url": f"git@{host.partition(':')[0]}:{one.full_name}.git",
        **dict.fromkeys(("description", "homepage", "language", "license", "mirror_url")),
        **dict.fromkeys(COUNTS, 0),
        **dict.fromkeys(FLAGS, False),
        "archived": hosted.archived,
        "topics": [],
        "default_branch": one.default_branch,
        "custom_properties": {},
        "created_at": timestamp(hosted.created_at),
        "updated_at": timestamp(hosted.pushed_at),
        "pushed_at": timestamp(hosted.pushed_at),
    }


def app(url: str, one: App, owner: Account) -> Json:
    """Return the App's registration."""
    return {
        "id": one.id,
        "slug": one.slug,
        "client_id": one.client_id,
        "node_id": node_id("Integration", one.id),
        "owner": account(url, owner),
        "name": one.name,
        "description": one.description,
        "external_url": one.external_url,
        "html_url": f"{url}/apps/{one.slug}",
        "created_at": timestamp(one.created_at),
        "updated_at": timestamp(one.created_at),
        "permissions": dict(one.permissions),
        "events": list(one.events),
    }


def installation_reference(one: Installation) -> Json:
    """Return the short form that every event to an App carries."""
    return {"id": one.id, "node_id": node_id("IntegrationInstallation", one.id)}


def installation_page(url: str, one: Installation) -> str:
    """Return where an account's owner sees and changes the installation."""
    if one.account.type == "Organization":
        return f"{url}/organizations/{one.account.login}/settings/installations/{one.id}"
    return f"{url}/settings/installations/{one.id}"


def installation(url: str, one: Installation, of: App) -> Json:
    """Return the App's installation on one account."""
    api = f"{url}/api/v3"
    suspended_at = None if one.suspended_at is None else timestamp(one.suspended_at)
    return {
        "id": one.id,
        "account": account(url, one.account),
        "repository_selection": one.repository_selection,
        "access_tokens_url": f"{api}/app/installations/{one.id}/access_tokens",
        "repositories_url": f"{api}/installation/repositories",
        "html_url": installation_page(url, one),
        "app_id": of.id,
        "client_id": of.client_id,
        "app_slug": of.slug,
        "target_id": one.account.id,
        "target_type": one.account.type,
        "permissions": dict(one.permissions),
        "events": list(of.events),
        "created_at": timestamp(one.created_at),
        "updated_at": timestamp(one.created_at),
        "single_file_name": None,
        "has_multiple_single_files": False,
        "single_file_paths": [],
        "suspended_by": None,
        "suspended_at": suspended_at,
    }


def commit(url: str, full_name: str, one: Commit) -> Json:
    """Return a commit as REST shows it."""
    api = f"{url}/api/v3/repos/{full_name}"
    web = f"{url}/{full_name}/commit"
    return {
        "sha": one.sha,
        "node_id": node_id("Commit", one.sha),
        "url": f"{api}/commits/{one.sha}",
        "html_url": f"{web}/{one.sha}",
        "comments_url": f"{api}/commits/{one.sha}/comments",
        "commit": {
            "url": f"{api}/git/commits/{one.sha}",
            "author": _signature(one.author),
            "committer": _signature(one.committer),
            "message": one.message,
            "tree": {"sha": one.tree, "url": f"{api}/git/trees/{one.tree}"},
            "comment_count": 0,
            "verification": {
                "verified": False,
                "reason": "unsigned",
                "signature": None,
                "payload": None,
                "verified_at": None,
            },
        },
        "author": None,
        "committer": None,
        "parents": [
            {"sha": sha, "url": f"{api}/commits/{sha}", "html_url": f"{web}/{sha}"}
            for sha in one.parents
        ],
    }


def _signature(one: Signature) -> Json:
    return {"name": one.name, "email": one.email, "date": one.date}
