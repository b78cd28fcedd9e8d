"""The objects of a workspace: directories, notebooks and Git folders, by path and by id."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from sandbox.databricks.git.clone import Clone
from sandbox.databricks.state import paths
from sandbox.databricks.state.records import FolderSnapshot


@dataclass
class Stale:
    """What reads show for a while after an update."""

    branch: str | None
    head_commit_id: str | None
    reads: int


@dataclass
class GitFolder:
    """A Git folder: where it is in the workspace, and its clone on disk."""

    id: int
    path: str
    url: str
    provider: str | None
    clone: Clone
    git_cli: bool = False
    source: Path | None = None  # the bare repository it was made from
    sparse_patterns: tuple[str, ...] | None = None
    stale: Stale | None = None
    past: list[tuple[float, str | None, str | None]] = field(default_factory=list)  # until when
    busy: threading.Lock = field(default_factory=threading.Lock)  # one Git operation at a time

    def snapshot(self) -> FolderSnapshot:
        """Return the folder as it is now."""
        branch, commit = self.clone.head()
        return FolderSnapshot(
            id=self.id,
            path=self.path,
            url=self.url or None,
            provider=self.provider,
            branch=branch,
            head_commit_id=commit,
            git_cli_enabled=self.git_cli,
        )


class Tree:
    """Everything in the workspace. Changes and listings are serialized."""

    def __init__(self, seed: str) -> None:
        # Ids of 15 and 16 digits; the odd ones above 2**53 do not survive a float.
        self._random = random.Random(seed)
        self._ids: set[int] = set()
        self._directories: dict[str, int] = {}
        self._notebooks: dict[str, int] = {}
        self._folders: dict[int, GitFolder] = {}
        self._by_path: dict[str, GitFolder] = {}
        self._lock = threading.RLock()
        for root in paths.ROOTS:
            self._directories[root] = self.new_id()

    def new_id(self) -> int:
        """Return an id that nothing else has."""
        with self._lock:
            while True:
                found = self._random.randrange(10**14 + 1, 10**16, 2)
                if found not in self._ids:
                    self._ids.add(found)
                    return found

    def make_directory(self, path: str) -> None:
        """Make a directory and those above it."""
        with self._lock:
            for each in (path, *paths.ancestors(path)):
                if each not in self._directories:
                    self._directories[each] = self.new_id()

    def add_notebook(self, path: str) -> None:
        with self._lock:
            self.make_directory(paths.parent(path))
            self._notebooks[path] = self.new_id()

    def add(self, folder: GitFolder) -> None:
        with self._lock:
            self.make_directory(paths.parent(folder.path))
            self._folders[folder.id] = folder
            self._by_path[folder.path] = folder

    def move(self, folder: GitFolder, path: str) -> None:
        """Give a Git folder another path; create the directory if it does not exist."""
        with self._lock:
            if self.taken(path):
                raise ValueError(f"{path} exists")
            self.make_directory(paths.parent(path))
            del self._by_path[folder.path]
            folder.path = path
            self._by_path[path] = folder

    def remove(self, folder: GitFolder) -> None:
        with self._lock:
            del self._folders[folder.id], self._by_path[folder.path]

    def folder(self, folder_id: int) -> GitFolder | None:
        return self._folders.get(folder_id)

    def folder_at(self, path: str) -> GitFolder | None:
        return self._by_path.get(path)

    def folder_around(self, path: str) -> GitFolder | None:
        """Return the Git folder that *path* is, or is in."""
        for each in (path, *paths.ancestors(path)):
            if folder := self._by_path.get(each):
                return folder
        return None

    def folders(self) -> list[GitFolder]:
        """Return every Git folder by id, which is no order anybody could rely on."""
        with self._lock:
            return sorted(self._folders.values(), key=lambda folder: folder.id)

    def directory_id(self, path: str) -> int | None:
        return self._directories.get(path)

    def notebook_id(self, path: str) -> int | None:
        return self._notebooks.get(path)

    def taken(self, path: str) -> bool:
        return any(path in each for each in (self._directories, self._notebooks, self._by_path))

    def children(self, directory: str) -> Iterator[str]:
        """Yield the paths right beneath a directory."""
        with self._lock:
            everything = (*self._directories, *self._notebooks, *self._by_path)
        for path in everything:
            if path != "/" and paths.parent(path) == directory:
                yield path
