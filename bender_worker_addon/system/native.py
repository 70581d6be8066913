# SPDX-License-Identifier: GPL-3.0-or-later
"""Native: functions of the system itself, each with the types it takes and gives. Without them ctypes takes all for 32
bits, which cuts a handle of Windows or an address in two."""

import ctypes
from typing import Any


def function(library: str | None, name: str, result: Any, *arguments: Any) -> Any:
    """The function of that name in a library, None for what this process has loaded, with types of ctypes."""
    return ctypes.CFUNCTYPE(result, *arguments)((name, ctypes.CDLL(library)))
