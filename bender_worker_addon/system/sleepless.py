# SPDX-License-Identifier: GPL-3.0-or-later
"""Sleepless: while there is work, Windows and macOS don't put the machine to sleep because nobody touches it. Who sits
before it may do so all the same. On Linux that is a service's, or the desktop's settings'."""

import logging
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress

from .native import function
from .platform import MACOS

log = logging.getLogger(__name__)

_AFTER = 60.0  # seconds without work; between two tasks there is none for a moment
_END = 5.0  # seconds


class Sleepless:
    """For one thread: on Windows it is a thread that the system stays awake for. What was asked for ends with this
    process at the latest, however it ends."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._until = -_AFTER
        self._program: subprocess.Popen[bytes] | None = None
        self.is_held = False

    def look(self, *, at_work: bool) -> None:
        """To be called whenever that may have changed, and now and then. Cheap."""
        now = self._clock()
        if at_work:
            self._until = now + _AFTER
        if self.is_held != (now < self._until):
            self._hold(not self.is_held)

    def close(self) -> None:
        if self.is_held:
            self._hold(False)

    def _hold(self, held: bool) -> None:
        self.is_held = held
        if sys.platform == "win32":
            _set_state(_FROM_NOW_ON | (_SYSTEM_REQUIRED if held else 0))
        elif MACOS:
            self._ask_macos(held)

    def _ask_macos(self, held: bool) -> None:
        """As long as the program `cat` reads from our pipe, which is to our end."""
        if self._program is not None:
            assert self._program.stdin is not None
            self._program.stdin.close()
            with suppress(subprocess.TimeoutExpired):
                self._program.wait(_END)
            self._program = None
        if held and (caffeinate := shutil.which("caffeinate")):
            try:
                self._program = subprocess.Popen(
                    [caffeinate, "-i", "cat"],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    start_new_session=True,  # a Ctrl-C is for the worker
                )
            except OSError as error:
                log.debug("this machine may fall asleep: %s", error)


if sys.platform == "win32":
    from ctypes.wintypes import DWORD

    _FROM_NOW_ON, _SYSTEM_REQUIRED = 0x80000000, 0x00000001
    _set_state = function("kernel32", "SetThreadExecutionState", DWORD, DWORD)
