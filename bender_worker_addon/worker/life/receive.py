# SPDX-License-Identifier: GPL-3.0-or-later
"""Receive: the first steps of a task: taken from the queue, worked out where its blend and frames are here, and whether
it is to be begun at all."""

import logging
import sched

from ...core.deliveries import Delivery
from ...core.errors import Remedy, TaskRefused
from ...core.frame import in_words
from ...core.in_flight import InFlight, Stage, TasksInFlight
from ...core.task import Task
from ...queues.base import TaskQueue
from ..blends.blends import Blends
from ..frames.folders import FrameFolders
from ..frames.storing import FrameStore, Proven
from ..state.journal import Journal
from .admission import Admission
from .circuit_breaker import CircuitBreaker
from .fetch import Fetch
from .reporter import Reporter
from .settlement import Settlement

log = logging.getLogger(__name__)

_AVOIDED_FOR = 10.0  # seconds a task that is left to others is held back
_AVOIDED_AT_ONCE = 200  # such tasks that make room for others


class Receive:
    def __init__(
        self,
        *,
        in_flight: TasksInFlight,
        folders: FrameFolders,
        queue: TaskQueue,
        admission: Admission,
        blends: Blends,
        journal: Journal,
        store: FrameStore,
        breaker: CircuitBreaker,
        reporter: Reporter,
        settlement: Settlement,
        fetch: Fetch,
        schedule: sched.scheduler,
    ) -> None:
        self._in_flight = in_flight
        self._folders = folders
        self._queue = queue
        self._admission = admission
        self._blends = blends
        self._journal = journal
        self._store = store
        self._breaker = breaker
        self._reporter = reporter
        self._settlement = settlement
        self._fetch = fetch
        self._schedule = schedule
        self._told: set[str] = set()  # jobs that are left to others

    def receive(self, delivery: Delivery) -> None:
        try:
            task = Task.from_json(delivery.body)
        except TaskRefused as refusal:
            self._refuse(delivery, str(refusal))
            return
        duplicate = self._in_flight.duplicate_of(task)
        if duplicate is not None:
            self._adopt(duplicate, delivery)
        elif self._admission.is_open:
            self._take(InFlight(task, [delivery], redelivered=delivery.redelivered))
        else:
            self._queue.requeue(delivery)

    def job_is_known(self, job_id: str) -> None:
        """There is an answer about the status of a job that had been canceled, and is not any more."""
        for held in self._in_flight.of_job(job_id):
            if held.stage is Stage.CANCELED:
                self._construct(held)

    def proven(self, event: Proven) -> bool:
        """Whether a task that was rendered here before needs no more than that; else it is rendered again."""
        held = event.held
        if held.stage is not Stage.PROVING or not self._in_flight.has(held):
            return False
        if not event.unchanged:
            self._begin(held)
            return False
        log.info("%s: was rendered here before and its frames are as they were", held)
        held.stored = {frame.number: frame for frame in event.frames}
        held.uploaded = set(event.uploaded)
        return True

    def _refuse(self, delivery: Delivery, reason: str) -> None:
        if not self._admission.is_open:
            self._queue.requeue(delivery)
            return
        self._admission.took_one()
        self._settlement.refuse(delivery, reason)

    def _adopt(self, held: InFlight, delivery: Delivery) -> None:
        """Its message came again, as it does with a new connection, or was sent twice: it will be settled with it. That
        holds while the worker stops or pauses, too: the task is in hand."""
        log.info("%s: came again, it is in hand", held)
        if not held.deliveries:
            self._admission.took_one()
        held.deliveries.append(delivery)
        if held.aside:
            self._queue.set_aside(delivery)

    def _take(self, held: InFlight) -> None:
        task = held.task
        self._in_flight.add(held)
        self._admission.took_one()
        task.queued()
        named = task.job_name != task.job_id
        job = f"{task.job_name} (job {task.job_id})" if named else f"job {task.job_id}"
        words = f"received: {in_words(task.frames)} of {job}, {task.image_format}"
        self._reporter.step(held, "receive", words)
        self._blends.ask_about(task.job_id)
        if self._blends.is_canceled(task.job_id):
            held.stage = Stage.CANCELED
        else:
            self._construct(held)

    def _construct(self, held: InFlight) -> None:
        task = held.task
        self._fetch.fill_in(task)
        self._reporter.step(held, "construct", "constructed")
        if self._journal.knows(task.id):
            held.stage = Stage.PROVING
            self._store.prove(held, self._folders.of(task))
        else:
            self._begin(held)

    def _begin(self, held: InFlight) -> None:
        """It is rendered here, if nothing speaks against it."""
        if reason := self._breaker.why_hopeless(held):
            self._settlement.fail(held, reason, Remedy.ELSEWHERE)
        elif reason := self._breaker.why_stopped(held.task.job_id):
            self._settlement.fail(held, reason, Remedy.NONE)
        elif self._breaker.is_open_for(held.task.job_id):
            self._avoid(held)
        else:
            self._fetch.fetch(held)

    def _avoid(self, held: InFlight) -> None:
        """Leaves a task to others, not at once, or it would come straight back; meanwhile tasks of other jobs come."""
        self._queue.look_for_others()
        if len(self._in_flight.at(Stage.AVOIDED)) < _AVOIDED_AT_ONCE:
            self._admission.set_aside(held)
        held.stage = Stage.AVOIDED
        level = logging.DEBUG if held.task.job_id in self._told else logging.WARNING
        log.log(level, "job %s: failed here several times in a row, others are to try", held.task.job_id)
        self._told.add(held.task.job_id)
        self._schedule.enter(_AVOIDED_FOR, 1, self._leave_to_others, (held,))

    def _leave_to_others(self, held: InFlight) -> None:
        if held.stage is not Stage.AVOIDED or not self._in_flight.has(held):
            return
        if reason := self._breaker.why_stopped(held.task.job_id):
            self._settlement.fail(held, reason, Remedy.NONE)
        elif self._breaker.alone:
            self._fetch.fetch(held)
        else:
            self._settlement.give_back(held)
