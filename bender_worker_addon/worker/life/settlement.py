# SPDX-License-Identifier: GPL-3.0-or-later
"""Settlement: how a task ends. It is reported first, and its message settled once the report is confirmed."""

import logging
import time
from functools import partial

from ...core.deliveries import Delivery
from ...core.errors import Remedy
from ...core.in_flight import InFlight, Outcome, Stage, TasksInFlight
from ...queues.base import TaskQueue
from ..state.journal import Journal
from ..state.record import Record
from ..state.task_logs import TaskLogs
from .admission import Admission
from .circuit_breaker import CircuitBreaker
from .reporter import Reporter

log = logging.getLogger(__name__)


class Settlement:
    """A task that is settled is taken off `in_flight`. `idle_since`: when the last one was."""

    def __init__(
        self,
        *,
        in_flight: TasksInFlight,
        journal: Journal,
        queue: TaskQueue,
        admission: Admission,
        reporter: Reporter,
        logs: TaskLogs,
        breaker: CircuitBreaker,
        record: Record,
        blender: str = "",
    ) -> None:
        """`blender`: the version of that which renders."""
        self._in_flight = in_flight
        self._journal = journal
        self._queue = queue
        self._admission = admission
        self._reporter = reporter
        self._logs = logs
        self._breaker = breaker
        self._record = record
        self._blender = blender
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
        told = {"timings": held.timings.in_json(), "device": held.device, "blender": self._blender}
        kind = self._record.kind if held.task.region is not None else ""
        held.task.finished(**told, kind=kind, warnings=held.warnings)
        self._journal.remember_finished(held.task.id, held.task.to_json())
        self._reporter.report("stat", held.task)
        was_failing = held.task.job_id in self._breaker.failing
        self._breaker.job_succeeded(held.task.job_id)
        if was_failing:
            self._queue.put_last(self._breaker.failing)
        took = "" if held.started_at is None else f" in {time.monotonic() - held.started_at:.2f} s: {held.timings}"
        self._end(held, "finish", Outcome.ACK, f"finished{took}")

    def fail(self, held: InFlight, reason: str, remedy: Remedy) -> None:
        """Another worker may try if that is a `remedy`, unless one has already: a task never goes round for ever."""
        held.task.failed(reason, timings=held.timings.in_json(), device=held.device, output=held.output)
        self._record.failures += 1
        self._logs.failed(held.task.id)
        log.error("%s: failed: %s", held, reason)
        self._reporter.report("error", held.task)
        held.task.output_told()
        elsewhere = remedy is not Remedy.NONE
        if elsewhere:
            self._breaker.job_failed(held.task.job_id, reason, frames=len(held.task.frames))
            self._queue.put_last(self._breaker.failing)
            self._queue.look_for_others()
        if elsewhere and not held.redelivered and not self._breaker.here_only:
            self.give_back(held)
        else:
            self._end(held, "reject", Outcome.REJECT, "no worker is to try again")

    def give_back(self, held: InFlight) -> None:
        held.task.given_back()
        self._end(held, "requeue", Outcome.REQUEUE, "goes back for another worker")

    def abort(self, held: InFlight) -> None:
        """Nobody wants it any more."""
        held.task.aborted()
        self._end(held, "abort", Outcome.ACK, "its job was canceled")

    def _end(self, held: InFlight, step: str, outcome: Outcome, words: str) -> None:
        held.stage = Stage.ENDING
        self._breaker.task_ended(held)
        self._reporter.step(held, step, words, then=partial(self._settle, held, outcome))

    def _settle(self, held: InFlight, outcome: Outcome) -> None:
        self._in_flight.remove(held)
        self._admission.tell()
        settle = {
            Outcome.ACK: self._queue.ack,
            Outcome.REQUEUE: self._queue.requeue,
            Outcome.REJECT: self._queue.reject,
        }[outcome]
        for delivery in held.deliveries:
            settle(delivery)
        self.idle_since = time.monotonic()
        log.info("%s: %s, %.3f s after it was decided", held, outcome.value, held.timings.passed("ack"))
