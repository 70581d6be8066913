# SPDX-License-Identifier: GPL-3.0-or-later
"""System: what a child asks of the system it runs on, which differs from one to another. The standard library only."""

import ctypes
import os
import signal
import sys

_NICENESS = 10


def lower_priority() -> None:
    """Lets every other process have the processor first: somebody works on this machine."""
    if sys.platform == "win32":
        below_normal = 0x4000
        ctypes.windll.kernel32.SetPriorityClass(ctypes.windll.kernel32.GetCurrentProcess(), below_normal)
    else:
        os.nice(_NICENESS)


def end_with_worker() -> None:
    """Lets the system kill this process when the one that started it is gone: one that is suspended can't notice. Only
    Linux does such a thing, and takes the thread that started it for that one; elsewhere a suspended child ends as soon
    as somebody lets it go on."""
    if not sys.platform.startswith("linux"):
        return
    worker, pr_set_pdeathsig = os.getppid(), 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)
    if os.getppid() != worker:  # it was gone before
        os._exit(1)


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


if sys.platform == "win32":
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
    _PAGE = os.sysconf("SC_PAGE_SIZE")
