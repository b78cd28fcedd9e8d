"""Wait until the process of a `git push` has ended, without polling where possible."""

from __future__ import annotations

import os
import select
import sys
import time

from hooks.foreground.parent_process import process, processes

POLL_SECONDS = 0.2

if sys.platform == "win32":
    from hooks.foreground.windows_process import wait_for_end as wait_for_end

elif sys.platform == "linux":

    def wait_for_end(pid: int, started: str, seconds: float) -> bool:
        """Wait until a process has ended; return whether it has."""
        try:
            descriptor = os.pidfd_open(pid)
        except ProcessLookupError:
            return True
        except OSError:  # a kernel before 5.3
            return _poll(pid, started, seconds)
        try:
            if not _runs(pid, started):
                return True
            poller = select.poll()
            poller.register(descriptor, select.POLLIN)
            return bool(poller.poll(seconds * 1000))
        finally:
            os.close(descriptor)

    def _poll(pid: int, started: str, seconds: float) -> bool:
        until = time.monotonic() + seconds
        while _runs(pid, started):
            if time.monotonic() >= until:
                return False
            time.sleep(POLL_SECONDS)
        return True

    def _runs(pid: int, started: str) -> bool:
        found = process(pid)
        return found is not None and found[1] == started

else:

    def wait_for_end(pid: int, started: str, seconds: float) -> bool:
        """Wait until a process has ended; return whether it has."""
        queue = select.kqueue()
        exit_of = select.kevent(pid, select.KQ_FILTER_PROC, select.KQ_EV_ADD, select.KQ_NOTE_EXIT)
        try:
            queue.control([exit_of], 0)
            found = processes(os.environ).get(pid)
            if found is None or found[1] != started:
                return True
            return bool(queue.control(None, 1, seconds))
        except ProcessLookupError:
            return True
        finally:
            queue.close()
