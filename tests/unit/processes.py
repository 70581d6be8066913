# SPDX-License-Identifier: GPL-3.0-or-later
"""Processes, as a test sees them on any system: which are there, and which are stopped where they are."""

import os
import sys
from contextlib import suppress
from pathlib import Path

KILLED = "exit code 1" if sys.platform == "win32" else "signal 9"
"""What a worker says of a child that it has killed."""


def is_gone(process: int) -> bool:
    """Whether no process of this number runs any more. Who is to reap it may take its time."""
    if sys.platform == "win32":
        return process not in {number for number, _ in _listed("Process32First", "Process32Next", _Process)}
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    return _state(process) in ("Z", "")


def is_stopped(process: int) -> bool:
    """Whether the system holds a process where it is."""
    if sys.platform == "win32":
        return _is_stopped_on_windows(process)
    return _state(process) == "T"


def _state(process: int) -> str:
    """As Linux writes it: one letter, or nothing of one that has just gone."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return ""


def children() -> frozenset[int]:
    """The processes that this one has started and that are there."""
    found = []
    if sys.platform == "win32":
        listed = _listed("Process32First", "Process32Next", _Process)
        return frozenset(number for number, parent in listed if parent == os.getpid())
    for thread in Path("/proc/self/task").iterdir():
        with suppress(OSError):  # it has just ended
            found += [int(process) for process in (thread / "children").read_text().split()]
    return frozenset(found)


if sys.platform == "win32":
    import ctypes
    from collections.abc import Iterator
    from ctypes.wintypes import BOOL, DWORD, HANDLE

    from bender_worker_addon.system.native import function

    _PROCESSES, _THREADS = 2, 4
    _THREAD_SUSPEND_RESUME = 2

    class _Process(ctypes.Structure):
        """PROCESSENTRY32."""

        flag = _PROCESSES
        _fields_ = (
            ("size", DWORD),
            ("usage", DWORD),
            ("number", DWORD),
            ("heap", ctypes.c_size_t),
            *((name, DWORD) for name in ("module", "threads", "of")),
            ("priority", ctypes.c_long),
            ("flags", DWORD),
            ("name", ctypes.c_char * 260),
        )

    class _Thread(ctypes.Structure):
        """THREADENTRY32."""

        flag = _THREADS
        _fields_ = (
            *((name, DWORD) for name in ("size", "usage", "number", "of")),
            *((name, ctypes.c_long) for name in ("base", "delta")),
            ("flags", DWORD),
        )

    _snapshot = function("kernel32", "CreateToolhelp32Snapshot", HANDLE, DWORD, DWORD)
    _close = function("kernel32", "CloseHandle", BOOL, HANDLE)
    _open_thread = function("kernel32", "OpenThread", HANDLE, DWORD, BOOL, DWORD)
    _suspend = function("kernel32", "SuspendThread", DWORD, HANDLE)
    _resume = function("kernel32", "ResumeThread", DWORD, HANDLE)

    def _listed(first: str, following: str, kind: type[_Process] | type[_Thread]) -> Iterator[tuple[int, int]]:
        """Numbers of all processes or threads, each with that of the process it is of."""
        snapshot, entry = _snapshot(kind.flag, 0), kind(size=ctypes.sizeof(kind))
        step = first
        while function("kernel32", step, BOOL, HANDLE, ctypes.POINTER(kind))(snapshot, entry):
            yield entry.number, entry.of
            step = following
        _close(snapshot)

    def _is_stopped_on_windows(process: int) -> bool:
        """How often a thread is suspended is told only to who suspends it once more."""
        counts = []
        for number, of in _listed("Thread32First", "Thread32Next", _Thread):
            if of == process and (thread := _open_thread(_THREAD_SUSPEND_RESUME, False, number)):
                counts.append(_suspend(thread))
                _resume(thread)
                _close(thread)
        return bool(counts) and all(counts)
