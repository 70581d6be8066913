# SPDX-License-Identifier: GPL-3.0-or-later
"""Tether: lets the system end what this process has started when this process is gone, however it went. One that is
suspended can't see that for itself."""

import sys

from .native import function


class Tether:
    """On Windows a job object, which ends all that is in it when nobody has it any more, and what they have started.
    Elsewhere it does nothing: on Linux a child asks for its end by itself, and a suspended one that leads a group in
    our session is told to go on, and to hang up, by every POSIX system when we are gone."""

    if sys.platform == "win32":

        def __init__(self) -> None:
            self._job = _ending_job()

        def tie(self, pid: int) -> None:
            """One that has just ended is left alone."""
            process = _open_process(_PROCESS_SET_QUOTA | _PROCESS_TERMINATE, False, pid)
            if process:
                _assign(self._job, process)
                _close_handle(process)

        def end(self) -> None:
            """Ends all that was tied, at once."""
            _terminate(self._job, 1)

    else:

        def tie(self, pid: int) -> None: ...

        def end(self) -> None: ...


if sys.platform == "win32":
    import ctypes
    from ctypes.wintypes import BOOL, DWORD, HANDLE, LPCWSTR, LPVOID, UINT

    _PROCESS_TERMINATE, _PROCESS_SET_QUOTA = 0x0001, 0x0100
    _EXTENDED_LIMITS = 9
    _KILL_ON_JOB_CLOSE = 0x2000

    class _Limits(ctypes.Structure):
        """JOBOBJECT_EXTENDED_LIMIT_INFORMATION of the Windows API."""

        _fields_ = (
            *((name, ctypes.c_int64) for name in ("process_time", "job_time")),
            ("flags", DWORD),
            *((name, ctypes.c_size_t) for name in ("least", "most")),
            ("processes", DWORD),
            ("affinity", ctypes.c_size_t),
            *((name, DWORD) for name in ("priority", "scheduling")),
            *((f"io_{number}", ctypes.c_uint64) for number in range(6)),
            *((name, ctypes.c_size_t) for name in ("process_memory", "job_memory", "process_peak", "job_peak")),
        )

    _create = function("kernel32", "CreateJobObjectW", HANDLE, LPVOID, LPCWSTR)
    _set = function("kernel32", "SetInformationJobObject", BOOL, HANDLE, ctypes.c_int, ctypes.POINTER(_Limits), DWORD)
    _assign = function("kernel32", "AssignProcessToJobObject", BOOL, HANDLE, HANDLE)
    _terminate = function("kernel32", "TerminateJobObject", BOOL, HANDLE, UINT)
    _open_process = function("kernel32", "OpenProcess", HANDLE, DWORD, BOOL, DWORD)
    _close_handle = function("kernel32", "CloseHandle", BOOL, HANDLE)

    def _ending_job() -> int:
        """One for as long as this process lives: nothing it started inherits it."""
        job: int = _create(None, None)
        _set(job, _EXTENDED_LIMITS, _Limits(flags=_KILL_ON_JOB_CLOSE), ctypes.sizeof(_Limits))
        return job
