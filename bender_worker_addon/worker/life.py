# SPDX-License-Identifier: GPL-3.0-or-later
"""Life: the life of a task, one method a step, in the order of a task's life. Waits for nothing, decides everything."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from . import frames
from .blends import Blends
from .bookkeeper import Bookkeeper
from .deliveries import Delivered, Delivery, TaskQueue
from .dispatcher import Dispatcher
from .errors import FrameError, TaskRefused, WorkerError
from .flaskbender import BlendFailed, BlendReady
from .frames import StoredFrame
from .held import Ending, Held, Stage
from .intake import Intake
from .journal import Journal
from .lane import Lane
from .messages import ChildEvent, FrameBegun, FrameWritten, Loaded, Progress, RenderFailed, Stopped
from .renderer import Died
from .snapshot import Record
from .task import Task, blender_command

log = logging.getLogger(__name__)

_TRIES = 2  # times a task is tried here before it is given up


@dataclass(frozen=True, slots=True)
class _Proven:
    """Whether the frames of a task that was finished here before are still what they were."""

    held: Held
    frames: tuple[StoredFrame, ...]
    unchanged: bool


@dataclass(frozen=True, slots=True)
class _Stored:
    held: Held
    frame: StoredFrame


@dataclass(frozen=True, slots=True)
class _NotStored:
    held: Held
    error: FrameError


class Life:
    """The tasks in the worker's hands and all that becomes of them. `shared`: others of its group work with the frames.

    `winding_down`: set while the worker is about to stop or to pause: a task is finished or given back, no other begun.
    """

    def __init__(
        self,
        *,
        outpath: Path,
        shared: bool,
        journal: Journal,
        broker: TaskQueue,
        bookkeeper: Bookkeeper,
        intake: Intake,
        blends: Blends,
        dispatcher: Dispatcher,
        storing: Lane,
        record: Record,
    ) -> None:
        self.held: list[Held] = []
        self.winding_down = False
        self.idle_since = self.sign_of_life = time.monotonic()
        self._outpath = outpath
        self._shared = shared
        self._journal = journal
        self._broker = broker
        self._bookkeeper = bookkeeper
        self._intake = intake
        self._blends = blends
        self._dispatcher = dispatcher
        self._storing = storing
        self._record = record

    @property
    def stages(self) -> set[Stage]:
        """The stages the tasks in hand are at."""
        return {held.stage for held in self.held}

    def handle(self, event: Any) -> None:
        match event:
            case Delivered(delivery):
                self._receive(delivery)
            case BlendReady():
                self._blend_arrived(event)
            case BlendFailed():
                self._blend_failed(event)
            case Loaded() | FrameBegun() | Progress() | FrameWritten() | RenderFailed() | Stopped():
                if self._dispatcher.is_current(event.child):
                    self._child_says(event)
            case Died():
                self._child_died(event)
            case _Stored():
                self._stored(event)
            case _NotStored(held, error):
                self._not_stored(held, error)
            case _Proven():
                self._proven(event)

    # 1. Receive

    def _receive(self, delivery: Delivery) -> None:
        if not self._intake.is_open:
            self._broker.requeue(delivery)
            return
        try:
            task = Task.from_json(delivery.body)
        except TaskRefused as refusal:
            self._refuse(delivery, str(refusal))
            return
        twin = next((held for held in self.held if held.task.same_work(task)), None)
        if twin is not None:
            log.info("%s: came again, it is in hand", twin)
            if not twin.deliveries:
                self._intake.took_one()
            twin.deliveries.append(delivery)
            return
        held = Held(task, [delivery], been_round=delivery.redelivered)
        self.held.append(held)
        self._intake.took_one()
        task.queued()
        words = f"received: {frames.in_words(task.frames)} of job {task.job_id}, {task.image_format}"
        self._report(held, "receive", words)
        self._construct(held)

    def _refuse(self, delivery: Delivery, reason: str) -> None:
        log.error("a message was rejected: %s", reason)
        self._intake.took_one()
        self._bookkeeper.report_unreadable(delivery.body, reason, then=partial(self._broker.reject, delivery))

    # 2. Construct

    def _construct(self, held: Held) -> None:
        task, folder = held.task, self._folder(held.task)
        self._fill_in(task)
        self._report(held, "construct", "constructed")
        finished = self._journal.finished(task.id)
        known = Task.from_json(finished) if finished else None
        if known is not None and known.same_work(task):
            held.stage = Stage.PROVING
            self._storing.submit(partial(_prove, held, tuple(known.stored_frames(folder))))
        else:
            self._fetch(held)

    def _fill_in(self, task: Task) -> None:
        blend, folder = self._blends.path(task.job_id), self._folder(task)
        task.constructed(blend=blend, folder=folder, command=blender_command(task, blend=blend, folder=folder))

    def _proven(self, event: _Proven) -> None:
        held = event.held
        if held.stage is not Stage.PROVING or held not in self.held:
            return
        if event.unchanged:
            log.info("%s: was finished here before and its frames are as they were", held)
            held.stored = {frame.number: frame for frame in event.frames}
            self._finish(held)
        else:
            self._fetch(held)

    # 3. Fetch

    def _fetch(self, held: Held) -> None:
        if self._blends.has(held.task.job_id):
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
        error = self._blends.failed(event, wanted=bool(waiting))
        if error is not None:
            for held in waiting:
                self._fail(held, str(error), elsewhere=error.elsewhere)

    def _has_blend(self, held: Held, words: str) -> None:
        held.stage = Stage.READY
        self._fill_in(held.task)  # only now it is known where on a shared disk the blend is
        self._report(held, "blend", words)

    def _waiting_for(self, job_id: str) -> list[Held]:
        return [held for held in self.held if held.stage is Stage.FETCHING and held.task.job_id == job_id]

    # 4. Dispatch

    def dispatch(self) -> None:
        """Gives the child what is ready."""
        if self.winding_down:
            return
        ready = [held for held in self.held if held.stage is Stage.READY]
        try:
            self._dispatcher.feed(ready, self._blends.path)
        except WorkerError as error:
            self._attempt_failed(ready[0], str(error), elsewhere=True)

    def _child_says(self, event: ChildEvent) -> None:
        self.sign_of_life = time.monotonic()
        match event:
            case Loaded(keep_not=reason):
                if reason:
                    log.info("Blender is started anew for each task of this job: %s", reason)
                self._dispatcher.loaded(keep=not reason)
            case FrameBegun(run=run, frame=frame):
                self._record.frame_begun(frame)
                self._begun(run)
            case Progress(part=part):
                self._record.frame_is_at(part)
            case FrameWritten(run=run, frame=frame):
                self._written(run, frame)
            case RenderFailed(run=run, reason=reason, scene=scene):
                self._attempt_failed(self.take_back(run), reason, elsewhere=not scene)
            case Stopped():
                self.take_back()

    def _begun(self, run: int) -> None:
        held = self._dispatcher.began(run)
        if held is not None:
            held.begun = time.monotonic()
            held.task.started()
            self._report(held, "start", "rendering")

    def _written(self, run: int, frame: int) -> None:
        found = self._dispatcher.written(run, frame)
        if found is not None:
            held, rendered = found
            target = self._folder(held.task) / frames.frame_name(frame, held.task.image_format)
            self._storing.submit(partial(_store, held, frame, rendered, target, shared=self._shared))
            if held.stage is Stage.STORING and self.winding_down:
                self.take_back()

    def _child_died(self, event: Died) -> None:
        if self._dispatcher.is_current(event.child):
            log.log(logging.WARNING if self._dispatcher.busy else logging.INFO, "Blender is gone: %s", event.reason)
            held = self.take_back()
            if held is not None:
                self._attempt_failed(held, f"Blender died: {event.reason}", elsewhere=True)
        self._dispatcher.bury(event.child)

    def _attempt_failed(self, held: Held | None, reason: str, *, elsewhere: bool) -> None:
        """Tries a task once more in a fresh child, unless that can't help: then it has failed."""
        if held is None or held.stage is Stage.ENDING:
            return
        held.failures += 1
        if self.winding_down:
            self._give_back(held)
        elif elsewhere and held.failures < _TRIES:
            log.warning("%s: %s; trying once more", held, reason)
            held.stage = Stage.READY
        else:
            self._fail(held, reason, elsewhere=elsewhere)

    # 5. Finish

    def _stored(self, event: _Stored) -> None:
        held, frame = event.held, event.frame
        held.stored[frame.number] = frame
        self._record.frame_stored(frame.number, frame.path)
        log.info("%s: frame %d stored, %.1f kB: %s", held, frame.number, frame.size / 1e3, frame.path)
        if not held.missing and held.stage is not Stage.ENDING:
            self._finish(held)

    def _not_stored(self, held: Held, error: FrameError) -> None:
        if held.stage is Stage.GIVEN:
            self.take_back()
        self._attempt_failed(held, str(error), elsewhere=True)

    def _finish(self, held: Held) -> None:
        held.task.has_frames(held.stored)
        held.task.finished()
        self._journal.remember_finished(held.task.id, held.task.to_json())
        self._bookkeeper.report("stat", held.task)
        took = "" if held.begun is None else f" in {time.monotonic() - held.begun:.2f} s"
        self._end(held, "finish", Ending.ACK, f"finished{took}")

    def _fail(self, held: Held, reason: str, *, elsewhere: bool) -> None:
        """Another worker may try, unless one has already: a task never goes round for ever."""
        held.task.failed(reason)
        self._record.failures += 1
        log.error("%s: failed: %s", held, reason)
        self._bookkeeper.report("error", held.task)
        if elsewhere and not held.been_round:
            self._give_back(held)
        else:
            self._end(held, "reject", Ending.REJECT, "no worker is to try again")

    def _give_back(self, held: Held) -> None:
        held.task.given_back()
        self._end(held, "requeue", Ending.REQUEUE, "goes back for another worker")

    # 6. Ack

    def _end(self, held: Held, step: str, ending: Ending, words: str) -> None:
        """The message is settled when the broker has confirmed the report, never before."""
        held.stage = Stage.ENDING
        self._report(held, step, words, then=partial(self._settle, held, ending))

    def _settle(self, held: Held, ending: Ending) -> None:
        settle = {
            Ending.ACK: self._broker.ack,
            Ending.REQUEUE: self._broker.requeue,
            Ending.REJECT: self._broker.reject,
        }[ending]
        for delivery in held.deliveries:
            settle(delivery)
        self.held.remove(held)
        self.idle_since = time.monotonic()
        log.info("%s: %s", held, ending.value)

    # What interrupts

    def give_back_unbegun(self) -> None:
        for held in self.held:
            if held.stage in (Stage.PROVING, Stage.FETCHING, Stage.READY):
                self._give_back(held)

    def take_back(self, at: int | None = None) -> Held | None:
        """Ends the child; gives the task it was at. That and the others it held are no longer given to anyone."""
        held, others = self._dispatcher.end_child(at)
        for taken in [*([held] if held else []), *others]:
            taken.stage = Stage.READY
        if self.winding_down:
            self.give_back_unbegun()
        return held

    def stalled(self, seconds: float) -> None:
        self._attempt_failed(self.take_back(), f"no progress for {seconds:.0f} s", elsewhere=True)

    def lost_connection(self) -> None:
        """What is being rendered goes on: its reports wait, and when the broker sends it again it is known. What is not
        begun is forgotten; it is in the queue again."""
        for held in self.held:
            if held.deliveries:
                held.deliveries.clear()
                self._intake.lost_one()
        self.held = [held for held in self.held if held.stage in (Stage.GIVEN, Stage.STORING, Stage.ENDING)]

    def _report(self, held: Held, step: str, words: str, *, then: Callable[[], None] | None = None) -> None:
        log.info("%s: %s", held, words)
        self._bookkeeper.report(step, held.task, then=then)

    def _folder(self, task: Task) -> Path:
        return self._outpath / task.job_id


def _store(held: Held, number: int, rendered: Path, target: Path, *, shared: bool) -> _Stored | _NotStored:
    where = {"rendered": rendered, "target": target}
    try:
        frame = frames.store(**where, number=number, image_format=held.task.image_format, shared=shared)
        return _Stored(held, frame)
    except FrameError as error:
        return _NotStored(held, error)


def _prove(held: Held, stored: tuple[StoredFrame, ...]) -> _Proven:
    return _Proven(held, stored, all(frames.unchanged(frame) for frame in stored))
