# SPDX-License-Identifier: GPL-3.0-or-later
"""Output: what a child prints. All of it is taken, always, so that a full pipe never stops it; the first of it is kept
in log files, the last of it in mind."""

import logging
import os
import time
from pathlib import Path
from typing import IO

from ...core.messages import LONGEST
from ...system.printed import readable

log = logging.getLogger(__name__)

_LAST_WORDS, _TOLD = 16 << 10, 500  # bytes kept in mind, characters of them told when a child dies
_LINES, _BYTES = 40, 8192  # told of a failed task: the last lines, bytes of all
_CATCH_UP = 1.0  # seconds, at most, until what was printed has been taken
_LEISURE, _MUCH = 0.02, 16 << 10  # seconds until it is looked at again, unless it was so many bytes
_LOG = 32 << 20  # bytes kept a log file


class Output:
    """`log_file`, which may be changed at any time, is where it goes now."""

    def __init__(self, log_file: Path) -> None:
        self.log_file = log_file
        self._log_files: dict[int, Path] = {}  # of attempts that are not begun
        self._open_file: IO[bytes] | None = None
        self._opened: Path | None = None
        self._room = 0
        self._last_words = b""

    def expect(self, attempt: int, log_file: Path) -> None:
        """Once the attempt has begun, what is printed goes there."""
        self._log_files[attempt] = log_file

    def begun(self, attempt: int) -> None:
        self.log_file = self._log_files.pop(attempt, self.log_file)

    def revoked(self, attempt: int) -> None:
        self._log_files.pop(attempt, None)

    def drain(self, pipe: IO[bytes]) -> None:
        """Takes all until the pipe ends. Not line by line: of a short frame Blender prints forty, and to wake up for
        each made the frame half as long again."""
        with pipe:
            while piece := os.read(pipe.fileno(), LONGEST):
                self._last_words = (self._last_words + piece)[-_LAST_WORDS:]
                self._keep(piece)
                if len(piece) < _MUCH:
                    time.sleep(_LEISURE)
        self._change_to(None)

    def catch_up(self, words: str) -> None:
        """Waits until these words have come, which the child printed before it said something; not for ever."""
        deadline = time.monotonic() + _CATCH_UP
        while words.encode() not in self._last_words and time.monotonic() < deadline:
            time.sleep(_LEISURE / 4)

    def last_words(self) -> str:
        return " | ".join(readable(self._last_words))[-_TOLD:]

    def last_lines(self) -> str:
        """The last forty lines, for people."""
        text = "\n".join(readable(self._last_words)[-_LINES:]).encode("utf-8", "replace")
        kept = text[-_BYTES:].decode("utf-8", "ignore")
        return kept if len(text) <= _BYTES else kept.partition("\n")[2]

    def _keep(self, piece: bytes) -> None:
        if self._opened != self.log_file:
            self._change_to(self.log_file)
        if self._open_file is not None and self._room > 0:
            self._room -= len(piece)
            try:
                self._open_file.write(piece)
            except OSError as error:
                self._lose(error)

    def _change_to(self, log_file: Path | None) -> None:
        self._room, self._opened = _LOG, log_file
        try:
            if self._open_file is not None:
                self._open_file.close()
            self._open_file = None
            if log_file is not None:
                log_file.parent.mkdir(parents=True, exist_ok=True)
                self._open_file = log_file.open("ab", buffering=0)
        except OSError as error:
            self._lose(error)

    def _lose(self, error: OSError) -> None:
        log.warning("what Blender prints can't be kept in %s: %s", self._opened, error.strerror)
        self._room = 0
