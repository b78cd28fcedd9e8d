"""Name the project's URLs, and refuse a Python that is too old before anything else happens.

From git, pip looks at `requires-python` only after it has tried every version of every dependency,
which took ten minutes.
"""

from __future__ import annotations

import sys
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

OLDEST = (3, 11)
SOURCE = "https://github.com/brickpush/brickpush"


class CustomMetadataHook(MetadataHookInterface):
    """Called by the build backend, which runs under the Python that the package is for."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Add the URLs; end the installation where it could not succeed."""
        if sys.version_info < OLDEST:
            here = ".".join(map(str, sys.version_info[:3]))
            sys.exit(f"brickpush needs Python {OLDEST[0]}.{OLDEST[1]} or newer; this is {here}")
        metadata["urls"] = {"Source": SOURCE}
