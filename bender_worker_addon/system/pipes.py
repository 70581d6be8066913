# SPDX-License-Identifier: GPL-3.0-or-later
"""Pipes that hold much, on every system: who writes into one need not wait for each look of who reads."""

import os
import sys

from .native import function

_ROOM = 64 << 10  # bytes; as much as those of Linux and macOS hold


def wide_pipe() -> tuple[int, int]:
    """The file descriptors of a pipe: for reading, for writing. No child inherits them by itself."""
    if sys.platform == "win32":
        return _windows_pipe()
    return os.pipe()


if sys.platform == "win32":
    import ctypes
    import msvcrt
    from ctypes.wintypes import BOOL, DWORD, HANDLE, LPVOID

    _HANDLE = ctypes.POINTER(HANDLE)
    _create = function("kernel32", "CreatePipe", BOOL, _HANDLE, _HANDLE, LPVOID, DWORD)

    def _windows_pipe() -> tuple[int, int]:
        """By itself it would be one of 4 kB."""
        reading, writing = HANDLE(), HANDLE()
        if not _create(ctypes.byref(reading), ctypes.byref(writing), None, _ROOM):
            raise OSError("no pipe can be made")
        return msvcrt.open_osfhandle(reading.value or 0, os.O_RDONLY), msvcrt.open_osfhandle(writing.value or 0, 0)
