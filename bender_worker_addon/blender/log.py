# SPDX-License-Identifier: GPL-3.0-or-later
"""The worker's log: plain lines with a time, on stderr or in a file. What a message holds never breaks a line."""

import copy
import logging
import logging.handlers
import re
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue

from .. import __package__ as base_package
from ..core.frame import in_words
from ..core.in_flight import InFlight
from ..core.told import TOLD

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_ID = re.compile(r"\b[0-9a-f]{32}\b")
_BESIDE_NAME = re.compile(r" \(job [A-Za-z0-9_-]{1,64}\)")
_FORMAT = "{asctime} {levelname:7} {message}"
_SIZE, _FILES = 1 << 20, 3  # bytes of one log file, and how many older ones are kept
_NUMBER = re.compile(r"[0-9a-f]{32}|\d+")
_LET_THROUGH = "is_let_through"  # of a record
_MINUTE = 60.0  # seconds
_SAME, _ALIKE = 5, 60  # times in it that a line is written, and one of a trouble that differs in numbers only
_PATIENCE = 1.0  # seconds in which the last lines should be written


class EventLog(logging.Handler):
    """Keeps the last five lines for people, newest first: what they are to be told, and what has gone wrong, with
    tasks by the names of their jobs."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.setFormatter(_ShortLine("{asctime} {message}", datefmt="%H:%M", style="{"))
        self.lines: deque[str] = deque(maxlen=5)

    def emit(self, record: logging.LogRecord) -> None:
        words = record.__dict__.get(TOLD)
        if words is None and record.levelno < logging.WARNING:
            return
        shown = copy.copy(record)
        if words is not None:
            shown.msg, shown.args = "%s", (words,)
        elif isinstance(record.args, tuple):
            shown.args = tuple(map(_named, record.args))
        self.lines.appendleft(self.format(shown))


def _named(thing: object) -> object:
    return f"{thing.task.job_name}, {in_words(thing.task.frames)}" if isinstance(thing, InFlight) else thing


class _Line(logging.Formatter):
    def formatMessage(self, record: logging.LogRecord) -> str:
        return _CONTROL.sub(lambda found: repr(found.group())[1:-1], super().formatMessage(record))


class _ShortLine(_Line):
    def formatMessage(self, record: logging.LogRecord) -> str:
        line = _BESIDE_NAME.sub("", super().formatMessage(record))
        return _ID.sub(lambda found: short_id(found.group()), line)


class _File(logging.handlers.RotatingFileHandler):
    """A file that is kept small: full, it becomes `worker.log.1` and a new one is begun. On a full disk nothing more is
    written, and nothing said of it: the worker has told that the disk is full. While another program has it open, which
    on Windows keeps it from being renamed, it grows."""

    def doRollover(self) -> None:
        if self.stream is not None:
            self.stream.close()
        try:
            Path(self.baseFilename).replace(self.baseFilename)  # nothing is moved before all can be
            super().doRollover()
        except OSError:
            self.stream = self._open()

    def handleError(self, record: logging.LogRecord) -> None:
        if not isinstance(sys.exception(), OSError):
            super().handleError(record)


class _Bounded(logging.Filter):
    """Keeps a flood out of the log, whatever it is of: the same line is written a few times a minute at most, and so
    are troubles that differ in numbers and ids alone. What was left out is counted and told. One for all handlers."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._over_at = 0.0
        self._seen: Counter[str] = Counter()
        self._left_out = 0

    def filter(self, record: logging.LogRecord) -> bool:
        if _LET_THROUGH not in record.__dict__:  # each handler asks anew
            record.__dict__[_LET_THROUGH] = self._is_let_through(record)
        return bool(record.__dict__[_LET_THROUGH])

    def _is_let_through(self, record: logging.LogRecord) -> bool:
        if self._clock() >= self._over_at:
            left_out, self._left_out = self._left_out, 0
            self._over_at = self._clock() + _MINUTE
            self._seen.clear()
            if left_out:
                logging.getLogger(base_package).warning("%d lines that said the same again were left out", left_out)
        text = record.getMessage()
        self._seen[text] += 1
        shape = _NUMBER.sub("#", text) if record.levelno >= logging.WARNING else text
        if shape != text:
            self._seen[shape] += 1
        if self._seen[text] <= _SAME and self._seen[shape] <= _ALIKE:
            return True
        self._left_out += 1
        return False


_bounded = _Bounded()


class _Beside(logging.Handler):
    """Hands lines to `handler` on a thread of its own: who logs never waits for a disk."""

    def __init__(self, handler: logging.Handler) -> None:
        super().__init__(handler.level)
        self._handler = handler
        self._records: SimpleQueue[logging.LogRecord | threading.Event] = SimpleQueue()
        self._closed = False
        self._thread = threading.Thread(target=self._write, name="bender-log", daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        as_it_is_now = copy.copy(record)
        as_it_is_now.msg, as_it_is_now.args = record.getMessage(), None
        self._records.put(as_it_is_now)

    def flush(self) -> None:
        """Waits until all that was logged so far is written, or the disk takes too long."""
        written = threading.Event()
        self._records.put(written)
        written.wait(_PATIENCE)

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self.flush()
            self._handler.close()
        super().close()

    def _write(self) -> None:
        while True:
            match self._records.get():
                case threading.Event() as written:
                    written.set()
                    if self._closed:
                        return
                case record:
                    self._handler.handle(record)


def short_id(text: str) -> str:
    """The beginning of an id, enough for people to tell it from others."""
    return text if len(text) <= 10 else f"{text[:8]}..."


def log_to_stderr(*, verbose: bool) -> None:
    """Sends what the add-on logs to stderr; with `verbose` also what only its makers want to know."""
    handler = logging.StreamHandler()
    handler.setFormatter(_Line(_FORMAT, style="{"))
    _log_to(handler, level=logging.DEBUG if verbose else logging.INFO)


def log_path(folder: Path) -> Path:
    """The log of the worker that keeps its data in `folder`."""
    return folder / "worker.log"


def log_to_file(folder: Path, events: EventLog) -> None:
    """Sends what the add-on logs to its file in `folder` and to `events`."""
    folder.mkdir(parents=True, exist_ok=True)
    _log_to(_file_handler(folder), events, level=logging.INFO)


def log_to_file_too(folder: Path) -> None:
    """From now on sends what is logged to stderr also to its file in `folder`."""
    handler = _file_handler(folder)
    handler.addFilter(_bounded)
    logging.getLogger(base_package).addHandler(handler)


def stop_logging() -> None:
    logger = logging.getLogger(base_package)
    for handler in list(logger.handlers):
        logger.removeHandler(handler)
        handler.close()


def _file_handler(folder: Path) -> logging.Handler:
    handler = _File(log_path(folder), maxBytes=_SIZE, backupCount=_FILES, encoding="utf-8", delay=True)
    handler.setLevel(logging.INFO)
    handler.setFormatter(_Line(_FORMAT, style="{"))
    return _Beside(handler)


def _log_to(*handlers: logging.Handler, level: int) -> None:
    stop_logging()
    logger = logging.getLogger(base_package)
    for handler in handlers:
        handler.addFilter(_bounded)
        logger.addHandler(handler)
    logger.setLevel(level)
    logger.propagate = False
    logging.getLogger("pika").setLevel(logging.CRITICAL)  # it logs tracebacks for what the broker tells in a sentence
