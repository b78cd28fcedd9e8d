"""Cache a workspace's Git folders in the user's cache directory, for the next push."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import platformdirs

from hooks.foreground.private_file import write_whole
from promotion.discovery import Scan, UnreadablePath
from promotion.model import GitFolder

FORM = 2  # of the file; a file of another form is ignored


@dataclass(frozen=True)
class FolderCache:
    """One file for each workspace and identity; a `Memory` of `promotion.known_folders`.

    A file that can't be read or written counts as absent.
    """

    path: Path

    @classmethod
    def of(cls, host: str, identity: str, roots: Sequence[str]) -> FolderCache:
        """Return the cache for a workspace as one identity sees it."""
        directory = Path(platformdirs.user_cache_dir("brickpush", appauthor=False))
        name = hashlib.sha256("\n".join((host, identity, *roots)).encode()).hexdigest()[:24]
        return cls(directory / f"folders-{name}.json")

    def load(self) -> Scan | None:
        """Return the last scan, or None."""
        try:
            stored = json.loads(self.path.read_text(encoding="utf-8"))
            if stored["form"] != FORM:
                return None
            folders = tuple(GitFolder(**folder) for folder in stored["folders"])
            unreadable = tuple(UnreadablePath(**each) for each in stored["unreadable"])
        except (OSError, ValueError, TypeError, KeyError):
            return None
        return Scan(folders, unreadable)

    def save(self, seen: Scan) -> None:
        """Replace the last scan."""
        stored = {
            "form": FORM,
            "folders": [asdict(folder) for folder in seen.folders],
            "unreadable": [asdict(each) for each in seen.unreadable],
        }
        with contextlib.suppress(OSError):
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_whole(str(self.path), json.dumps(stored))
