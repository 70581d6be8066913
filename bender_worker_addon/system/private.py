# SPDX-License-Identifier: GPL-3.0-or-later
"""Private: files that nobody else may read, wherever they lie. POSIX has modes for that; on Windows a file is for those
whom its folder is for, which outside a user's own folders are all."""

import sys
from pathlib import Path

from .native import function


def keep_private(file: Path) -> None:
    """From now on a file that was made for its owner alone, as by tempfile.mkstemp, is so on Windows too: for its
    owner, administrators and the system itself. Raises OSError if that can't be had."""
    if sys.platform == "win32":
        _keep_private(file)


if sys.platform == "win32":
    import ctypes
    from ctypes.wintypes import BOOL, DWORD, HANDLE, LPCWSTR, LPVOID

    _FOR = "D:P(A;;FA;;;OW)(A;;FA;;;SY)(A;;FA;;;BA)"  # in Windows' language for it: nothing is inherited; all for those
    _REVISION, _DACL = 1, 4

    _parsed = function(
        "advapi32",
        "ConvertStringSecurityDescriptorToSecurityDescriptorW",
        *(BOOL, LPCWSTR, DWORD, ctypes.POINTER(LPVOID), LPVOID),
    )
    _set = function("advapi32", "SetFileSecurityW", BOOL, LPCWSTR, DWORD, LPVOID)
    _free = function("kernel32", "LocalFree", HANDLE, HANDLE)
    _last_error = function("kernel32", "GetLastError", DWORD)

    def _keep_private(file: Path) -> None:
        descriptor = LPVOID()
        if not _parsed(_FOR, _REVISION, ctypes.byref(descriptor), None):
            raise ctypes.WinError(_last_error())
        try:
            if not _set(str(file), _DACL, descriptor):
                raise ctypes.WinError(_last_error())
        finally:
            _free(descriptor)
