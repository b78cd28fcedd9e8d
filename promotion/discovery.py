"""Find the Git folders of a workspace."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from typing import Protocol

from promotion.databricks import MOUNT, WorkspaceObject
from promotion.errors import ApiError
from promotion.git_folder import GitFolder
from promotion.pace import give_way

ROOTS = ("/Repos", "/Users", "/Shared")
AT_ONCE = 4  # directories that are read at the same time


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
    leaves out. A root that is not there at all is a blind spot; other errors are raised. Every
    call gives way to those of promotions.
    """
    found = _Found()
    with ThreadPoolExecutor(AT_ONCE, "survey", give_way) as pool:
        for root in roots:
            pool.submit(found.list_under, catalogue, root).result()
            _walk(catalogue, root, found, pool)
    ordered = tuple(sorted(found.folders.values(), key=lambda folder: folder.path))
    return Survey(ordered, tuple(found.blind_spots))


class _Found:
    """What a survey has seen so far; filled from several threads."""

    def __init__(self) -> None:
        self.folders: dict[int, GitFolder] = {}
        self.blind_spots: list[BlindSpot] = []

    def list_under(self, catalogue: Catalogue, root: str) -> None:
        try:
            for folder in _listed(catalogue, root):
                self.add(folder)
        except ApiError as exc:
            self.missed(root, exc)

    def add(self, folder: GitFolder) -> None:
        if folder.url:
            self.folders[folder.id] = folder
        else:
            self.blind_spots.append(BlindSpot(folder.path, "it has no remote URL"))

    def missed(self, path: str, exc: ApiError) -> None:
        """Note a place that could not be read; what concerns the whole workspace is raised."""
        if exc.status not in (403, 404):
            raise exc
        reason = "the principal may not read it" if exc.status == 403 else "it is not there"
        spot = BlindSpot(path, reason)
        if spot not in self.blind_spots:
            self.blind_spots.append(spot)


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


def _walk(catalogue: Catalogue, root: str, found: _Found, pool: ThreadPoolExecutor) -> None:
    """Look into every directory under *root*, several at once; Git folders are not entered."""
    waiting = {pool.submit(_look, catalogue, root, found)}
    while waiting:
        done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
        for future in done:
            waiting |= {pool.submit(_look, catalogue, path, found) for path in future.result()}


def _look(catalogue: Catalogue, path: str, found: _Found) -> list[str]:
    """Add the Git folders that stand in one directory; return the directories in it."""
    try:
        entries = catalogue.list_directory(path)
    except ApiError as exc:
        found.missed(path, exc)
        return []
    for entry in entries:
        if entry.git_folder and entry.id not in found.folders:
            _add(catalogue, entry, found)
    return [each.path for each in entries if each.type == "DIRECTORY" and not each.git_folder]


def _add(catalogue: Catalogue, entry: WorkspaceObject, found: _Found) -> None:
    try:
        folder = catalogue.get_git_folder(entry.id)
    except ApiError as exc:
        found.missed(entry.path, exc)
        return
    if folder is not None:
        found.add(replace(folder, manageable=entry.type != "REPO"))
