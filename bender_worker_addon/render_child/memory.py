# SPDX-License-Identifier: GPL-3.0-or-later
"""Memory: how much of the machine's this process takes. The standard library only."""

import sys


def resident() -> int:
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


if sys.platform == "win32":
    import ctypes
    from ctypes import wintypes

    class _Counters(ctypes.Structure):
        """PROCESS_MEMORY_COUNTERS of the Windows API."""

        _fields_ = (
            ("size", wintypes.DWORD),
            ("page_faults", wintypes.DWORD),
            *((name, ctypes.c_size_t) for name in ("peak_working_set", "working_set", "a", "b", "c", "d", "e", "f")),
        )

    def _resident_on_windows() -> int:
        counters = _Counters()
        counters.size = ctypes.sizeof(counters)
        kernel32 = ctypes.windll.kernel32
        kernel32.GetCurrentProcess.restype = wintypes.HANDLE
        told = kernel32.K32GetProcessMemoryInfo
        told.argtypes = (wintypes.HANDLE, ctypes.POINTER(_Counters), wintypes.DWORD)
        return counters.working_set if told(kernel32.GetCurrentProcess(), counters, counters.size) else 0

elif sys.platform == "darwin":
    import ctypes

    _TASK_BASIC_INFO = 20  # MACH_TASK_BASIC_INFO
    _WORDS = 12  # of it, 32 bits each

    def _resident_on_macos() -> int:
        """`resident_size` is the second 64-bit number of mach_task_basic_info."""
        system = ctypes.CDLL("/usr/lib/libSystem.dylib")
        info = (ctypes.c_uint32 * _WORDS)()
        count = ctypes.c_uint32(_WORDS)
        this_task = ctypes.c_uint32.in_dll(system, "mach_task_self_")
        failed = system.task_info(this_task, _TASK_BASIC_INFO, ctypes.byref(info), ctypes.byref(count))
        return 0 if failed else info[2] | info[3] << 32

else:
    import os

    _PAGE = os.sysconf("SC_PAGE_SIZE")
