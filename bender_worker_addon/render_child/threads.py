# SPDX-License-Identifier: GPL-3.0-or-later
"""Threads of a child. Nobody would miss one that is gone, and its work would be waited for in vain: so one that fails
ends the child, and what is wrong are its last words."""

import os
import sys
import threading
import traceback
from collections.abc import Callable

_FAILED = 70  # exit code: an error in the program itself


def start(target: Callable[[], None], *, name: str) -> threading.Thread:
    def run() -> None:
        try:
            target()
        except Exception:  # noqa: BLE001  the worker tells it
            traceback.print_exc()
            sys.stderr.flush()
            os._exit(_FAILED)

    thread = threading.Thread(target=run, name=name, daemon=True)
    thread.start()
    return thread
