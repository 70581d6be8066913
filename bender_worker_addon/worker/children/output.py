# SPDX-License-Identifier: GPL-3.0-or-later
"""Output: what a child prints. All of it is taken, always, so that a full pipe never stops it; the first of it is kept
in log files, the last of it in mind."""

import codecs
import logging
import os
import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import IO

from ...core.messages import LONGEST
from ...system.printed import readable
from .complaints import Complaints

log = logging.getLogger(__name__)

_REASON = re.compile(
    r"(?:error|exception|fatal|abort\w*|assert\w*|segmentation fault|out of memory|bad_alloc|cannot allocate memory)\b"
    r"|terminate called|what\(\):|error raised|illegal instruction",
    re.IGNORECASE,
)

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
        self._complaints = Complaints()
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._news = threading.Condition()
        self._hurry = threading.Event()

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
                with self._news:
                    self._last_words = (self._last_words + piece)[-_LAST_WORDS:]
                    self._complaints.take(self._decoder.decode(piece))
                    self._news.notify_all()
                self._keep(piece)
                if len(piece) < _MUCH:
                    self._hurry.wait(_LEISURE)
                    self._hurry.clear()
        self._change_to(None)

    def catch_up(self, words: str) -> None:
        """Waits until these words have come, which the child printed before it said something; not for ever."""
        self._await(lambda: words.encode() in self._last_words)

    def warnings_of(self, attempt: int, frame: int) -> tuple[str, ...]:
        """What Blender warned of while it opened the blend and rendered this frame, which the child says is done."""
        self._await(lambda: self._complaints.has(attempt, frame))
        with self._news:
            return self._complaints.of(attempt, frame)

    def _await(self, has_come: Callable[[], bool]) -> None:
        self._hurry.set()
        with self._news:
            self._news.wait_for(has_come, timeout=_CATCH_UP)

    def last_words(self) -> str:
        """Whole lines, the last there is room for, and before them the one that gives the reason, if that was said
        earlier: a traceback or the backtrace of a crash may follow it."""
        lines, told, room = self._lines(), list[str](), _TOLD
        while lines and (room := room - len(lines[-1])) >= 0:
            told.insert(0, lines.pop())
        if not any(map(_REASON.search, told)) and (reasons := list(filter(_REASON.search, lines))):
            told.insert(0, f"{reasons[-1][:_TOLD]} | …")
        return " | ".join(told)

    def last_lines(self) -> str:
        """The last forty lines, for people."""
        text = "\n".join(self._lines()[-_LINES:]).encode("utf-8", "replace")
        kept = text[-_BYTES:].decode("utf-8", "ignore")
        return kept if len(text) <= _BYTES else kept.partition("\n")[2]

    def _lines(self) -> list[str]:
        """Without one of which the beginning is no longer kept."""
        kept = self._last_words
        return readable(kept if len(kept) < _LAST_WORDS else kept.partition(b"\n")[2] or kept)

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
