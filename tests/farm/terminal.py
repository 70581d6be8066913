# SPDX-License-Identifier: GPL-3.0-or-later
"""A program in a terminal, and somebody who reads it and types. Knows nothing of a farm."""

import os
import select
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

from tests.farm.process import DEADLINE


class Terminal:
    """Runs a program from `with` to its end; all that it shows, what is typed included, is its `text`."""

    def __init__(self, command: Sequence[str | Path], *, env: Mapping[str, str]) -> None:
        self.text = ""
        self._seen = 0
        self._terminal, end = os.openpty()
        in_it = ["setsid", "--ctty", *(str(word) for word in command)]
        self._process = subprocess.Popen(in_it, env=env, stdin=end, stdout=end, stderr=end)
        os.close(end)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._terminal)
        self._process.kill()
        self._process.wait()

    def answer(self, question: str, words: str) -> None:
        """Waits for the question, below all that was answered before, and types."""
        deadline = time.monotonic() + DEADLINE
        while question not in self.text[self._seen :]:
            assert time.monotonic() < deadline, f"{question!r} was not asked:\n{self.text}"
            assert self._read(deadline), f"it ended without asking {question!r}:\n{self.text}"
        self._seen = self.text.index(question, self._seen) + len(question)
        os.write(self._terminal, words.encode() + b"\n")

    def wait(self) -> int:
        """Its exit code, once it has ended."""
        deadline = time.monotonic() + DEADLINE
        while self._read(deadline):
            assert time.monotonic() < deadline, f"it did not end:\n{self.text}"
        return self._process.wait(DEADLINE)

    def _read(self, deadline: float) -> bool:
        if not select.select([self._terminal], [], [], max(0.0, deadline - time.monotonic()))[0]:
            return True
        try:
            piece = os.read(self._terminal, 4096)
        except OSError:  # so a terminal tells that nobody uses it any more
            return False
        self.text += piece.decode("utf-8", "replace")
        return bool(piece)
