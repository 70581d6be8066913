# SPDX-License-Identifier: GPL-3.0-or-later
"""Orders: what the farm's server asks of this worker is done as if it was asked here; whatever else comes that way does
nothing."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from queue import SimpleQueue
from typing import Any

from ..core import orders
from ..core.deliveries import Ordered
from ..core.orders import LIVES, Inspector, Order, Unsound
from .life.activity import Activity, Asker, Pause, Stop
from .life.reporter import Reporter
from .state.task_logs import TaskLogs

log = logging.getLogger(__name__)

_LOG = 1 << 16  # bytes of a task's log that are told


@dataclass(frozen=True, slots=True)
class LogRead:
    """The end of the log of a task; empty if there is none."""

    job: str
    task: str
    text: str


class Orders:
    """`beside(work)` runs work beside the worker's thread."""

    def __init__(
        self,
        inspector: Inspector,
        *,
        activity: Activity,
        reporter: Reporter,
        logs: TaskLogs,
        beside: Callable[[Callable[[], None]], None],
        inbox: SimpleQueue[Any],
    ) -> None:
        self._inspector = inspector
        self._activity = activity
        self._reporter = reporter
        self._logs = logs
        self._beside = beside
        self._inbox = inbox
        self._told = False  # that something came which is no order

    def carry_out(self, event: Ordered) -> Stop | None:
        """Gives when the worker is to stop, if that was asked."""
        try:
            order = self._inspector.order(event.body)
        except Unsound as reason:
            level = logging.DEBUG if self._told else logging.WARNING
            log.log(level, "something came to this worker as an order of its farm and is ignored: %s", reason)
            self._told = True
            return None
        if time.monotonic() - event.at > LIVES:
            log.info("the farm asked to %s, but that was too long ago", order.do)
            return None
        return self._do(order)

    def log_was_read(self, event: LogRead) -> None:
        self._reporter.tell("log", {"job": event.job, "task": event.task, "text": event.text})

    def _do(self, order: Order) -> Stop | None:
        farm = f"the farm ({order.by})" if order.by else "the farm"
        if order.do != orders.LOG:
            log.info("%s asks this worker to %s", farm, order.do)
        match order.do:
            case orders.PAUSE:
                self._activity.pause(Pause.FINISH, f"by {farm}", Asker.FARM)
            case orders.RESUME:
                self._activity.resume(Asker.FARM)
            case orders.STOP:
                return Stop.AFTER_TASK
            case orders.STOP_NOW:
                return Stop.NOW
            case orders.LOG:
                self._beside(partial(self._read_log, order))
        return None

    def _read_log(self, order: Order) -> None:
        self._inbox.put(LogRead(order.job, order.task, self._logs.end_of(order.task, _LOG)))
