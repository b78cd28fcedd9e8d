"""Find the Git folders of a workspace."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from typing import Protocol

from promotion.databricks import MOUNT, WorkspaceObject
from promotion.errors import ApiError, BrokenAnswerError, PromotionError, TimedOutError
from promotion.failures import in_words
from promotion.model import GitFolder
from promotion.throttle import use_low_priority

ROOTS = ("/Repos", "/Users", "/Shared")
AT_ONCE = 4  # directories that are read at the same time
MOST_IN_A_ROW = 20  # consecutive failed paths after which the whole scan fails


@dataclass(frozen=True)
class UnreadablePath:
    """A path that could not be read, and why."""

    path: str
    reason: str


@dataclass(frozen=True)
class Unread:
    """What a scan could not read. Known Git folders there are kept."""

    places: frozenset[str] = frozenset()  # directories, with everything below them
    git_folders: frozenset[int] = frozenset()
    permissions: frozenset[int] = frozenset()  # of Git folders whose Can Manage is not known

    def __bool__(self) -> bool:
        return bool(self.places or self.git_folders or self.permissions)

    def may_hold(self, folder: GitFolder) -> bool:
        """Return whether a Git folder may still exist."""
        return folder.id in self.git_folders or not self.places.isdisjoint(_above(folder.path))


@dataclass(frozen=True)
class Scan:
    """The Git folders that were found, sorted by path, and what could not be read."""

    folders: tuple[GitFolder, ...]
    unreadable: tuple[UnreadablePath, ...]
    unread: Unread = Unread()

    def over(self, before: Scan | None) -> Scan:
        """Return this scan, completed by the scan *before* where this one could not read."""
        if before is None:
            return self
        known = {folder.id: folder for folder in before.folders}
        ids, paths = {each.id for each in self.folders}, {each.path for each in self.folders}
        kept = [
            folder
            for folder in before.folders
            if folder.id not in ids and folder.path not in paths and self.unread.may_hold(folder)
        ]
        found = (
            replace(each, manageable=known[each.id].manageable)
            if each.id in known and each.id in self.unread.permissions
            else each
            for each in self.folders
        )
        return replace(self, folders=_by_path((*found, *kept)))


class Catalogue(Protocol):
    """The calls that finding Git folders needs from Databricks."""

    def list_git_folders(self, prefix: str) -> Iterator[GitFolder]: ...
    def list_directory(self, path: str) -> list[WorkspaceObject]: ...
    def get_git_folder(self, repo_id: int) -> GitFolder | None: ...


def scan(catalogue: Catalogue, roots: Iterable[str] = ROOTS) -> Scan:
    """Return every Git folder under *roots*, each once.

    The scan reads the Repos list, page by page, and walks through the workspace's directories.
    Neither is complete: the list leaves out Git folders with the Git CLI enabled, which the walk
    finds. A path that can't be read is an unreadable path of the scan. The error is raised where
    no path can be read, or where it concerns the whole workspace: an empty scan would mean that
    there are no Git folders. All calls have a lower priority than those of promotions.
    """
    found = _Found()
    with ThreadPoolExecutor(AT_ONCE, "scan", use_low_priority) as pool:
        for root in roots:
            pool.submit(found.list_under, catalogue, root).result()
            _walk(catalogue, root, found, pool)
    return found.scan(roots)


class _Found:
    """What a scan has found so far; filled from several threads."""

    def __init__(self) -> None:
        self.folders: dict[int, GitFolder] = {}
        self._unreadable: list[UnreadablePath] = []
        self._unlisted: set[str] = set()  # roots whose Repos list ended with an error
        self._unread: set[str] = set()  # directories
        self._unread_folders: set[int] = set()
        self._permissions: set[int] = set()
        self._read = False  # whether anything could be read
        self._in_a_row = 0
        self._first_error: PromotionError | None = None

    def scan(self, roots: Iterable[str]) -> Scan:
        """Return the scan; raise where nothing at all could be read."""
        if not self._read:
            paths = ", ".join(roots)
            raise self._first_error or PromotionError(
                f"the workspace has none of {paths}: are `roots` and its host right?"
            )
        unread = Unread(
            frozenset(self._unlisted | self._unread),
            frozenset(self._unread_folders),
            frozenset(self._permissions),
        )
        return Scan(_by_path(self.folders.values()), tuple(self._unreadable), unread)

    def list_under(self, catalogue: Catalogue, root: str) -> None:
        """Add what the Repos list has under *root*: the Git folders that we may manage."""
        try:
            for folder in _listed(catalogue, root):
                self._read = True  # an empty list does not show that the root was readable
                self.add(folder)
        except PromotionError as exc:
            self._unlisted.add(root)
            self.failed(root, exc)

    def look_into(self, catalogue: Catalogue, root: str, path: str) -> list[str]:
        """Add the Git folders in one directory; return its subdirectories."""
        try:
            entries = catalogue.list_directory(path)
        except PromotionError as exc:
            if not (isinstance(exc, ApiError) and exc.not_there):
                self._unread.add(path)
                self.failed(path, exc)
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

    def failed(self, path: str, exc: PromotionError) -> None:
        """Record an unreadable path; raise what concerns the whole workspace."""
        self._first_error = self._first_error or exc
        if isinstance(exc, ApiError) and exc.status < 500:
            everywhere = exc.status in (401, 429)
        else:
            self._in_a_row += 1
            answered = isinstance(exc, ApiError | BrokenAnswerError | TimedOutError)
            # A workspace that times out from the start is down: to try each path would take hours.
            everywhere = not answered or (isinstance(exc, TimedOutError) and not self._read)
        if everywhere or self._in_a_row > MOST_IN_A_ROW:
            raise exc
        self._note(path, in_words(exc)[0])

    def _get(self, catalogue: Catalogue, root: str, entry: WorkspaceObject) -> None:
        """Add a Git folder not in the list: it has the Git CLI, or we may not manage it."""
        try:
            folder = catalogue.get_git_folder(entry.id)
        except PromotionError as exc:
            self._unread_folders.add(entry.id)
            self.failed(entry.path, exc)
            return
        if folder is None:
            self._unread_folders.add(entry.id)
            self._note(entry.path, "Databricks shows it, and says that it does not exist")
            return
        if root in self._unlisted:  # an incomplete list does not show what we may manage
            self._permissions.add(folder.id)
            self.add(folder)
        else:
            self.add(replace(folder, manageable=entry.type != "REPO"))

    def _note(self, path: str, reason: str) -> None:
        unreadable = UnreadablePath(path, reason)
        if unreadable not in self._unreadable:
            self._unreadable.append(unreadable)


def _by_path(folders: Iterable[GitFolder]) -> tuple[GitFolder, ...]:
    return tuple(sorted(folders, key=lambda folder: folder.path))


def _above(path: str) -> Iterator[str]:
    """Yield a path and every directory above it."""
    yield path
    while path and path != "/":
        path = path.rpartition("/")[0] or "/"
        yield path


def _listed(catalogue: Catalogue, root: str) -> Iterator[GitFolder]:
    """Yield what the Repos list has under *root*.

    Databricks does not document whether a prefix must begin with the /Workspace mount, so both
    forms are tried where the first returns nothing.
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
    """Read every directory under *root*, several at once; do not descend into Git folders."""

    def look(path: str) -> list[str]:
        return found.look_into(catalogue, root, path)

    waiting = {pool.submit(look, root)}
    while waiting:
        done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
        for future in done:
            waiting |= {pool.submit(look, path) for path in future.result()}
