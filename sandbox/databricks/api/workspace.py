"""The Workspace API, as far as finding Git folders goes: list, get-status and mkdirs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from sandbox.databricks import errors
from sandbox.databricks.calls import Call
from sandbox.databricks.errors import ApiError
from sandbox.databricks.state import paths
from sandbox.databricks.state.principals import Principals
from sandbox.databricks.state.records import Behaviour
from sandbox.databricks.state.tree import GitFolder, Tree

LANGUAGES = {".py": "PYTHON", ".sql": "SQL", ".scala": "SCALA", ".r": "R", ".ipynb": "PYTHON"}


class WorkspaceApi:
    """What `/api/2.0/workspace` does."""

    def __init__(self, tree: Tree, principals: Principals, behaviour: Behaviour) -> None:
        self._tree = tree
        self._principals = principals
        self._behaviour = behaviour

    def list_directory(self, call: Call) -> Mapping[str, Any]:
        """Show what is right beneath a directory or inside a Git folder."""
        path = _path(call.query)
        if refusal := self._behaviour.refused_listings.get(path):
            raise ApiError(*refusal)
        objects = list(self._objects(call, path))
        return {"objects": objects} if objects else {}

    def get_status(self, call: Call) -> Mapping[str, Any]:
        """Show one object; a client may ask which Git folder it is in."""
        path = _path(call.query)
        shown = self._object(path)
        if shown is None:
            raise _not_there(path)
        self._check_listable(call, path)
        folder = self._tree.folder_around(path)
        if call.query.get("return_git_info") == "true" and folder is not None:
            shown["git_info"] = _git_info(folder)
        return shown

    def mkdirs(self, call: Call) -> Mapping[str, Any]:
        path = paths.normalise(errors.require(call.body, "path"))
        if self._tree.directory_id(path) is not None:
            return {}
        if self._tree.taken(path):
            message = f"Cannot make a directory: {path} exists"
            raise ApiError(400, "RESOURCE_ALREADY_EXISTS", message)
        existing = next(
            each for each in paths.ancestors(path) if self._tree.directory_id(each) is not None
        )
        if not self._principals.may(call.principal, "CAN_EDIT", existing):
            raise errors.forbidden(f"{call.principal.name} may not write to {existing}.")
        self._tree.make_directory(path)
        return {}

    def _objects(self, call: Call, path: str) -> Iterator[dict[str, Any]]:
        folder = self._tree.folder_around(path)
        if folder is None and self._tree.directory_id(path) is None:
            raise _not_there(path)
        self._check_listable(call, path)
        if folder is not None:
            yield from _files(folder, path)
            return
        for child in self._tree.children(path):
            inside = self._tree.folder_at(child)
            if inside and not self._principals.may(call.principal, "CAN_READ", child):
                continue
            shown = self._object(child)
            if shown is not None:
                yield shown

    def _check_listable(self, call: Call, path: str) -> None:
        if not self._principals.may_list(call.principal, path):
            raise errors.forbidden(f"{call.principal.name} does not have View on {path}.")

    def _object(self, path: str) -> dict[str, Any] | None:
        if folder := self._tree.folder_at(path):
            return _git_folder(folder)
        if (directory_id := self._tree.directory_id(path)) is not None:
            return _directory(path, directory_id, is_git_folder=False)
        if (notebook_id := self._tree.notebook_id(path)) is not None:
            return _notebook(path, notebook_id, "PYTHON")
        if folder := self._tree.folder_around(path):
            found = _files(folder, paths.parent(path))
            return next((each for each in found if each["path"] == path), None)
        return None


def _path(query: Mapping[str, Any]) -> str:
    return paths.normalise(errors.require(query, "path"))


def _not_there(path: str) -> ApiError:
    return errors.missing(f"Path ({path}) doesn't exist.")


def _directory(path: str, object_id: int, *, is_git_folder: bool) -> dict[str, Any]:
    return {
        "object_type": "DIRECTORY",
        "path": path,
        "object_id": object_id,
        "resource_id": str(object_id),
        "directory_info": {"is_git_folder": is_git_folder},
    }


def _notebook(path: str, object_id: int, language: str) -> dict[str, Any]:
    return {
        "object_type": "NOTEBOOK",
        "path": path,
        "object_id": object_id,
        "resource_id": str(object_id),
        "language": language,
    }


def _git_folder(folder: GitFolder) -> dict[str, Any]:
    """Return a Git folder as the Workspace API shows it; its object id is the repo id."""
    if folder.git_cli:
        return _directory(folder.path, folder.id, is_git_folder=True)
    return {
        "object_type": "REPO",
        "path": folder.path,
        "object_id": folder.id,
        "resource_id": str(folder.id),
    }


def _git_info(folder: GitFolder) -> dict[str, Any]:
    """Return what get-status shows of the Git folder; hardly anything with the Git CLI on."""
    seen = folder.snapshot()
    info: dict[str, Any] = {"id": seen.id, "path": seen.path}
    if not folder.git_cli:
        more = {"url": seen.url, "branch": seen.branch, "head_commit_id": seen.head_commit_id}
        info |= {name: value for name, value in more.items() if value is not None}
    return info


def _files(folder: GitFolder, path: str) -> Iterator[dict[str, Any]]:
    """Yield the contents of a directory of a Git folder."""
    inside = path.removeprefix(folder.path).lstrip("/")
    directory = folder.clone.directory / inside
    if not directory.is_dir():
        raise _not_there(path)
    for entry in sorted(directory.iterdir()):
        if entry.name != ".git":
            yield _file(entry, f"{path}/{entry.name}")


def _file(entry: Path, path: str) -> dict[str, Any]:
    object_id = 10**14 + entry.stat().st_ino
    if entry.is_dir():
        return _directory(path, object_id, is_git_folder=False)
    if language := LANGUAGES.get(entry.suffix.lower()):
        return _notebook(path, object_id, language)
    resource_id = str(object_id)
    return {
        "object_type": "FILE",
        "path": path,
        "object_id": object_id,
        "resource_id": resource_id,
    }
