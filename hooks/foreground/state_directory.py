"""Find the directory for the hook's state. Pure, and cheap to import."""

# A developer waits for each import of the hook's foreground: pathlib takes 8 ms.
# ruff: noqa: PTH111, PTH117, PTH118

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing takes 6 ms, which git push would wait for
    from collections.abc import Mapping


def state_directory(environ: Mapping[str, str], platform: str = sys.platform) -> str:
    """Return the absolute path, the same as that of platformdirs' user_state_dir.

    Raises OSError where there is none: a relative path would lead into the work tree.
    """
    path = environ.get("BRICKPUSH_STATE_DIR", "").strip() or _default(environ, platform)
    if not os.path.isabs(path):
        raise OSError(f"there is no absolute directory for its state ({path or 'nothing'} is set)")
    return path


def _default(environ: Mapping[str, str], platform: str) -> str:
    home = environ.get("HOME") or os.path.expanduser("~")
    if platform == "win32":
        root = environ.get("LOCALAPPDATA", "")
    elif platform == "darwin":
        root = os.path.join(home, "Library", "Application Support")
    else:
        xdg = environ.get("XDG_STATE_HOME", "").strip()
        root = xdg if os.path.isabs(xdg) else os.path.join(home, ".local", "state")
    return os.path.join(root, "brickpush")
