# SPDX-License-Identifier: GPL-3.0-or-later
"""Render: tasks are given to children; what those say; what becomes of an attempt that failed."""

import logging
import math
import sched
import time
from collections import deque
from collections.abc import Sequence

from ...core import retry
from ...core.errors import Remedy
from ...core.frame import frame_name
from ...core.in_flight import InFlight, Stage, TasksInFlight
from ...core.messages import ChildEvent, FrameBegun, FrameWritten, Loaded, Progress, RenderFailed, Revoked, Stopped
from ...system.disks import Disks
from ..blends.blends import Blends
from ..children.dispatcher import Dispatcher
from ..children.pool import Pool
from ..children.process import Died
from ..frames.folders import FrameFolders
from ..frames.storing import FrameStore, NotStored
from ..state.record import Record
from .activity import Activity
from .admission import Admission
from .circuit_breaker import CircuitBreaker
from .fetch import Fetch
from .reporter import Reporter
from .settlement import Settlement

log = logging.getLogger(__name__)

_WARNED = 100  # of the last jobs, so that none is logged twice


class Render:
    def __init__(
        self,
        *,
        in_flight: TasksInFlight,
        activity: Activity,
        folders: FrameFolders,
        admission: Admission,
        blends: Blends,
        disks: Disks,
        pool: Pool,
        dispatcher: Dispatcher,
        store: FrameStore,
        breaker: CircuitBreaker,
        reporter: Reporter,
        settlement: Settlement,
        fetch: Fetch,
        schedule: sched.scheduler,
        record: Record,
    ) -> None:
        self._in_flight = in_flight
        self._activity = activity
        self._folders = folders
        self._admission = admission
        self._blends = blends
        self._disks = disks
        self._pool = pool
        self._dispatcher = dispatcher
        self._store = store
        self._breaker = breaker
        self._reporter = reporter
        self._settlement = settlement
        self._fetch = fetch
        self._schedule = schedule
        self._record = record
        self._warned: deque[tuple[str, str]] = deque(maxlen=_WARNED)

    def dispatch(self) -> None:
        """Gives the children what is ready."""
        if self._activity.level is not None or self._disks.in_doubt:
            return
        self._dispatcher.feed(self._in_flight.at(Stage.READY), self._blends.path, self._folders.tiles_of)
        self._dispatcher.start_ahead(self._in_flight.at(Stage.FETCHING))
        self._dispatcher.even_out()
        self._admission.hold(self._dispatcher.worth_holding)

    def child_says(self, event: ChildEvent) -> None:
        if not self._dispatcher.is_current(event.child):
            return
        self._dispatcher.lives(event.child)
        match event:
            case Loaded(keep_not=reason, device=device):
                if reason:
                    log.info("Blender is started anew for each task of this job: %s", reason)
                if device:
                    log.info("Cycles renders on %s", device)
                    self._record.device = device
                self._dispatcher.loaded(event.child, keep=not reason, device=device)
            case FrameBegun():
                self._frame_begun(event)
            case Progress(attempt=attempt, part=part, doing=doing):
                held = self._dispatcher.task_of(event.child, attempt)
                if held is not None:
                    self._record.frame_is_at(held, part, doing)
            case FrameWritten():
                self._frame_written(event)
            case RenderFailed(attempt=attempt, reason=reason, scene=scene):
                failed = self._end_child(event.child, attempt)
                self.attempt_failed(failed, reason, Remedy.NONE if scene else Remedy.RETRY)
            case Revoked(attempt=attempt):
                self._revoked(event.child, attempt)
            case Stopped():
                self._end_child(event.child)

    def child_died(self, event: Died) -> None:
        if self._dispatcher.is_current(event.child):
            held = self._end_child(event.child)
            log.log(logging.INFO if held is None and event.started else logging.WARNING, "%s", event.reason)
            self.attempt_failed(held, event.reason, Remedy.RETRY)
        self._pool.bury(event.child)

    def attempt_failed(self, held: InFlight | None, reason: str, remedy: Remedy) -> None:
        """Tries a task, if there is one, once more in a fresh child, if that is a `remedy`; else it has failed. While a
        disk can't be written no task is to blame. The blend may be: it is looked for once more."""
        if held is None or held.stage is Stage.ENDING:
            return
        held.failures += 1
        self._disks.doubt()
        if self._activity.level is not None or self._disks.trouble:
            self._settlement.give_back(held)
        elif retry.RENDERS.again_in(remedy, held.failures) is not None:
            log.warning("%s: %s; trying once more", held, reason)
            self._blends.doubt(held.task.job_id)
            self._fetch.fetch(held)
        else:
            self._settlement.fail(held, reason, remedy)

    def child_is_stuck(self, child: int, words: str) -> None:
        self.attempt_failed(self._end_child(child), words, Remedy.RETRY)

    def not_stored(self, event: NotStored) -> None:
        """A frame of this attempt is no picture, or can't be stored. Counts once, however many of its frames are."""
        held = event.held
        if event.attempt != held.attempt or held.stage not in (Stage.GIVEN, Stage.STORING):
            return
        if held.stage is Stage.GIVEN:
            self._end_child(event.child, event.attempt)
        else:
            self._dispatcher.replace(event.child, held)
        self.attempt_failed(held, str(event.error), event.error.remedy)

    def take_back(self, held: InFlight) -> None:
        """Ends the child that has the task."""
        child = self._dispatcher.child_of(held)
        if child is not None:
            self._end_child(child)

    def take_all_back(self) -> None:
        """Ends all children; what they had is no longer given to anyone."""
        for held in self._dispatcher.end_all():
            held.stage = Stage.READY

    def hand_on(self, held: InFlight) -> None:
        """Gives back what this worker would begin much later than another."""
        if held.deliveries:
            self._admission.lost_one()
        self._settlement.give_back(held)

    def _frame_begun(self, event: FrameBegun) -> None:
        held = self._dispatcher.began(event.child, event.attempt)
        if held is not None:
            self._breaker.task_begins(held)
            held.started_at = time.monotonic()
            held.timings.passed("queue")
            held.task.started()
            self._reporter.step(held, "start", "rendering")
        held = self._dispatcher.task_of(event.child, event.attempt)
        if held is not None:
            self._record.frame_begun(held, event.frame)
        wait = self._dispatcher.next_wanted_in(event.child)
        if 0 < wait < math.inf:  # the next task is asked for shortly before a long one is over
            self._schedule.enter(wait, 1, self.dispatch)

    def _frame_written(self, event: FrameWritten) -> None:
        found = self._dispatcher.frame_written(event)
        if found is None:
            return
        held, rendered = found
        held.timings.rendered(event.spent)
        self._warn(held, event.warnings)
        target = self._folders.of(held.task) / frame_name(event.frame, held.task.image_format)
        self._store.store(held, event, rendered=rendered, target=target)
        if held.stage is Stage.STORING and self._activity.level is not None:
            self._end_child(event.child)

    def _warn(self, held: InFlight, warnings: Sequence[str]) -> None:
        """The log has it once of each job: it is most often the same of all its frames."""
        held.warnings.update(dict.fromkeys(warnings))
        for words in warnings:
            if (held.task.job_id, words) not in self._warned:
                log.warning("%s: Blender warns: %s", held, words)
                self._warned.append((held.task.job_id, words))

    def _revoked(self, child: int, attempt: int) -> None:
        held, moving = self._dispatcher.revoked(child, attempt)
        if held is not None and (moving or self._activity.level is not None):
            held.stage = Stage.READY
        elif held is not None:
            self.hand_on(held)

    def _end_child(self, child: int, at: int | None = None) -> InFlight | None:
        """Ends a child; gives the task it was at. That and the others it held are no longer given to anyone."""
        held, others = self._dispatcher.end_child(child, at)
        for task in [*([held] if held else []), *others]:
            task.stage = Stage.READY
        return held
