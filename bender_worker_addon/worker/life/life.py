# SPDX-License-Identifier: GPL-3.0-or-later
"""Life: the life of a task, one method a step, in the order of a task's life. Waits for nothing, decides everything."""

import logging
import math
import sched
import time
from pathlib import Path
from typing import Any

from ...core.deliveries import Delivered, Delivery
from ...core.errors import FrameError, TaskRefused, WorkerError
from ...core.frame import frame_name, in_words
from ...core.in_flight import InFlight, Stage
from ...core.messages import ChildEvent, FrameBegun, FrameWritten, Loaded, Progress, RenderFailed, Revoked, Stopped
from ...core.task import Task, blender_command
from ...core.transfers import BlendFailed, BlendReady, FrameNotUploaded, FrameUploaded
from ...queues.base import TaskQueue
from ...system.disks import Disks
from ..blends.blends import Blends
from ..children.dispatcher import Dispatcher
from ..children.pool import Pool
from ..children.process import Died
from ..frames.storing import FrameStore, NotStored, Proven, Stored
from ..frames.uploads import FrameLost
from ..state.journal import Journal
from ..state.status import Record
from .admission import Admission
from .circuit_breaker import CircuitBreaker
from .settlement import Settlement
from .upload import UploadStage

log = logging.getLogger(__name__)

_AVOIDED_FOR = 10.0  # seconds a task that is left to others is held back
_AVOIDED_AT_ONCE = 20  # such tasks that make room for others
_TRIES = 2  # times a task is tried here before it is given up
_UNBEGUN = (Stage.FETCHING, Stage.READY, Stage.GIVEN)


