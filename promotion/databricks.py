"""The calls to Azure Databricks: Repos 2.0, Git Credentials 2.0 and Workspace 2.0."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from promotion.errors import ApiError, BrokenAnswerError
from promotion.http import Http
from promotion.model import GitFolder

# Create and update run git inline, with a budget of about ten minutes in the backend.
GIT_SECONDS = 600.0
MOUNT = "/Workspace"


@dataclass(frozen=True)
class GitCredential:
    """A stored Git credential; its token can't be read back."""

    id: int
    provider: str
    username: str
    default: bool


@dataclass(frozen=True)
class WorkspaceObject:
    """One entry of a workspace directory."""

    id: int
    path: str
    type: str  # "DIRECTORY", "REPO", "NOTEBOOK", ...
    git_folder: bool  # a Git folder of either kind: REPO, or DIRECTORY with the Git CLI on


class Databricks:
    """One workspace as one identity sees it. Every call may raise ApiError or UnreachableError."""

    def __init__(self, http: Http) -> None:
        self._http = http

    @property
    def host(self) -> str:
        return self._http.base_url

    def list_git_folders(self, prefix: str) -> Iterator[GitFolder]:
        """Yield the Git folders under *prefix* that the caller may manage, page by page.

        The list leaves out Git folders with the Git CLI enabled; `list_directory` finds those.
        """
        params = {"path_prefix": prefix}
        while True:
            body = self._get("/repos", params)
            yield from (_git_folder(repo) for repo in body.get("repos") or ())
            token = body.get("next_page_token")
            if not token:
                return
            params = {"path_prefix": prefix, "next_page_token": token}

    def get_git_folder(self, repo_id: int) -> GitFolder | None:
        """Return the Git folder as it is now, or None where Databricks says that there is none."""
        path = f"/repos/{repo_id}"
        try:
            body = self._get(path)
        except ApiError as exc:
            if exc.not_there:
                return None
            raise
        if body.get("id") != repo_id:  # else it would be read as a Git folder on no branch
            raise BrokenAnswerError(f"GET {self.host}{path} answered with no Git folder")
        return _git_folder(body)

    def lists_git_folder(self, folder: GitFolder) -> bool:
        """Return whether the Repos list shows a Git folder at its last known path."""
        forms = f"{MOUNT}{folder.path}", folder.path
        return any(each.id == folder.id for form in forms for each in self.list_git_folders(form))

    def update_git_folder(
        self,
        repo_id: int,
        *,
        branch: str | None = None,
        tag: str | None = None,
        discard: bool = False,
        git_credential_id: int | None = None,
        check: Callable[[], None] | None = None,
    ) -> None:
        """Check out the head of *branch* (or *tag*), and return when git has ended.

        *discard* deletes whatever is not committed in the Git folder. *git_credential_id* names
        one of the caller's Git credentials, where several fit. *check* is called directly before
        each attempt to send, and may raise.
        """
        body: dict[str, Any] = {"branch": branch} if branch is not None else {"tag": tag}
        if discard:
            body["dangerously_force_discard_all"] = True
        if git_credential_id is not None:
            body["git_credential_id"] = git_credential_id
        path = f"/api/2.0/repos/{repo_id}"
        self._http.call("PATCH", path, json=body, read_seconds=GIT_SECONDS, check=check)

    def create_git_folder(
        self, path: str, *, url: str, provider: str, sparse_patterns: Sequence[str] = ()
    ) -> GitFolder:
        """Clone *url* to *path*, whose parent directory must exist; returns when git has ended."""
        body: dict[str, Any] = {"path": path, "url": url, "provider": provider}
        if sparse_patterns:
            body["sparse_checkout"] = {"patterns": list(sparse_patterns)}
        answer = self._http.call("POST", "/api/2.0/repos", json=body, read_seconds=GIT_SECONDS)
        return _git_folder(answer.body)

    def delete_git_folder(self, repo_id: int) -> None:
        """Delete a Git folder, with everything in it that was not pushed."""
        self._http.call("DELETE", f"/api/2.0/repos/{repo_id}")

    def make_directories(self, path: str) -> None:
        """Make a directory and those above it, where they are missing."""
        self._http.call("POST", "/api/2.0/workspace/mkdirs", json={"path": path})

    def list_directory(self, path: str) -> list[WorkspaceObject]:
        """Return the entries of one workspace directory."""
        body = self._get("/workspace/list", {"path": path})
        return [_workspace_object(entry) for entry in body.get("objects") or ()]

    def get_status(self, path: str) -> WorkspaceObject | None:
        """Return the object at a path, or None where Databricks says that there is none."""
        try:
            body = self._get("/workspace/get-status", {"path": path})
        except ApiError as exc:
            if exc.not_there:
                return None
            raise
        if not body.get("object_id"):
            raise BrokenAnswerError(f"GET {self.host}/workspace/get-status answered with no object")
        return _workspace_object(body)

    def who_am_i(self) -> str:
        """Return the caller's name in the workspace."""
        me = self._get("/preview/scim/v2/Me")
        return str(me.get("displayName") or me.get("userName") or me.get("id") or "")

    def list_git_credentials(self) -> list[GitCredential]:
        """Return the caller's Git credentials, without their tokens."""
        body = self._get("/git-credentials")
        return [_git_credential(entry) for entry in body.get("credentials") or ()]

    def create_git_credential(self, *, provider: str, username: str, token: str) -> None:
        """Store the caller's Git credential for *provider*."""
        body = _credential_body(provider, username, token)
        self._http.call("POST", "/api/2.0/git-credentials", json=body)

    def update_git_credential(
        self, credential_id: int, *, provider: str, username: str, token: str
    ) -> None:
        """Replace a stored Git credential; the user name is sent again, or it may be cleared."""
        body = _credential_body(provider, username, token)
        self._http.call("PATCH", f"/api/2.0/git-credentials/{credential_id}", json=body)

    def _get(self, path: str, params: Mapping[str, str | int] | None = None) -> dict[str, Any]:
        body = self._http.call("GET", f"/api/2.0{path}", params=params).body
        return body if isinstance(body, dict) else {}


def without_mount(path: str) -> str:
    """Return a workspace path without the /Workspace mount, the form the Repos API answers in."""
    return path.removeprefix(MOUNT) if path.startswith(f"{MOUNT}/") else path


def _credential_body(provider: str, username: str, token: str) -> dict[str, str]:
    return {"git_provider": provider, "git_username": username, "personal_access_token": token}


def _git_folder(repo: Mapping[str, Any]) -> GitFolder:
    return GitFolder(
        id=int(repo.get("id") or 0),
        path=without_mount(str(repo.get("path") or "")),
        url=repo.get("url") or None,
        provider=repo.get("provider") or None,
        branch=repo.get("branch") or None,
        head_commit_id=repo.get("head_commit_id") or None,
        git_cli_enabled=bool(repo.get("git_cli_enabled")),
    )


def _workspace_object(entry: Mapping[str, Any]) -> WorkspaceObject:
    kind = str(entry.get("object_type") or "")
    information = entry.get("directory_info") or {}
    return WorkspaceObject(
        id=int(entry.get("object_id") or 0),
        path=without_mount(str(entry.get("path") or "")),
        type=kind,
        git_folder=kind == "REPO" or bool(information.get("is_git_folder")),
    )


def _git_credential(entry: Mapping[str, Any]) -> GitCredential:
    return GitCredential(
        id=int(entry.get("credential_id") or 0),
        provider=str(entry.get("git_provider") or ""),
        username=str(entry.get("git_username") or ""),
        default=bool(entry.get("is_default_for_provider")),
    )
