"""Controls for tests: what people do to the Git folders of a workspace."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from sandbox.databricks.state import paths
from sandbox.databricks.state.changes import Changes, What
from sandbox.databricks.state.tree import GitFolder, Tree


class People:
    """A person who works in the workspace, which the API does not show."""

    _tree: Tree
    _changes: Changes

    def write_file(self, path: str, name: str, text: str) -> None:
        """Let a person edit a file of a Git folder, and not commit it."""
        folder = self._folder(path)
        with folder.busy, self._changes.of(folder, What.EDITED, by="person", files={name: text}):
            folder.clone.write(name, text)

    def commit_in_folder(self, path: str, files: Mapping[str, str], message: str) -> str:
        """Let a person commit *files* in a Git folder, and not push; return the commit."""
        folder = self._folder(path)
        with folder.busy, self._changes.of(folder, What.COMMITTED, by="person", files=files):
            return folder.clone.commit(files, message)

    def discard_edits(self, path: str) -> None:
        """Let a person drop what is not committed in a Git folder."""
        folder = self._folder(path)
        with folder.busy, self._changes.of(folder, What.DISCARDED, by="person"):
            folder.clone.discard()

    def switch_branch(self, path: str, branch: str) -> None:
        """Let a person check out another branch of a Git folder."""
        folder = self._folder(path)
        with folder.busy, self._changes.of(folder, What.SWITCHED, by="person"):
            folder.clone.switch(branch, folder.source)

    def commit_aside(self, path: str, branch: str, files: Mapping[str, str], message: str) -> None:
        """Let a person commit edits to a new branch of their own, and come back."""
        folder = self._folder(path)
        with folder.busy:
            before, _ = folder.clone.head()
            assert before is not None, "a person comes back to a branch"
            with self._changes.of(folder, What.SWITCHED, by="person"):
                folder.clone.switch(branch, folder.source)
            with self._changes.of(folder, What.COMMITTED, by="person", files=files):
                folder.clone.commit(files, message)
            with self._changes.of(folder, What.SWITCHED, by="person"):
                folder.clone.switch(before, folder.source)

    def move_git_folder(self, path: str, to: str) -> None:
        """Let a person move a Git folder, which keeps its id."""
        folder, to = self._folder(path), paths.normalise(to)
        with folder.busy, self._changes.of(folder, What.MOVED, by="person"):
            self._tree.move(folder, to)

    def point_git_folder(self, path: str, url: str, *, source: Path) -> None:
        """Let a person give a Git folder another remote; its files stay as they are."""
        folder = self._folder(path)
        with folder.busy, self._changes.of(folder, What.POINTED, by="person"):
            folder.clone.set_remote(url)
            folder.url, folder.source = url, source

    def delete_git_folder(self, path: str) -> None:
        """Let a person delete a Git folder."""
        folder = self._folder(path)
        with folder.busy, self._changes.of(folder, What.DELETED, by="person"):
            self._tree.remove(folder)
            shutil.rmtree(folder.clone.directory)

    def _folder(self, path: str) -> GitFolder:
        found = self._tree.folder_at(paths.normalise(path))
        if found is None:
            raise KeyError(path)
        return found
