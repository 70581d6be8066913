# SPDX-License-Identifier: GPL-3.0-or-later
"""Memory: how much of it the machine has left. The one place where systems differ in how they tell."""

import sys
from pathlib import Path


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
    import ctypes

    class _Status(ctypes.Structure):
        """MEMORYSTATUSEX of the Windows API."""

        _fields_ = (
            ("size", ctypes.c_ulong),
            ("load", ctypes.c_ulong),
            *((name, ctypes.c_ulonglong) for name in ("total", "available", "a", "b", "c", "d", "e")),
        )

    def _available_on_windows() -> int:
        status = _Status()
        status.size = ctypes.sizeof(status)
        return status.available if ctypes.windll.kernel32.GlobalMemoryStatusEx(ctypes.byref(status)) else 0

elif sys.platform == "darwin":
    import ctypes

    def _available_on_macos() -> int:
        """`kern.memorystatus_level` is the part of the memory, in percent, that could be had."""
        return _number("hw.memsize", ctypes.c_uint64()) * _number("kern.memorystatus_level", ctypes.c_uint32()) // 100

    def _number(name: str, value: ctypes.c_uint32 | ctypes.c_uint64) -> int:
        size = ctypes.c_size_t(ctypes.sizeof(value))
        system = ctypes.CDLL("/usr/lib/libSystem.dylib")
        failed = system.sysctlbyname(name.encode(), ctypes.byref(value), ctypes.byref(size), None, 0)
        return 0 if failed else value.value
