# SPDX-License-Identifier: GPL-3.0-or-later
"""Priority: rendering beside somebody who works on the same machine."""

import os
import sys

_NICENESS = 10


def lower() -> None:
    """Lets every other process have the processor first."""
    if sys.platform == "win32":
        import ctypes

        below_normal = 0x4000
        ctypes.windll.kernel32.SetPriorityClass(ctypes.windll.kernel32.GetCurrentProcess(), below_normal)
    else:
        os.nice(_NICENESS)
