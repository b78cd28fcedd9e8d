"""Remember a workspace's Git folders in the user's cache directory, for the next push."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import platformdirs

from hooks.owner_only import write_whole
from promotion.discovery import BlindSpot, Survey
from promotion.git_folder import GitFolder

FORM = 1  # of the file; another form is surveyed anew


@dataclass(frozen=True)
class FolderCache:
    """One file for each workspace and identity; a `Memory` of `promotion.known_folders`.

    Whatever can't be read or written is as if nothing were remembered.
    """

    path: Path

    @classmethod
    def of(cls, host: str, identity: str, roots: Sequence[str]) -> FolderCache:
        """Return the cache for what one identity sees of a workspace."""
        directory = Path(platformdirs.user_cache_dir("brickpush", appauthor=False))
        name = hashlib.sha256("\n".join((host, identity, *roots)).encode()).hexdigest()[:24]
        return cls(directory / f"folders-{name}.json")

    def load(self) -> Survey | None:
        """Return the last survey, or None."""
        try:
            stored = json.loads(self.path.read_text(encoding="utf-8"))
            if stored["form"] != FORM:
                return None
            folders = tuple(GitFolder(**folder) for folder in stored["folders"])
            spots = tuple(BlindSpot(**spot) for spot in stored["blind_spots"])
        except (OSError, ValueError, TypeError, KeyError):
            return None
        return Survey(folders, spots)

    def save(self, seen: Survey) -> None:
        """Replace the last survey."""
        stored = {
            "form": FORM,
            "folders": [asdict(folder) for folder in seen.folders],
            "blind_spots": [asdict(spot) for spot in seen.blind_spots],
        }
        with contextlib.suppress(OSError):
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_whole(str(self.path), json.dumps(stored))
