# SPDX-License-Identifier: GPL-3.0-or-later
"""Connection: whether the worker has a session with the queue its tasks come from, and what is done as that changes."""

import logging
import time

from ..core.deliveries import Connected, Disconnected
from ..core.told import told
from ..queues.base import TaskQueue
from .life.interrupt import Interrupt
from .life.reporter import Reporter
from .life.settlement import Settlement

log = logging.getLogger(__name__)


class Connection:
    """`online`: there is a session. `trouble`: why there is none, and when it is tried again; "" before the first."""

    def __init__(self, *, queue: TaskQueue, reporter: Reporter, settlement: Settlement, interrupt: Interrupt) -> None:
        self._queue = queue
        self._reporter = reporter
        self._settlement = settlement
        self._interrupt = interrupt
        self.online = False
        self._reason = ""
        self._retry_at = 0.0
        self._told = ""  # a trouble that lasts is told once

    @property
    def trouble(self) -> str:
        if self.online or not self._reason:
            return ""
        return f"{self._reason}; retry in {max(0.0, self._retry_at - time.monotonic()):.0f} s"

    def handle(self, event: Connected | Disconnected) -> None:
        match event:
            case Connected(session):
                self._came(session)
            case Disconnected(reason, retry_in):
                self._went(reason, retry_in)

    def proved_itself(self) -> None:
        """A report got through: a trouble that comes now is a new one, even in the same words."""
        self._told = ""

    def _came(self, session: int) -> None:
        log.info("connected to %s", self._queue.name, extra=told(f"Connected to {self._queue.name}"))
        self.online = True
        self._settlement.idle_since = time.monotonic()
        self._reporter.connected(session)

    def _went(self, reason: str, retry_in: float) -> None:
        level = logging.DEBUG if reason == self._told else logging.WARNING
        log.log(level, "no connection to %s: %s; trying again in %.0f s", self._queue.name, reason, retry_in)
        self.online = False
        self._told = self._reason = reason
        self._retry_at = time.monotonic() + retry_in
        self._reporter.disconnected()
        self._interrupt.lost_connection()
