# SPDX-License-Identifier: GPL-3.0-or-later
"""System: what a child asks of the system it runs on, which differs from one to another. The standard library only."""

import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable
from io import TextIOWrapper
from typing import Any, TypeVar

_T = TypeVar("_T")

_NICENESS = 10
_PATIENCE = 2.0  # seconds


def lower_priority() -> None:
    """Lets every other process have the processor first: somebody works on this machine."""
    if sys.platform == "win32":
        _set_priority_class(_this_process(), _BELOW_NORMAL)
    else:
        os.nice(_NICENESS)


def end_with_worker() -> None:
    """Lets the system kill this process when the one that started it is gone: one that is suspended can't notice. Only
    Linux does such a thing, and takes the thread that started it for that one; elsewhere the worker sees to it."""
    if not sys.platform.startswith("linux"):
        return
    worker, pr_set_pdeathsig = os.getppid(), 1
    _function(None, "prctl", ctypes.c_int, ctypes.c_int, ctypes.c_ulong)(pr_set_pdeathsig, signal.SIGKILL)
    if os.getppid() != worker:  # it was gone before
        os._exit(1)


def patiently(work: Callable[[], _T]) -> _T:
    """What `work` gives, which moves or removes a file. On Windows it is tried again for two seconds while another
    program has the file open."""
    until = time.monotonic() + _PATIENCE
    while True:
        try:
            return work()
        except PermissionError:
            if os.name != "nt" or time.monotonic() >= until:
                raise
        time.sleep(0.02)


def print_anything() -> None:
    """From now on Python prints as Blender does, in UTF-8: on Windows a pipe has the letters of one part of the world
    alone, and the name of a blend may have others."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")


def flush() -> None:
    """Lets go what Blender, in C, has printed into a pipe."""
    (ctypes.CDLL("ucrtbase") if sys.platform == "win32" else ctypes.CDLL(None)).fflush(None)


def resident_memory() -> int:
    """Bytes of memory this process has now; 0 where the system doesn't tell."""
    if sys.platform == "win32":
        return _resident_on_windows()
    if sys.platform == "darwin":
        return _resident_on_macos()
    try:
        with open("/proc/self/statm", "rb") as file:  # noqa: PTH123  read once a frame
            return int(file.read().split()[1]) * _PAGE
    except OSError:
        return 0


def _function(library: str | None, name: str, result: Any, *arguments: Any) -> Any:
    """A function of the system with the types it takes and gives: without them ctypes takes all for 32 bits, which cuts
    a handle of Windows or an address in two."""
    return ctypes.CFUNCTYPE(result, *arguments)((name, ctypes.CDLL(library)))


if sys.platform == "win32":
    from ctypes import wintypes

    _BELOW_NORMAL = 0x4000

    class _Counters(ctypes.Structure):
        """PROCESS_MEMORY_COUNTERS of the Windows API."""

        _fields_ = (
            ("size", wintypes.DWORD),
            ("page_faults", wintypes.DWORD),
            *((name, ctypes.c_size_t) for name in ("peak_working_set", "working_set", "a", "b", "c", "d", "e", "f")),
        )

    _this_process = _function("kernel32", "GetCurrentProcess", wintypes.HANDLE)
    _set_priority_class = _function("kernel32", "SetPriorityClass", wintypes.BOOL, wintypes.HANDLE, wintypes.DWORD)
    _memory_info = _function(
        "kernel32",
        "K32GetProcessMemoryInfo",
        *(wintypes.BOOL, wintypes.HANDLE, ctypes.POINTER(_Counters), wintypes.DWORD),
    )

    def _resident_on_windows() -> int:
        counters = _Counters(size=ctypes.sizeof(_Counters))
        return counters.working_set if _memory_info(_this_process(), counters, counters.size) else 0

elif sys.platform == "darwin":
    _SYSTEM = "/usr/lib/libSystem.dylib"
    _TASK_BASIC_INFO = 20  # MACH_TASK_BASIC_INFO
    _WORDS = 12  # of it, 32 bits each
    _task_info = _function(
        _SYSTEM,
        "task_info",
        *(ctypes.c_int, ctypes.c_uint32, ctypes.c_uint32, ctypes.c_void_p, ctypes.POINTER(ctypes.c_uint32)),
    )

    def _resident_on_macos() -> int:
        """`resident_size` is the second 64-bit number of mach_task_basic_info."""
        info = (ctypes.c_uint32 * _WORDS)()
        count = ctypes.c_uint32(_WORDS)
        this_task = ctypes.c_uint32.in_dll(ctypes.CDLL(_SYSTEM), "mach_task_self_")
        failed = _task_info(this_task, _TASK_BASIC_INFO, ctypes.byref(info), ctypes.byref(count))
        return 0 if failed else info[2] | info[3] << 32

else:
    _PAGE = os.sysconf("SC_PAGE_SIZE")
