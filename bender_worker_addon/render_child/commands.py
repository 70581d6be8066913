# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands: what a child still has to do. Filled by the thread that listens, taken by the one that renders."""

import threading
from collections import deque
from collections.abc import Callable
from typing import Any


class Commands:
    """Commands in the order they came, until `stop` or until `end` and none is left. `stopping`: no other frame is to
    be begun."""

    def __init__(self) -> None:
        self.stopping = False
        self._waiting: deque[dict[str, Any]] = deque()
        self._ending = False
        self._news = threading.Condition()

    def add(self, command: dict[str, Any]) -> None:
        with self._news:
            self._waiting.append(command)
            self._news.notify()

    def revoke(self, attempt: int) -> bool:
        """Takes a command back; gives whether that could be done: what is begun is not to be found here any more."""
        with self._news:
            found = [command for command in self._waiting if command["attempt"] == attempt]
            for command in found:
                self._waiting.remove(command)
            return bool(found)

    def stop(self) -> None:
        with self._news:
            self.stopping = True
            self._news.notify()

    def end(self) -> None:
        with self._news:
            self._ending = True
            self._news.notify()

    def next(self, *, before_waiting: Callable[[], None]) -> dict[str, Any] | None:
        """Waits for a command, if there is none, and takes it; None if there will be no other."""
        with self._news:
            if not self._waiting:
                before_waiting()
            self._news.wait_for(lambda: self._waiting or self._ending or self.stopping)
            return self._waiting.popleft() if self._waiting and not self.stopping else None
