"""Find the Git folders of a workspace."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from typing import Protocol

from promotion.databricks import MOUNT, WorkspaceObject
from promotion.errors import ApiError, BrokenAnswerError, PromotionError, TimedOutError
from promotion.failures import in_words
from promotion.git_folder import GitFolder
from promotion.pace import give_way

ROOTS = ("/Repos", "/Users", "/Shared")
AT_ONCE = 4  # directories that are read at the same time
MOST_IN_A_ROW = 20  # places that answer with a mishap, one after another, until it is no survey


@dataclass(frozen=True)
class BlindSpot:
    """A place that could not be read, and why."""

    path: str
    reason: str


@dataclass(frozen=True)
class Unread:
    """Where a survey could not look. What was known there is still known."""

    places: frozenset[str] = frozenset()  # directories, with all that is beneath them
    git_folders: frozenset[int] = frozenset()
    permissions: frozenset[int] = frozenset()  # of Git folders that we may or may not manage

    def __bool__(self) -> bool:
        return bool(self.places or self.git_folders or self.permissions)

    def may_hold(self, folder: GitFolder) -> bool:
        """Tell whether a Git folder may still be there."""
        return folder.id in self.git_folders or not self.places.isdisjoint(_above(folder.path))


@dataclass(frozen=True)
class Survey:
    """The Git folders that were seen, by path, and what could not be read."""

    folders: tuple[GitFolder, ...]
    blind_spots: tuple[BlindSpot, ...]
    unread: Unread = Unread()

    def over(self, before: Survey | None) -> Survey:
        """Return this survey with what was known *before* of the places that it could not read."""
        if before is None:
            return self
        known = {folder.id: folder for folder in before.folders}
        ids, paths = {each.id for each in self.folders}, {each.path for each in self.folders}
        kept = [
            folder
            for folder in before.folders
            if folder.id not in ids and folder.path not in paths and self.unread.may_hold(folder)
        ]
        seen = (
            replace(each, manageable=known[each.id].manageable)
            if each.id in known and each.id in self.unread.permissions
            else each
            for each in self.folders
        )
        return replace(self, folders=_by_path((*seen, *kept)))


class Catalogue(Protocol):
    """The calls that finding Git folders needs from Databricks."""

    def list_git_folders(self, prefix: str) -> Iterator[GitFolder]: ...
    def list_directory(self, path: str) -> list[WorkspaceObject]: ...
    def get_git_folder(self, repo_id: int) -> GitFolder | None: ...


def survey(catalogue: Catalogue, roots: Iterable[str] = ROOTS) -> Survey:
    """Return every Git folder under *roots*, each once.

    Two ways, since neither is complete: the Repos list, page by page, and a walk through the
    workspace's directories, which finds the folders with the Git CLI enabled that the list
    leaves out. A place that can't be read is a blind spot; where none can, or what is wrong
    concerns all of them, the error is raised: an empty survey would say that nothing is there.
    Every call gives way to those of promotions.
    """
    found = _Found()
    with ThreadPoolExecutor(AT_ONCE, "survey", give_way) as pool:
        for root in roots:
            pool.submit(found.list_under, catalogue, root).result()
            _walk(catalogue, root, found, pool)
    return found.survey(roots)


class _Found:
    """What a survey has seen so far; filled from several threads."""

    def __init__(self) -> None:
        self.folders: dict[int, GitFolder] = {}
        self._blind_spots: list[BlindSpot] = []
        self._unlisted: set[str] = set()  # roots whose Repos list broke off
        self._unread: set[str] = set()  # directories
        self._unread_folders: set[int] = set()
        self._permissions: set[int] = set()
        self._read = False  # whether anything at all was
        self._in_a_row = 0
        self._first_error: PromotionError | None = None

    def survey(self, roots: Iterable[str]) -> Survey:
        """Return all that was seen, or raise where that is nothing."""
        if not self._read:
            there = ", ".join(roots)
            raise self._first_error or PromotionError(
                f"the workspace has none of {there}: are `roots` and its host right?"
            )
        unread = Unread(
            frozenset(self._unlisted | self._unread),
            frozenset(self._unread_folders),
            frozenset(self._permissions),
        )
        return Survey(_by_path(self.folders.values()), tuple(self._blind_spots), unread)

    def list_under(self, catalogue: Catalogue, root: str) -> None:
        """Add what the Repos list has under *root*: what we may manage."""
        try:
            for folder in _listed(catalogue, root):
                self._read = True  # an empty list proves nothing
                self.add(folder)
        except PromotionError as exc:
            self._unlisted.add(root)
            self.missed(root, exc)

    def look_into(self, catalogue: Catalogue, root: str, path: str) -> list[str]:
        """Add the Git folders that stand in one directory; return the directories in it."""
        try:
            entries = catalogue.list_directory(path)
        except PromotionError as exc:
            if not (isinstance(exc, ApiError) and exc.not_there):
                self._unread.add(path)
                self.missed(path, exc)
            elif path == root:
                self._note(path, "it is not there")
            return []
        self._read, self._in_a_row = True, 0
        for entry in entries:
            if entry.git_folder and entry.id not in self.folders:
                self._get(catalogue, root, entry)
        return [each.path for each in entries if each.type == "DIRECTORY" and not each.git_folder]

    def add(self, folder: GitFolder) -> None:
        if folder.url:
            self.folders[folder.id] = folder
        else:
            self._note(folder.path, "it has no remote URL")

    def missed(self, path: str, exc: PromotionError) -> None:
        """Note a place that could not be read; what concerns the whole workspace is raised."""
        self._first_error = self._first_error or exc
        if isinstance(exc, ApiError) and exc.status < 500:
            everywhere = exc.status in (401, 429)
        else:
            self._in_a_row += 1
            here = isinstance(exc, ApiError | BrokenAnswerError | TimedOutError)
            # Who gives no answer from the start on is away: to try each place would take hours.
            everywhere = not here or (isinstance(exc, TimedOutError) and not self._read)
        if everywhere or self._in_a_row > MOST_IN_A_ROW:
            raise exc
        self._note(path, in_words(exc)[0])

    def _get(self, catalogue: Catalogue, root: str, entry: WorkspaceObject) -> None:
        """Add a Git folder that the list leaves out: for the Git CLI, or we may not manage it."""
        try:
            folder = catalogue.get_git_folder(entry.id)
        except PromotionError as exc:
            self._unread_folders.add(entry.id)
            self.missed(entry.path, exc)
            return
        if folder is None:
            self._unread_folders.add(entry.id)
            self._note(entry.path, "Databricks shows it, and says that it does not exist")
            return
        if root in self._unlisted:  # a list that broke off says nothing of what it lacks
            self._permissions.add(folder.id)
            self.add(folder)
        else:
            self.add(replace(folder, manageable=entry.type != "REPO"))

    def _note(self, path: str, reason: str) -> None:
        spot = BlindSpot(path, reason)
        if spot not in self._blind_spots:
            self._blind_spots.append(spot)


def _by_path(folders: Iterable[GitFolder]) -> tuple[GitFolder, ...]:
    return tuple(sorted(folders, key=lambda folder: folder.path))


def _above(path: str) -> Iterator[str]:
    """Yield the directories that a path is in, and the path itself."""
    yield path
    while path and path != "/":
        path = path.rpartition("/")[0] or "/"
        yield path


def _listed(catalogue: Catalogue, root: str) -> Iterator[GitFolder]:
    """Yield what the Repos list has under *root*.

    Whether a prefix must carry the /Workspace mount is not documented, so both forms are asked
    where the first gives nothing.
    """
    empty = True
    for prefix in (f"{MOUNT}{root}", root):
        try:
            for folder in catalogue.list_git_folders(prefix):
                empty = False
                yield folder
        except ApiError as exc:
            if not (exc.not_there and empty):
                raise
        if not empty:
            return


def _walk(catalogue: Catalogue, root: str, found: _Found, pool: ThreadPoolExecutor) -> None:
    """Look into every directory under *root*, several at once; Git folders are not entered."""

    def look(path: str) -> list[str]:
        return found.look_into(catalogue, root, path)

    waiting = {pool.submit(look, root)}
    while waiting:
        done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
        for future in done:
            waiting |= {pool.submit(look, path) for path in future.result()}
