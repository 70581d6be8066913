# SPDX-License-Identifier: GPL-3.0-or-later
"""Settlement: how a task ends. It is reported first, and its message settled once the report is confirmed."""

import logging
import time
from collections.abc import Callable
from functools import partial

from ...core.deliveries import Delivery
from ...core.in_flight import Ending, InFlight, Stage
from ...queues.base import TaskQueue
from ..state.journal import Journal
from ..state.status import Record
from ..state.task_logs import TaskLogs
from .circuit_breaker import CircuitBreaker
from .reporter import Reporter

log = logging.getLogger(__name__)


class Settlement:
    """`in_flight`: the tasks in hand; one that is settled is taken off. `idle_since`: when the last one was."""

    def __init__(
        self,
        *,
        in_flight: list[InFlight],
        journal: Journal,
        queue: TaskQueue,
        reporter: Reporter,
        logs: TaskLogs,
        breaker: CircuitBreaker,
        record: Record,
    ) -> None:
        self._in_flight = in_flight
        self._journal = journal
        self._queue = queue
        self._reporter = reporter
        self._logs = logs
        self._breaker = breaker
        self._record = record
        self.idle_since = time.monotonic()

    def refuse(self, delivery: Delivery, reason: str) -> None:
        """For a message that is no task."""
        log.error("a message was rejected: %s", reason)
        self._reporter.report_unreadable(delivery.body, reason, then=partial(self._queue.reject, delivery))

    def finish(self, held: InFlight) -> None:
        """All its frames are where they are to be."""
        if held.stage is Stage.UPLOADING:
            held.timings.passed("upload")
        held.task.has_frames(held.stored, held.uploaded)
        held.task.finished(timings=held.timings.in_json(), device=held.device)
        self._journal.remember_finished(held.task.id, held.task.to_json())
        self._reporter.report("stat", held.task)
        self._breaker.went_well(held.task.job_id)
        took = "" if held.begun is None else f" in {time.monotonic() - held.begun:.2f} s: {held.timings}"
        self._end(held, "finish", Ending.ACK, f"finished{took}")

    def fail(self, held: InFlight, reason: str, *, elsewhere: bool) -> None:
        """Another worker may try, unless one has already: a task never goes round for ever."""
        held.task.failed(reason)
        self._record.failures += 1
        self._logs.failed(held.task.id)
        log.error("%s: failed: %s", held, reason)
        self._reporter.report("error", held.task)
        if elsewhere:
            self._breaker.failed(held.task.job_id)
        if elsewhere and not held.been_round:
            self.give_back(held)
        else:
            self._end(held, "reject", Ending.REJECT, "no worker is to try again")

    def give_back(self, held: InFlight) -> None:
        held.task.given_back()
        self._end(held, "requeue", Ending.REQUEUE, "goes back for another worker")

    def abort(self, held: InFlight) -> None:
        """Nobody wants it any more."""
        held.task.aborted()
        self._end(held, "abort", Ending.ACK, "its job was canceled")

    def report(self, held: InFlight, step: str, words: str, *, then: Callable[[], None] | None = None) -> None:
        log.info("%s: %s", held, words)
        self._reporter.report(step, held.task, then=then)

    def _end(self, held: InFlight, step: str, ending: Ending, words: str) -> None:
        held.stage = Stage.ENDING
        self._breaker.ended(held)
        self.report(held, step, words, then=partial(self._settle, held, ending))

    def _settle(self, held: InFlight, ending: Ending) -> None:
        settle = {
            Ending.ACK: self._queue.ack,
            Ending.REQUEUE: self._queue.requeue,
            Ending.REJECT: self._queue.reject,
        }[ending]
        for delivery in held.deliveries:
            settle(delivery)
        self._in_flight.remove(held)
        self.idle_since = time.monotonic()
        log.info("%s: %s, %.3f s after it was decided", held, ending.value, held.timings.passed("ack"))
