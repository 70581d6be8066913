# SPDX-License-Identifier: GPL-3.0-or-later
"""Threads beside the worker's own. What nobody foresaw in one of them ends the worker, and so gives back what it holds:
a thread that is merely gone would be missed by nobody, and its work waited for in vain."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any


@dataclass(frozen=True, slots=True)
class Crashed:
    error: Exception


class Thread(threading.Thread):
    """A daemon: stuck work never keeps a process alive. Puts Crashed into the inbox if `target` raises."""

    def __init__(self, target: Callable[[], None], *, name: str, inbox: "SimpleQueue[Any]") -> None:
        super().__init__(target=target, name=name, daemon=True)
        self._inbox = inbox

    def run(self) -> None:
        try:
            super().run()
        except Exception as error:  # noqa: BLE001  the worker raises it again
            self._inbox.put(Crashed(error))
