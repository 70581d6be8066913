# SPDX-License-Identifier: GPL-3.0-or-later
"""Stopping a process where it is and letting it go on. The one place where systems differ in how that is done."""

import os
import signal
import sys


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
    import ctypes

    _PROCESS_SUSPEND_RESUME = 0x0800

    def _suspend_on_windows(pid: int, suspended: bool) -> None:
        """NtSuspendProcess and NtResumeProcess stop and resume all threads of a process in one call."""
        handle = ctypes.windll.kernel32.OpenProcess(_PROCESS_SUSPEND_RESUME, False, pid)
        if handle:
            ntdll = ctypes.windll.ntdll
            (ntdll.NtSuspendProcess if suspended else ntdll.NtResumeProcess)(handle)
            ctypes.windll.kernel32.CloseHandle(handle)
