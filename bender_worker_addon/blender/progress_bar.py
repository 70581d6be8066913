# SPDX-License-Identifier: GPL-3.0-or-later
"""ProgressBar: how far a transfer is, in a line of a terminal that is written over; elsewhere it says nothing."""

import sys
import time
from typing import Self

_EVERY = 0.1  # seconds between two looks of it
_WIDTH = 30  # letters
_CLEAR = "\r\033[K"


class ProgressBar:
    """To be called with the bytes that are done and how many there are; it is gone at the end of `with`."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._next = 0.0
        self._is_seen = sys.stderr.isatty()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._is_seen:
            print(_CLEAR, end="", file=sys.stderr, flush=True)

    def __call__(self, done: int, of: int) -> None:
        if not self._is_seen or time.monotonic() < self._next:
            return
        self._next = time.monotonic() + _EVERY
        filled = _WIDTH * done // max(1, of)
        bar = "#" * filled + "-" * (_WIDTH - filled)
        line = f"{self._what[:40]} [{bar}] {done / 1e6:.1f} of {of / 1e6:.1f} MB"
        print(f"{_CLEAR}{line}", end="", file=sys.stderr, flush=True)
