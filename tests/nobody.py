"""An address of this machine at which nobody listens, whatever else runs here."""

from __future__ import annotations

import atexit
import socket

# Bound for as long as this process lives: nobody else gets the port, and who calls is refused.
_held = socket.socket()
_held.bind(("127.0.0.1", 0))
atexit.register(_held.close)
NOBODY = f"127.0.0.1:{_held.getsockname()[1]}"
