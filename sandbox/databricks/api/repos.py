"""The Repos API: list, get, create, update and delete Git folders."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from sandbox.databricks import errors
from sandbox.databricks.api.pulls import Pulls
from sandbox.databricks.calls import Call
from sandbox.databricks.errors import ApiError
from sandbox.databricks.git.clone import Clone
from sandbox.databricks.git.git import Git
from sandbox.databricks.state import paths
from sandbox.databricks.state.changes import Changes, Replicas, What
from sandbox.databricks.state.credentials import canonical_provider
from sandbox.databricks.state.principals import Principal, Principals
from sandbox.databricks.state.records import Behaviour, FolderSnapshot
from sandbox.databricks.state.tree import GitFolder, Stale, Tree


class ReposApi:
    """What `/api/2.0/repos` does."""

    def __init__(
        self,
        *,
        tree: Tree,
        principals: Principals,
        pulls: Pulls,
        behaviour: Behaviour,
        changes: Changes,
        replicas: Replicas,
        git: Git,
        clones: Path,
        page_size: int,
    ) -> None:
        self._tree = tree
        self._principals = principals
        self._pulls = pulls
        self._behaviour = behaviour
        self._changes = changes
        self._replicas = replicas
        self._git = git
        self._clones = clones
        self._page_size = page_size

    def list_page(self, call: Call) -> Mapping[str, Any]:
        """Show a page of what the caller may manage; folders with the Git CLI are left out."""
        given = call.query.get("path_prefix", "")
        after = _read_token(call.query.get("next_page_token"), given)
        prefix = self._prefix(given)
        if prefix is None:
            return {}
        found = [
            folder
            for folder in self._tree.folders()
            if folder.id > after
            and not folder.git_cli
            and folder.path.startswith(prefix)
            and self._principals.may(call.principal, "CAN_MANAGE", folder.path)
        ]
        page = found[: self._page_size]
        if not page:
            return {}
        answer: dict[str, Any] = {"repos": [_shown(folder) for folder in page]}
        if len(found) > len(page):
            answer["next_page_token"] = _make_token(page[-1].id, given)
        return answer

    def _prefix(self, given: str) -> str | None:
        """Return the start of the paths that are asked for, None where nothing can match."""
        form = self._behaviour.prefix_form
        if given in ("", "/", paths.MOUNT, f"{paths.MOUNT}/"):
            return "/Repos/"
        mounted = given.startswith(f"{paths.MOUNT}/")
        if form == "plain" and mounted:
            return None
        if form == "workspace" and not mounted and not given.startswith("/Repos"):
            return None
        return given.removeprefix(paths.MOUNT) if mounted else given

    def get(self, call: Call) -> Mapping[str, Any]:
        folder = self._folder(call, "CAN_READ")
        seen = self._shown_by_replica(folder)
        return {**_shown(folder, seen), "git_cli_enabled": folder.git_cli}

    def _shown_by_replica(self, folder: GitFolder) -> FolderSnapshot:
        """Return what one read shows: the old commit, while a replica lags."""
        branch, commit = self._replicas.position(folder)
        stale = folder.stale
        if stale is not None and stale.reads > 0:
            stale.reads -= 1
            branch, commit = stale.branch, stale.head_commit_id
        return replace(folder.snapshot(), branch=branch, head_commit_id=commit)

    def create(self, call: Call) -> Mapping[str, Any]:
        """Clone a repository into a new Git folder."""
        url = errors.require(call.body, "url")
        provider = canonical_provider(errors.require(call.body, "provider"))
        path = self._new_path(call, url)
        folder_id = self._tree.new_id()
        clone = Clone(self._git, self._clones / str(folder_id))
        patterns = _patterns(call)
        sparse = None if patterns is None else tuple(patterns)
        folder = GitFolder(folder_id, path, url, provider, clone, sparse_patterns=sparse)
        try:
            with self._pulls.operation(
                call.principal,
                path=path,
                url=url,
                provider=provider,
                credential_id=call.body.get("git_credential_id"),
            ) as authorization:
                clone.download(url, authorization, sparse=patterns)
        except ApiError:
            if self._behaviour.broken_clones_stay:
                clone.begin(url)
                self._add(folder, call.principal)
            raise
        self._add(folder, call.principal)
        return _shown(folder)

    def _add(self, folder: GitFolder, owner: Principal) -> None:
        with self._changes.of(folder, What.CREATED, by="api"):
            self._tree.add(folder)
        self._principals.grant(owner.name, folder.path, "CAN_MANAGE")

    def _new_path(self, call: Call, url: str) -> str:
        name = url.rstrip("/").rpartition("/")[2].removesuffix(".git")
        given = call.body.get("path") or f"/Repos/{call.principal.name}/{name}"
        path = paths.normalise(given)
        parent = paths.parent(path)
        if paths.is_within(path, "/Repos") and path.count("/") != 3:
            raise errors.invalid("Repo path must be of the form /Repos/{folder}/{repo-name}")
        if self._tree.taken(path):
            message = f"RESOURCE_ALREADY_EXISTS: Repo with path {path} already exists"
            raise ApiError(400, "RESOURCE_ALREADY_EXISTS", message)
        if self._tree.directory_id(parent) is None:
            raise errors.missing(f"The parent folder ({parent}) does not exist.")
        if not self._principals.may(call.principal, "CAN_MANAGE", parent):
            raise errors.forbidden(f"{call.principal.name} does not have Manage on {parent}.")
        return path

    def update(self, call: Call) -> Mapping[str, Any]:
        """Bring a Git folder to the head of a branch, or to a tag."""
        folder = self._folder(call, "CAN_MANAGE")
        _check_update(call.body, folder)
        waits = self._behaviour.concurrent_updates == "serialize"
        if not folder.busy.acquire(blocking=waits):
            message = "Another Git operation is in progress on this Git folder."
            raise ApiError(409, "ABORTED", message)
        discards = bool(call.body.get("dangerously_force_discard_all"))
        try:
            with self._changes.of(folder, What.UPDATED, by="api", discards=discards):
                self._update(call, folder)
        finally:
            folder.busy.release()
        return _shown(folder) if self._behaviour.update_answers_with == "folder" else {}

    def _update(self, call: Call, folder: GitFolder) -> None:
        branch, tag = call.body.get("branch"), call.body.get("tag")
        before = folder.clone.head()
        if call.body.get("dangerously_force_discard_all"):
            folder.clone.discard()
        if branch or tag:
            with self._pulls.operation(
                call.principal,
                path=folder.path,
                url=folder.url,
                provider=folder.provider,
                credential_id=call.body.get("git_credential_id"),
            ) as authorization:
                if branch:
                    folder.clone.update_to_branch(branch, authorization)
                else:
                    folder.clone.update_to_tag(str(tag), authorization)
        if (patterns := _patterns(call)) is not None:
            folder.clone.set_sparse_checkout(patterns)
            folder.sparse_patterns = tuple(patterns)
        if self._behaviour.stale_reads:
            folder.stale = Stale(*before, reads=self._behaviour.stale_reads)

    def delete(self, call: Call) -> Mapping[str, Any]:
        folder = self._folder(call, "CAN_MANAGE")
        with folder.busy, self._changes.of(folder, What.DELETED, by="api"):
            self._tree.remove(folder)
            shutil.rmtree(folder.clone.directory)
        return {}

    def permissions(self, call: Call) -> Mapping[str, Any]:
        """Show who may do what with a Git folder."""
        folder = self._folder(call, "CAN_MANAGE")
        entries = []
        for grant in self._principals.grants_on(folder.path):
            known = self._principals.by_name(grant.principal)
            kind = "user_name" if known and known.is_user else "service_principal_name"
            permission = {
                "permission_level": grant.level,
                "inherited": grant.path != folder.path,
            }
            entries.append({kind: grant.principal, "all_permissions": [permission]})
        return {
            "object_id": f"/repos/{folder.id}",
            "object_type": "repo",
            "access_control_list": entries,
        }

    def _folder(self, call: Call, level: str) -> GitFolder:
        """Return the folder of the call, if the caller has *level* on it."""
        folder = self._tree.folder(call.ids["id"])
        if folder is None:
            raise errors.missing("Repo could not be found")
        if not self._principals.may(call.principal, level, folder.path):
            raise errors.forbidden(
                f"{call.principal.name} does not have {level} permissions on {folder.path}. "
                "Please contact the owner or an administrator for access."
            )
        return folder


def _check_update(body: Mapping[str, Any], folder: GitFolder) -> None:
    if body.get("branch") and body.get("tag"):
        raise errors.invalid("Only one of branch and tag can be given.")
    if not any(body.get(name) for name in ("branch", "tag", "sparse_checkout")):
        raise errors.invalid("One of branch, tag and sparse_checkout must be given.")
    if body.get("sparse_checkout") and folder.sparse_patterns is None:
        raise errors.invalid("Sparse checkout can not be enabled on an existing Git folder.")
    if not folder.url:
        raise ApiError(400, "INVALID_STATE", "This Git folder has no remote repository.")


def _patterns(call: Call) -> list[str] | None:
    given = call.body.get("sparse_checkout")
    if given is None:
        return None
    if not isinstance(given, dict):
        raise errors.invalid("sparse_checkout must be an object")
    return [str(pattern) for pattern in given.get("patterns", [])]


def _shown(folder: GitFolder, seen: FolderSnapshot | None = None) -> dict[str, Any]:
    """Return what the API shows of a folder, as it is or as it is *seen*."""
    seen = seen or folder.snapshot()
    fields: dict[str, Any] = {
        "id": seen.id,
        "path": seen.path,
        "url": seen.url,
        "provider": seen.provider,
        "branch": seen.branch,
        "head_commit_id": seen.head_commit_id,
    }
    if folder.sparse_patterns is not None:
        fields["sparse_checkout"] = {"patterns": list(folder.sparse_patterns)}
    return {name: value for name, value in fields.items() if value is not None}


def _make_token(after: int, prefix: str) -> str:
    return base64.urlsafe_b64encode(json.dumps([after, prefix]).encode()).decode()


def _read_token(token: str | None, prefix: str) -> int:
    """Return the id that the page begins after; a token belongs to the query it came from."""
    if not token:
        return 0
    try:
        after, bound_to = json.loads(base64.urlsafe_b64decode(token))
    except ValueError as exc:
        raise errors.invalid("Invalid next_page_token") from exc
    if bound_to != prefix:
        raise errors.invalid("next_page_token does not belong to this path_prefix")
    return int(after)
