# SPDX-License-Identifier: GPL-3.0-or-later
"""Executor: slow work beside the worker's thread. Each piece of work gives one event, which goes into the inbox; also
when a disk or the network failed it."""

import logging
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

from .threads import Thread

log = logging.getLogger(__name__)

_Work = Callable[[], object]
_Failed = Callable[[OSError], object]


class Executor:
    """Threads that take work in the order it came, started as they are needed."""

    def __init__(self, name: str, *, inbox: SimpleQueue[Any], threads: int = 1) -> None:
        self._inbox = inbox
        self._work: SimpleQueue[tuple[_Work, _Failed] | None] = SimpleQueue()
        self._name = name
        self._most = threads
        self._threads: list[Thread] = []
        self._unfinished = 0
        self._lock = threading.Lock()

    def submit(self, work: _Work, *, failed: _Failed) -> None:
        """Runs `work` soon and puts what it returns into the inbox; if it raises an OSError, what `failed` makes of
        that. Of an event that is None nobody hears."""
        with self._lock:
            self._unfinished += 1
            if len(self._threads) < min(self._unfinished, self._most):
                self._threads.append(Thread(self._run, name=self._name, inbox=self._inbox))
                self._threads[-1].start()
        self._work.put((work, failed))

    def do(self, work: Callable[[], None]) -> None:
        """Runs work soon that nobody waits for. An OSError is logged."""
        self.submit(work, failed=_told)

    def close(self, *, timeout: float) -> None:
        """Lets work already submitted end, for at most `timeout` seconds a thread."""
        for _ in self._threads:
            self._work.put(None)
        for thread in self._threads:
            thread.join(timeout)

    def _run(self) -> None:
        while (next_one := self._work.get()) is not None:
            work, failed = next_one
            try:
                event = work()
            except OSError as error:
                event = failed(error)
            with self._lock:
                self._unfinished -= 1
            if event is not None:
                self._inbox.put(event)


def _told(error: OSError) -> None:
    log.warning("%s", error)
