# SPDX-License-Identifier: GPL-3.0-or-later
"""Console: a program of Windows with a console of its own, in which one may type Ctrl-C."""

import fcntl
import os
import pty
import subprocess
import termios
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Self

PATIENCE = 120.0  # seconds
_CTRL_C = b"\x03"


class Console:
    """From `with` to its end. What the program prints goes into `log`, else what makes up a window would be in it."""

    def __init__(self, command: Sequence[str | Path], log: Path) -> None:
        self._command = command
        self.log = log

    def __enter__(self) -> Self:
        self._ours, theirs = pty.openpty()
        with self.log.open("wb") as output:
            self._process = subprocess.Popen(
                self._command,
                stdin=theirs,
                stdout=output,
                stderr=output,
                start_new_session=True,
                preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
            )
        os.close(theirs)
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        os.close(self._ours)

    def until(self, words: str) -> str:
        """What it has printed, once these words are in it."""
        deadline = time.monotonic() + PATIENCE
        while words not in (printed := self.log.read_text(errors="replace")):
            assert self._process.poll() is None and time.monotonic() < deadline, printed
            time.sleep(0.1)
        return printed

    def ctrl_c(self) -> int:
        """Types it and gives the exit code."""
        os.write(self._ours, _CTRL_C)
        return self._process.wait(PATIENCE)
