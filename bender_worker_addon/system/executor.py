# SPDX-License-Identifier: GPL-3.0-or-later
"""Executor: slow work beside the worker's thread. Each piece of work gives one event, which goes into the inbox."""

import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

from .threads import Thread


class Executor:
    """Threads that take work in the order it came, started as they are needed."""

    def __init__(self, name: str, *, inbox: SimpleQueue[Any], threads: int = 1) -> None:
        self._inbox = inbox
        self._work: SimpleQueue[Callable[[], object] | None] = SimpleQueue()
        self._name = name
        self._most = threads
        self._threads: list[Thread] = []
        self._unfinished = 0
        self._lock = threading.Lock()

    def submit(self, work: Callable[[], object]) -> None:
        """Runs `work` soon; what it returns is put into the inbox, unless None. It must turn its own errors into
        events."""
        with self._lock:
            self._unfinished += 1
            if len(self._threads) < min(self._unfinished, self._most):
                self._threads.append(Thread(self._run, name=self._name, inbox=self._inbox))
                self._threads[-1].start()
        self._work.put(work)

    def close(self, *, timeout: float) -> None:
        """Lets work already submitted end, for at most `timeout` seconds a thread."""
        for _ in self._threads:
            self._work.put(None)
        for thread in self._threads:
            thread.join(timeout)

    def _run(self) -> None:
        while (work := self._work.get()) is not None:
            event = work()
            with self._lock:
                self._unfinished -= 1
            if event is not None:
                self._inbox.put(event)
