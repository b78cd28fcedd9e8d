"""Find the `git` process above a hook on Windows, and wait until it has ended."""

from __future__ import annotations

import ctypes
import sys
from ctypes import wintypes

from hooks.foreground.parent_process import Pusher, nearest_push

assert sys.platform == "win32", "imported on Windows only"

_SNAPSHOT_PROCESSES = 0x2
_QUERY_LIMITED_INFORMATION = 0x1000
_SYNCHRONIZE = 0x100000
_WAIT_TIMEOUT = 0x102
_INVALID_HANDLE = ctypes.c_void_p(-1).value


class _Entry(ctypes.Structure):
    """PROCESSENTRY32W."""

    _fields_ = (
        ("size", wintypes.DWORD),
        ("usage", wintypes.DWORD),
        ("pid", wintypes.DWORD),
        ("heap", ctypes.c_size_t),
        ("module", wintypes.DWORD),
        ("threads", wintypes.DWORD),
        ("parent", wintypes.DWORD),
        ("priority", wintypes.LONG),
        ("flags", wintypes.DWORD),
        ("program", wintypes.WCHAR * 260),
    )


_kernel = ctypes.WinDLL("kernel32", use_last_error=True)
_kernel.CreateToolhelp32Snapshot.restype = wintypes.HANDLE
_kernel.OpenProcess.restype = wintypes.HANDLE
_kernel.OpenProcess.argtypes = (wintypes.DWORD, wintypes.BOOL, wintypes.DWORD)
_kernel.CloseHandle.argtypes = (wintypes.HANDLE,)
_kernel.Process32FirstW.argtypes = (wintypes.HANDLE, ctypes.POINTER(_Entry))
_kernel.Process32NextW.argtypes = (wintypes.HANDLE, ctypes.POINTER(_Entry))
_kernel.WaitForSingleObject.argtypes = (wintypes.HANDLE, wintypes.DWORD)
_kernel.GetProcessTimes.argtypes = (wintypes.HANDLE, *[ctypes.POINTER(wintypes.FILETIME)] * 4)


def pusher(pid: int) -> Pusher | None:
    """Return the nearest git.exe above *pid*: the snapshot shows programs, not arguments.

    The id of a parent that has ended may be reused, so a parent must be older than its child.
    """
    programs = _programs()
    parent, _ = programs.get(pid, (0, ""))
    child_created = created(pid) or 0

    def look_up(candidate: int) -> tuple[int, str, list[str]] | None:
        nonlocal child_created
        found, at = programs.get(candidate), created(candidate)
        if found is None or at is None or at > child_created:
            return None
        child_created = at
        above, program = found
        command = ["git", "push"] if program.casefold() == "git.exe" else [program]
        return above, str(at), command

    return nearest_push(parent, look_up)


def created(pid: int) -> int | None:
    """Return the start time of a process, or None where there is no such process."""
    handle = _kernel.OpenProcess(_QUERY_LIMITED_INFORMATION, False, pid)
    if not handle:
        return None
    times = [wintypes.FILETIME() for _ in range(4)]
    ok = _kernel.GetProcessTimes(handle, *(ctypes.byref(time) for time in times))
    _kernel.CloseHandle(handle)
    return (times[0].dwHighDateTime << 32 | times[0].dwLowDateTime) if ok else None


def wait_for_end(pid: int, started: str, seconds: float) -> bool:
    """Wait until a process has ended; return whether it has."""
    handle = _kernel.OpenProcess(_SYNCHRONIZE, False, pid)
    if not handle:
        return True
    try:
        if str(created(pid)) != started:
            return True
        return bool(_kernel.WaitForSingleObject(handle, int(seconds * 1000)) != _WAIT_TIMEOUT)
    finally:
        _kernel.CloseHandle(handle)


def _programs() -> dict[int, tuple[int, str]]:
    """Return every process: its parent and the name of its program."""
    snapshot = _kernel.CreateToolhelp32Snapshot(_SNAPSHOT_PROCESSES, 0)
    if snapshot in (None, _INVALID_HANDLE):
        return {}
    entry = _Entry(size=ctypes.sizeof(_Entry))
    found = {}
    more = _kernel.Process32FirstW(snapshot, ctypes.byref(entry))
    while more:
        found[entry.pid] = (entry.parent, entry.program)
        more = _kernel.Process32NextW(snapshot, ctypes.byref(entry))
    _kernel.CloseHandle(snapshot)
    return found
