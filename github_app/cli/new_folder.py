"""Create a Git folder that follows one branch; complete one that an earlier try left behind.

Databricks clones the default branch and switches afterwards, and a clone that fails may leave a
Git folder behind. Left alone, it would be promoted with a branch that nobody asked for. So it is
switched to its branch, or removed if this command created it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from promotion.databricks import WorkspaceObject, without_mount
from promotion.errors import ApiError, ConfigError, PromotionError, UnreachableError
from promotion.failures import in_words
from promotion.model import GitFolder
from promotion.repository_url import repository_key

BUSY = ("ABORTED", "RESOURCE_CONFLICT", "INVALID_STATE")  # git still runs in the Git folder
EXISTS = "RESOURCE_ALREADY_EXISTS"
REMOVE = "remove it with `brickpush folders remove`, then run this again"


class GitFolders(Protocol):
    """The Databricks calls for creating a Git folder."""

    def list_directory(self, path: str) -> list[WorkspaceObject]: ...
    def make_directories(self, path: str) -> None: ...
    def get_git_folder(self, repo_id: int) -> GitFolder | None: ...
    def create_git_folder(
        self, path: str, *, url: str, provider: str, sparse_patterns: Sequence[str]
    ) -> GitFolder: ...
    def update_git_folder(self, repo_id: int, *, branch: str) -> None: ...
    def delete_git_folder(self, repo_id: int) -> None: ...


@dataclass(frozen=True)
class NewFolder:
    """The requested Git folder."""

    path: str
    url: str
    provider: str
    branch: str
    sparse_patterns: Sequence[str] = ()

    def make(self, folders: GitFolders) -> GitFolder:
        """Create the Git folder, and return it once it follows its branch.

        Raises ConfigError if something else is at the path. Raises PromotionError if Databricks
        fails; the message names what is left behind.
        """
        there = self._find(folders)
        if there is not None:
            return self._complete(folders, there)
        folders.make_directories(self.path.rpartition("/")[0])
        try:
            made = folders.create_git_folder(
                self.path,
                url=self.url,
                provider=self.provider,
                sparse_patterns=self.sparse_patterns,
            )
        except UnreachableError as exc:
            raise self._unsure(exc) from exc
        except ApiError as exc:
            if exc.error_code == EXISTS:  # created by somebody else meanwhile
                raise ConfigError(
                    f"{self.path} exists already: run `brickpush folders list` to see what it is"
                ) from exc
            left = self._find(folders)
            if left is None or not self._is_of_our_repository(left):
                raise
            return self._switch(folders, left)  # nothing was there before, so we created it
        return made if self._follows(made) else self._switch(folders, made)

    def _complete(self, folders: GitFolders, there: GitFolder) -> GitFolder:
        """Return the existing Git folder at the path if it is the requested one."""
        if not self._is_of_our_repository(there):
            raise ConfigError(
                f"{self.path} exists already, a Git folder of {there.url}: choose another path"
            )
        if there.head_commit_id is None:  # an interrupted clone: it is empty
            return self._switch(folders, there)
        if not self._follows(there):
            raise ConfigError(
                f"{self.path} exists already and follows {there.branch or 'no branch'}: check "
                f"out {self.branch} in it, or {REMOVE}"
            )
        return there

    def _switch(self, folders: GitFolders, ours: GitFolder) -> GitFolder:
        """Switch our Git folder to its branch and read it back; remove it if that fails."""
        try:
            folders.update_git_folder(ours.id, branch=self.branch)
            now = folders.get_git_folder(ours.id)
        except ApiError as exc:
            if exc.error_code not in BUSY:
                self._remove(folders, ours, exc)
                raise
            raise self._unsure(exc) from exc
        except PromotionError as exc:
            raise self._unsure(exc) from exc
        if now is None or not self._follows(now):
            raise self._unsure(
                PromotionError(
                    "Databricks reported success, but the Git folder does not follow the branch"
                )
            )
        return now

    def _remove(self, folders: GitFolders, ours: GitFolder, why: ApiError) -> None:
        try:
            folders.delete_git_folder(ours.id)
        except PromotionError as exc:
            raise PromotionError(
                f"{in_words(why)[0]}; {self.path} is left behind and follows "
                f"{ours.branch or 'no branch'}: {REMOVE}"
            ) from exc

    def _unsure(self, exc: PromotionError) -> PromotionError:
        return PromotionError(
            f"{in_words(exc)[0]}; git may still run in Databricks: check in some minutes with "
            f"`brickpush folders list` what {self.path} follows; if that is not {self.branch}, "
            f"{REMOVE}"
        )

    def _find(self, folders: GitFolders) -> GitFolder | None:
        """Return the Git folder at the path, or None if nothing is there."""
        path = without_mount(self.path)
        try:
            entries = folders.list_directory(path.rpartition("/")[0] or "/")
        except ApiError as exc:
            if exc.status == 404:  # the directory does not exist yet
                return None
            raise
        there = next((entry for entry in entries if entry.path == path), None)
        if there is None:
            return None
        if not there.git_folder:
            kind = there.type.lower() or "something else"
            raise ConfigError(f"{self.path} exists already, a {kind}: choose another path")
        return folders.get_git_folder(there.id)

    def _is_of_our_repository(self, folder: GitFolder) -> bool:
        return repository_key(folder.url) == repository_key(self.url)

    def _follows(self, folder: GitFolder) -> bool:
        return folder.branch == self.branch and folder.head_commit_id is not None
