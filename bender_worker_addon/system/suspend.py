# SPDX-License-Identifier: GPL-3.0-or-later
"""Stopping a process where it is and letting it go on. The one place where systems differ in how that is done."""

import os
import signal
import sys

from .native import function


def suspend_process(pid: int, suspended: bool) -> None:
    """Suspends a running process and all of its group, or resumes them: a sandbox, and what runs in it. `pid` must lead
    the group. One that has just ended is left alone."""
    if sys.platform == "win32":
        _suspend_on_windows(pid, suspended)
        return
    try:
        os.killpg(pid, signal.SIGSTOP if suspended else signal.SIGCONT)
    except (ProcessLookupError, PermissionError):  # the latter is what macOS says of a group that has just ended
        return


if sys.platform == "win32":
    from ctypes import c_long
    from ctypes.wintypes import BOOL, DWORD, HANDLE

    _PROCESS_SUSPEND_RESUME = 0x0800

    _open_process = function("kernel32", "OpenProcess", HANDLE, DWORD, BOOL, DWORD)
    _close_handle = function("kernel32", "CloseHandle", BOOL, HANDLE)
    _suspend = function("ntdll", "NtSuspendProcess", c_long, HANDLE)
    _resume = function("ntdll", "NtResumeProcess", c_long, HANDLE)

    def _suspend_on_windows(pid: int, suspended: bool) -> None:
        """All threads of a process in one call."""
        handle = _open_process(_PROCESS_SUSPEND_RESUME, False, pid)
        if handle:
            (_suspend if suspended else _resume)(handle)
            _close_handle(handle)
