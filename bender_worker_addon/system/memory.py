# SPDX-License-Identifier: GPL-3.0-or-later
"""Memory: how much of it the machine has left. The one place where systems differ in how they tell."""

import ctypes
import sys
from pathlib import Path

from .native import function


def available() -> int:
    """Bytes that programs may still take without pushing others out; 0 where the system doesn't tell."""
    if sys.platform == "win32":
        return _available_on_windows()
    if sys.platform == "darwin":
        return _available_on_macos()
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")), 0)


if sys.platform == "win32":
    from ctypes import wintypes

    class _Status(ctypes.Structure):
        """MEMORYSTATUSEX of the Windows API."""

        _fields_ = (
            ("size", wintypes.DWORD),
            ("load", wintypes.DWORD),
            *((name, ctypes.c_ulonglong) for name in ("total", "available", "a", "b", "c", "d", "e")),
        )

    _memory_status = function("kernel32", "GlobalMemoryStatusEx", wintypes.BOOL, ctypes.POINTER(_Status))

    def _available_on_windows() -> int:
        status = _Status(size=ctypes.sizeof(_Status))
        return status.available if _memory_status(status) else 0

elif sys.platform == "darwin":
    _sysctl = function(
        "/usr/lib/libSystem.dylib",
        "sysctlbyname",
        *(ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p, ctypes.POINTER(ctypes.c_size_t)),
        *(ctypes.c_void_p, ctypes.c_size_t),
    )

    def _available_on_macos() -> int:
        """`kern.memorystatus_level` is the part of the memory, in percent, that could be had."""
        return _number("hw.memsize", ctypes.c_uint64()) * _number("kern.memorystatus_level", ctypes.c_uint32()) // 100

    def _number(name: str, value: ctypes.c_uint32 | ctypes.c_uint64) -> int:
        size = ctypes.c_size_t(ctypes.sizeof(value))
        failed = _sysctl(name.encode(), ctypes.byref(value), ctypes.byref(size), None, 0)
        return 0 if failed else value.value
