"""Find the Git folders of a workspace."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Protocol

from promotion.databricks import MOUNT, WorkspaceObject
from promotion.errors import ApiError
from promotion.git_folder import GitFolder

ROOTS = ("/Repos", "/Users", "/Shared")


@dataclass(frozen=True)
class BlindSpot:
    """A place that could not be seen, and why."""

    path: str
    reason: str


@dataclass(frozen=True)
class Survey:
    """The Git folders that were seen, by path, and what could not be seen."""

    folders: tuple[GitFolder, ...]
    blind_spots: tuple[BlindSpot, ...]


class Catalogue(Protocol):
    """The calls that finding Git folders needs from Databricks."""

    def list_git_folders(self, prefix: str) -> Iterator[GitFolder]: ...
    def list_directory(self, path: str) -> list[WorkspaceObject]: ...
    def get_git_folder(self, repo_id: int) -> GitFolder | None: ...


def survey(catalogue: Catalogue, roots: Iterable[str] = ROOTS) -> Survey:
    """Return every Git folder under *roots*, each once.

    Two ways, since neither is complete: the Repos list, page by page, and a walk through the
    workspace's directories, which finds the folders with the Git CLI enabled that the list
    leaves out.
    """
    folders: dict[int, GitFolder] = {}
    blind_spots: list[BlindSpot] = []
    for root in roots:
        try:
            folders.update((folder.id, folder) for folder in _listed(catalogue, root))
        except ApiError as exc:
            blind_spots.append(BlindSpot(root, _why(exc)))
        _walk(catalogue, root, folders, blind_spots)
    ordered = tuple(sorted(folders.values(), key=lambda folder: folder.path))
    return Survey(ordered, tuple(blind_spots))


def _listed(catalogue: Catalogue, root: str) -> Iterator[GitFolder]:
    """Yield what the Repos list has under *root*.

    Whether a prefix must carry the /Workspace mount is not documented, so both forms are asked
    where the first gives nothing.
    """
    empty = True
    for folder in catalogue.list_git_folders(f"{MOUNT}{root}"):
        empty = False
        yield folder
    if empty:
        yield from catalogue.list_git_folders(root)


def _walk(
    catalogue: Catalogue, root: str, folders: dict[int, GitFolder], blind_spots: list[BlindSpot]
) -> None:
    waiting = [root]
    while waiting:
        path = waiting.pop()
        try:
            for entry in catalogue.list_directory(path):
                if entry.git_folder and entry.id not in folders:
                    _add(catalogue, entry, folders, blind_spots)
                elif entry.type == "DIRECTORY" and not entry.git_folder:
                    waiting.append(entry.path)
        except ApiError as exc:
            if path != root or exc.status != 404:
                blind_spots.append(BlindSpot(path, _why(exc)))


def _add(
    catalogue: Catalogue,
    entry: WorkspaceObject,
    folders: dict[int, GitFolder],
    blind_spots: list[BlindSpot],
) -> None:
    try:
        folder = catalogue.get_git_folder(entry.id)
    except ApiError as exc:
        blind_spots.append(BlindSpot(entry.path, _why(exc)))
        return
    if folder is not None and folder.url:
        folders[folder.id] = replace(folder, manageable=entry.type != "REPO")
    elif folder is not None:
        blind_spots.append(BlindSpot(entry.path, "it has no remote URL"))


def _why(exc: ApiError) -> str:
    if exc.status == 403:
        return "the principal may not read it"
    return f"Databricks answered {exc.status} {exc.error_code}".rstrip()
