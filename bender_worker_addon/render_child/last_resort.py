# SPDX-License-Identifier: GPL-3.0-or-later
"""Last resort: a child that can't notice the end of its worker, because it is suspended, ends with it all the same."""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def end_with_worker() -> None:
    """Lets the system kill this process when the one that started it is gone. Only Linux does such a thing; elsewhere
    a suspended child ends as soon as somebody lets it go on."""
    if not sys.platform.startswith("linux"):
        return
    worker = os.getppid()
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != worker:  # it was gone before
        os._exit(1)
