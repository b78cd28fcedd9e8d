"""What `git promote install` writes into a repository's own git configuration."""

from __future__ import annotations

import re

from hooks.git import Git


class GitSettings(Git):
    """A repository whose configuration we may change."""

    def version(self) -> tuple[int, int]:
        """Return git's own version, as far as it decides what git can do."""
        found = re.search(r"(\d+)\.(\d+)", self._text("version"))
        return (int(found[1]), int(found[2])) if found else (0, 0)

    def set(self, name: str, value: str) -> None:
        """Set a value for this repository only."""
        self._text("config", "--local", name, value)

    def remove_section(self, name: str) -> None:
        """Forget every value of a section of this repository's configuration."""
        self._text("config", "--local", "--remove-section", name)