class Life:
    """The tasks in the worker's hands and all that becomes of them.

    `winding_down`: set while the worker is about to stop or to pause: a task is finished or given back, no other begun.
    """

    def __init__(
        self,
        *,
        in_flight: list[InFlight],
        outpath: Path,
        journal: Journal,
        queue: TaskQueue,
        admission: Admission,
        blends: Blends,
        disks: Disks,
        pool: Pool,
        dispatcher: Dispatcher,
        store: FrameStore,
        upload_stage: UploadStage | None,
        settlement: Settlement,
        breaker: CircuitBreaker,
        schedule: sched.scheduler,
        record: Record,
    ) -> None:
        """`held` is shared with `settlement` and `upload_stage`; without a upload_stage frames stay here."""
        self.in_flight = in_flight
        self.winding_down = False
        self._outpath = outpath
        self._journal = journal
        self._queue = queue
        self._admission = admission
        self._blends = blends
        self._disks = disks
        self._pool = pool
        self._dispatcher = dispatcher
        self._store = store
        self._upload_stage = upload_stage
        self._settlement = settlement
        self._breaker = breaker
        self._schedule = schedule
        self._record = record

    @property
    def stages(self) -> set[Stage]:
        """The stages the tasks in hand are at."""
        return {held.stage for held in self.in_flight}

    def handle(self, event: Any) -> None:
        match event:
            case Delivered(delivery):
                self._receive(delivery)
            case BlendReady():
                self._blend_arrived(event)
            case BlendFailed():
                self._blend_failed(event)
            case Loaded() | FrameBegun() | Progress() | FrameWritten() | RenderFailed() | Revoked() | Stopped():
                if self._dispatcher.is_current(event.child):
                    self._child_says(event)
            case Died():
                self._child_died(event)
            case Stored():
                self._stored(event)
            case NotStored(held, error):
                self._not_stored(held, error)
            case Proven():
                self._proven(event)
            case FrameUploaded() | FrameNotUploaded() | FrameLost():
                self._handed_over(event)

    # 1. Receive

    def _receive(self, delivery: Delivery) -> None:
        if not self._admission.is_open:
            self._queue.requeue(delivery)
            return
        try:
            task = Task.from_json(delivery.body)
        except TaskRefused as refusal:
            self._admission.took_one()
            self._settlement.refuse(delivery, str(refusal))
            return
        duplicate = next((held for held in self.in_flight if held.task.same_work(task)), None)
        if duplicate is not None:
            log.info("%s: came again, it is in hand", duplicate)
            if not duplicate.deliveries:
                self._admission.took_one()
            duplicate.deliveries.append(delivery)
            if duplicate.stage is Stage.UPLOADING:
                self._queue.set_aside(delivery)
            return
        held = InFlight(task, [delivery], been_round=delivery.redelivered)
        self.in_flight.append(held)
        self._admission.took_one()
        task.queued()
        words = f"received: {in_words(task.frames)} of job {task.job_id}, {task.image_format}"
        self._settlement.report(held, "receive", words)
        self._blends.ask_about(task.job_id)
        if self._blends.is_canceled(task.job_id):
            held.stage = Stage.CANCELED
        else:
            self._construct(held)

    def job_is_known(self, job_id: str) -> None:
        """There is an answer about a job's status."""
        if self._blends.is_canceled(job_id):
            self._abort(job_id)
        for held in [held for held in self.in_flight if held.task.job_id == job_id and held.stage is Stage.CANCELED]:
            self._construct(held)

    # 2. Construct

    def _construct(self, held: InFlight) -> None:
        task, folder = held.task, self._folder(held.task)
        self._fill_in(task)
        self._settlement.report(held, "construct", "constructed")
        rendered = self._journal.rendered(task.id)
        known = Task.from_json(rendered) if rendered else None
        if known is not None and known.same_work(task):
            held.stage = Stage.PROVING
            self._store.prove(held, known.stored_frames(folder), uploaded=known.uploaded)
        elif reason := self._breaker.why_hopeless(held):
            self._settlement.fail(held, reason, elsewhere=True)
        elif self._breaker.avoids(task.job_id):
            self._avoid(held)
        else:
            self._fetch(held)

    def _avoid(self, held: InFlight) -> None:
        """Leaves a task to others, not at once, or it would come straight back; meanwhile tasks of other jobs come."""
        if sum(other.stage is Stage.AVOIDED for other in self.in_flight) < _AVOIDED_AT_ONCE:
            for delivery in held.deliveries:
                self._queue.set_aside(delivery)
        held.stage = Stage.AVOIDED
        log.info("%s: its job failed here several times in a row, others are to try", held)
        self._schedule.enter(_AVOIDED_FOR, 1, self._leave_to_others, (held,))

    def _leave_to_others(self, held: InFlight) -> None:
        if held in self.in_flight and held.stage is Stage.AVOIDED:
            self._settlement.give_back(held)

    def _fill_in(self, task: Task) -> None:
        blend, folder = self._blends.path(task.job_id), self._folder(task)
        task.constructed(blend=blend, folder=folder, command=blender_command(task, blend=blend, folder=folder))

    def _proven(self, event: Proven) -> None:
        held = event.held
        if held.stage is not Stage.PROVING or held not in self.in_flight:
            return
        if event.unchanged:
            log.info("%s: was rendered here before and its frames are as they were", held)
            held.stored = {frame.number: frame for frame in event.frames}
            held.uploaded = set(event.uploaded)
            self._all_stored(held)
        else:
            self._fetch(held)

    # 3. Fetch

    def _fetch(self, held: InFlight) -> None:
        if self._blends.has(held.task.job_id):
            held.stage = Stage.READY
            self._has_blend(held, "its blend is here")
        else:
            held.stage = Stage.FETCHING
            self._blends.fetch(held.task.job_id)

    def _blend_arrived(self, event: BlendReady) -> None:
        self._blends.arrived(event)
        for held in self._waiting_for(event.job_id):
            self._has_blend(held, f"its blend has come, {event.size / 1e6:.1f} MB")

    def _blend_failed(self, event: BlendFailed) -> None:
        waiting = self._waiting_for(event.job_id)
        self._disks.doubt()
        error = self._blends.failed(event, wanted=bool(waiting))
        if error is not None:
            for held in waiting:
                if self._disks.trouble:
                    self._settlement.give_back(held)
                else:
                    self._settlement.fail(held, str(error), elsewhere=error.elsewhere)

    def _has_blend(self, held: InFlight, words: str) -> None:
        if held.stage is Stage.FETCHING:
            held.timings.passed("download")
        held.stage = Stage.READY
        self._fill_in(held.task)  # only now it is known where on a shared disk the blend is
        self._settlement.report(held, "blend", words)

    def _waiting_for(self, job_id: str) -> list[InFlight]:
        return [held for held in self.in_flight if held.stage is Stage.FETCHING and held.task.job_id == job_id]

    # 4. Dispatch

    def dispatch(self) -> None:
        """Gives the children what is ready."""
        if self.winding_down or self._disks.in_doubt:
            return
        ready = [held for held in self.in_flight if held.stage is Stage.READY]
        try:
            self._dispatcher.feed(ready, self._blends.path)
        except WorkerError as error:
            waiting = next(held for held in ready if held.stage is Stage.READY)
            self._attempt_failed(waiting, str(error), elsewhere=True)
        self._dispatcher.even_out()
        self._admission.hold(self._dispatcher.worth_holding)

    def _child_says(self, event: ChildEvent) -> None:
        self._dispatcher.lives(event.child)
        match event:
            case Loaded(keep_not=reason, device=device):
                if reason:
                    log.info("Blender is started anew for each task of this job: %s", reason)
                if device:
                    log.info("Cycles renders on %s", device)
                self._dispatcher.loaded(event.child, keep=not reason, device=device)
            case FrameBegun(attempt=attempt, frame=frame):
                self._record.frame_begun(frame)
                self._begun(event.child, attempt)
                self._ask_in_time(event.child)
            case Progress(part=part):
                self._record.frame_is_at(part)
            case FrameWritten():
                self._written(event)
            case RenderFailed(attempt=attempt, reason=reason, scene=scene):
                self._attempt_failed(self._take_back(event.child, attempt), reason, elsewhere=not scene)
            case Revoked(attempt=attempt):
                self._revoked(event.child, attempt)
            case Stopped():
                self._take_back(event.child)

    def _begun(self, child: int, attempt: int) -> None:
        held = self._dispatcher.began(child, attempt)
        if held is not None:
            self._breaker.begins(held)
            held.begun = time.monotonic()
            held.timings.passed("queue")
            held.task.started()
            self._settlement.report(held, "start", "rendering")

    def _ask_in_time(self, child: int) -> None:
        """The next task is asked for shortly before a long one is over: that is to be looked at then."""
        wait = self._dispatcher.next_wanted_in(child)
        if 0 < wait < math.inf:
            self._schedule.enter(wait, 1, self.dispatch)

    def _written(self, event: FrameWritten) -> None:
        found = self._dispatcher.written(event)
        if found is not None:
            held, rendered = found
            held.timings.rendered(event.spent)
            target = self._folder(held.task) / frame_name(event.frame, held.task.image_format)
            self._store.store(held, event.frame, rendered=rendered, target=target)
            if held.stage is Stage.STORING and self.winding_down:
                self._take_back(event.child)

    def _child_died(self, event: Died) -> None:
        if self._dispatcher.is_current(event.child):
            held = self._take_back(event.child)
            log.log(logging.WARNING if held is not None else logging.INFO, "Blender is gone: %s", event.reason)
            self._attempt_failed(held, f"Blender died: {event.reason}", elsewhere=True)
        self._pool.bury(event.child)

    def _attempt_failed(self, held: InFlight | None, reason: str, *, elsewhere: bool) -> None:
        """Tries a task, if there is one, once more in a fresh child, unless that can't help: then it has failed. While
        a disk can't be written no task is to blame."""
        if held is None or held.stage is Stage.ENDING:
            return
        held.failures += 1
        self._disks.doubt()
        if self.winding_down or self._disks.trouble:
            self._settlement.give_back(held)
        elif elsewhere and held.failures < _TRIES:
            log.warning("%s: %s; trying once more", held, reason)
            held.stage = Stage.READY
        else:
            self._settlement.fail(held, reason, elsewhere=elsewhere)

    # 5. Finish

    def _stored(self, event: Stored) -> None:
        held, frame = event.held, event.frame
        held.stored[frame.number] = frame
        held.timings.stored(event.seconds)
        self._record.frame_stored(frame.number, frame.path)
        log.info("%s: frame %d stored, %.1f kB: %s", held, frame.number, frame.size / 1e3, frame.path)
        if not held.missing and held.stage is not Stage.ENDING:
            self._all_stored(held)

    def _not_stored(self, held: InFlight, error: FrameError) -> None:
        if held.stage is Stage.GIVEN:
            self._take_back_from_child(held)
        self._attempt_failed(held, str(error), elsewhere=True)

    def _all_stored(self, held: InFlight) -> None:
        if self._upload_stage is not None:
            self._upload_stage.begin(held)
        else:
            self._settlement.finish(held)

    def _handed_over(self, event: FrameUploaded | FrameNotUploaded | FrameLost) -> None:
        held = self._upload_stage.handle(event) if self._upload_stage is not None else None
        if held is not None and self.winding_down:
            self._settlement.give_back(held)
        elif held is not None:
            self._fetch(held)

    # What interrupts

    def give_back_unbegun(self) -> None:
        for held in self.in_flight:
            if held.stage in (Stage.CANCELED, Stage.PROVING, Stage.FETCHING, Stage.AVOIDED, Stage.READY):
                self._settlement.give_back(held)

    def take_back(self) -> None:
        """Ends all children; what they had is no longer given to anyone."""
        self._taken_back(self._dispatcher.end_all())

    def _take_back(self, child: int, at: int | None = None) -> InFlight | None:
        """Ends a child; gives the task it was at. That and the others it held are no longer given to anyone."""
        held, others = self._dispatcher.end_child(child, at)
        self._taken_back([*([held] if held else []), *others])
        return held

    def _take_back_from_child(self, held: InFlight) -> None:
        child = self._dispatcher.child_of(held)
        if child is not None:
            self._take_back(child)

    def _taken_back(self, taken: list[InFlight]) -> None:
        for held in taken:
            held.stage = Stage.READY
        if self.winding_down:
            self.give_back_unbegun()

    def look_for_stall(self, timeout: float) -> None:
        """Ends each child that has said nothing of its frame for so many seconds."""
        for child in self._dispatcher.silent_for(timeout):
            self._attempt_failed(self._take_back(child), f"no progress for {timeout:.0f} s", elsewhere=True)

    def look_for_slow_frame(self) -> None:
        """Where a frame takes much longer than expected, what waits for it goes back: others could render that."""
        if not self._dispatcher.has_slow_frame() or self.winding_down:
            return
        worth = self._dispatcher.worth_holding
        self._admission.hold(worth)
        begun = [held for held in self.in_flight if held.begun is not None and held.stage is Stage.GIVEN]
        unbegun = [held for held in self.in_flight if held.begun is None and held.stage in _UNBEGUN]
        for held in unbegun[max(0, worth - len(begun)) :]:
            if held.stage is Stage.GIVEN:
                self._dispatcher.revoke(held)
            else:
                self._hand_on(held)

    def _revoked(self, child: int, attempt: int) -> None:
        held, moving = self._dispatcher.revoked(child, attempt)
        if held is not None and moving and not self.winding_down:
            held.stage = Stage.READY
        elif held is not None:
            self._hand_on(held)

    def _hand_on(self, held: InFlight) -> None:
        if held.deliveries:
            self._admission.lost_one()
        self._settlement.give_back(held)

    def _abort(self, job_id: str) -> None:
        """The job was canceled: nothing of it is rendered any more."""
        its = [held for held in self.in_flight if held.task.job_id == job_id]
        for held in its:
            if held.stage is Stage.GIVEN:
                self._take_back_from_child(held)
        for held in its:
            if held.stage is Stage.UPLOADING and self._upload_stage is not None:
                self._upload_stage.drop(held)
            if held.stage is not Stage.ENDING:
                self._settlement.abort(held)

    def lost_connection(self) -> None:
        """What is being rendered goes on: its reports wait, and when the broker sends it again it is known. What is not
        begun is forgotten; it is in the queue again."""
        for held in self.in_flight:
            if held.deliveries:
                held.deliveries.clear()
                self._admission.lost_one()
        going_on = (Stage.GIVEN, Stage.STORING, Stage.UPLOADING, Stage.ENDING)
        self.in_flight[:] = [held for held in self.in_flight if held.stage in going_on]

    def _folder(self, task: Task) -> Path:
        return self._outpath / task.job_id
