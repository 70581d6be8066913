# SPDX-License-Identifier: GPL-3.0-or-later
"""ProgressBar: how far something is, for people in a line of a terminal that is written over, for a window in lines of
JSON; elsewhere it says nothing."""

import json
import sys
import time
from dataclasses import dataclass
from typing import Any, Self

_EVERY = 0.1  # seconds between two looks of it
_WIDTH = 30  # letters
_CLEAR = "\r\033[K"
_BEGINNING = '{"doing": '


@dataclass(frozen=True, slots=True)
class Progress:
    """What is being done, and how much of it is, 0 to 1."""

    doing: str
    part: float


class ProgressBar:
    """To be called with the bytes that are done and how many there are; it is gone at the end of `with`. `before`: how
    much was done when it begins, 0 to 1."""

    def __init__(self, what: str, *, as_json: bool = False, before: float = 0.0) -> None:
        self._what = what
        self._as_json = as_json
        self._before = before
        self._next = 0.0
        self._is_seen = not as_json and sys.stderr.isatty()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._is_seen:
            print(_CLEAR, end="", file=sys.stderr, flush=True)

    def __call__(self, done: int, of: int) -> None:
        if not (self._is_seen or self._as_json) or time.monotonic() < self._next:
            return
        self._next = time.monotonic() + _EVERY
        if self._as_json:
            tell(Progress(self._what, self._before + (1 - self._before) * done / max(1, of)))
            return
        filled = _WIDTH * done // max(1, of)
        bar = "#" * filled + "-" * (_WIDTH - filled)
        line = f"{self._what[:40]} [{bar}] {done / 1e6:.1f} of {of / 1e6:.1f} MB"
        print(f"{_CLEAR}{line}", end="", file=sys.stderr, flush=True)


def tell(progress: Progress) -> None:
    """Says it in a line of JSON, for `progress_in`."""
    print(json.dumps({"doing": progress.doing, "part": round(progress.part, 3)}), flush=True)


def progress_in(line: str) -> Progress | None:
    """What such a line says; None if it is another."""
    if not line.startswith(_BEGINNING):
        return None
    try:
        found: Any = json.loads(line)
        return Progress(str(found["doing"]), float(found["part"]))
    except (ValueError, KeyError, TypeError):
        return None
