# SPDX-License-Identifier: GPL-3.0-or-later
"""Error words: what the system calls an error. On Windows C's own list, which Python asks, knows none of a socket's."""

import ctypes
import os
import sys

_SOCKETS = range(10_000, 12_000)  # Winsock's numbers


def strerror(number: int) -> str:
    """`number` is an OSError's `errno`."""
    if sys.platform == "win32" and number in _SOCKETS:
        return ctypes.FormatError(number).strip().rstrip(".")
    return os.strerror(number)
