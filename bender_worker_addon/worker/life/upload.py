# SPDX-License-Identifier: GPL-3.0-or-later
"""UploadStage: a rendered task's frames go to flaskbender before it is finished. Nothing else waits for it."""

import logging
import socket

from ...core.errors import Remedy
from ...core.in_flight import InFlight, Stage, TasksInFlight
from ...core.task import Task
from ...core.transfers import FrameNotUploaded, FrameUploaded
from ..frames.storing import FrameStore
from ..frames.uploads import FrameLost, Uploads
from ..state.journal import Journal
from ..state.record import Record
from .admission import Admission
from .reporter import Reporter
from .settlement import Settlement

log = logging.getLogger(__name__)


class UploadStage:
    """The tasks in hand that are at this step. What flaskbender has got so far is kept in the journal: after a crash
    the rest is uploaded, whoever then has the task's message."""

    def __init__(
        self,
        *,
        in_flight: TasksInFlight,
        keep: bool,
        uploads: Uploads,
        journal: Journal,
        reporter: Reporter,
        admission: Admission,
        store: FrameStore,
        settlement: Settlement,
        record: Record,
    ) -> None:
        """`keep`: frames stay here too; else they are deleted once flaskbender has all of the task's, as tiles are."""
        self._in_flight = in_flight
        self._keep = keep
        self._uploads = uploads
        self._journal = journal
        self._reporter = reporter
        self._admission = admission
        self._store = store
        self._settlement = settlement
        self._record = record

    @property
    def waiting(self) -> list[InFlight]:
        return self._in_flight.at(Stage.UPLOADING)

    def resume(self) -> None:
        """Takes up what an earlier run has left."""
        for body in self._journal.uploading():
            task = Task.from_json(body)
            stored = {frame.number: frame for frame in task.stored_frames(task.outpath)}
            held = InFlight(task, [], redelivered=True, stored=stored, uploaded=set(task.uploaded))
            self._in_flight.add(held)
            log.info("%s: was rendered by an earlier run, its frames are still to be uploaded", held)
            self._upload(held)

    def begin(self, held: InFlight) -> None:
        self._note(held)
        self._reporter.report("stat", held.task)
        self._upload(held)

    def handle(self, event: FrameUploaded | FrameNotUploaded | FrameLost) -> InFlight | None:
        """Gives a task that has lost a frame and must be rendered again."""
        held = next((held for held in self.waiting if held.task.id == event.task_id), None)
        match event:
            case FrameUploaded(number=number):
                self._uploads.uploaded(event)
                if held is not None:
                    self._uploaded(held, number, alone=event.alone)
            case FrameNotUploaded():
                error = self._uploads.failed(event, wanted=held is not None)
                if error is not None and held is not None:
                    self.drop(held)
                    self._settlement.fail(held, f"{error}; it is kept in {held.task.outpath}", Remedy.NONE)
            case FrameLost(number=number):
                self._uploads.lost(event)
                if held is not None:
                    return self._lost(held, number)
        self._count()
        return None

    def drop(self, held: InFlight) -> None:
        """Uploads no more of it; its frames stay here, and the journal knows them."""
        self._uploads.drop(held.task.id)
        self._journal.remember_finished(held.task.id, held.task.to_json())

    def delete_tile(self, held: InFlight) -> None:
        """What is stored of a task whose job was canceled, if it is a tile: of no use to anybody."""
        if held.task.region is not None:
            self._store.delete(held.stored.values())

    def leave(self) -> None:
        """Gives back what is not uploaded yet, for this worker has to end; the next run takes it up."""
        for held in self.waiting:
            self._uploads.drop(held.task.id)
            if held.deliveries:
                self._settlement.give_back(held)
            else:
                self._in_flight.remove(held)

    def _upload(self, held: InFlight) -> None:
        held.stage = Stage.UPLOADING
        self._admission.set_aside(held)
        missing = [frame for number, frame in held.stored.items() if number not in held.uploaded]
        is_tile = held.task.region is not None
        self._uploads.add(job_id=held.task.job_id, task_id=held.task.id, frames=missing, is_tile=is_tile)
        self._finish_if_all_there(held)
        self._count()

    def _uploaded(self, held: InFlight, number: int, *, alone: bool) -> None:
        """What was written with it and not taken stays here, and is nobody's any more but the folder's owner's."""
        held.uploaded.add(number)
        if alone:
            held.left += len(held.stored[number].others)
            held.stored[number] = held.stored[number].alone
        log.info("%s: flaskbender has frame %d", held, number)
        self._note(held)
        self._finish_if_all_there(held)

    def _finish_if_all_there(self, held: InFlight) -> None:
        if held.uploaded.issuperset(held.stored):
            if held.left:
                words = f"{held.left} files of File Output nodes are kept in {held.task.outpath}"
                held.task.leaves(f"{words} on {socket.gethostname()}: this farm takes none")
                log.warning("%s: %s: this farm takes none", held, words)
            self._settlement.finish(held)
            self._store.previews_are_sent(held.task)
            if not self._keep or held.task.region is not None:
                self._record.frames_are_gone(held.stored.values())
                self._store.delete(held.stored.values())

    def _lost(self, held: InFlight, number: int) -> InFlight | None:
        log.warning("%s: frame %d is not what was stored, it is rendered again", held, number)
        self._uploads.drop(held.task.id)
        self._journal.forget_uploading(held.task.id)
        del held.stored[number]
        if held.deliveries:
            return held
        self._in_flight.remove(held)  # whoever gets its message will render it
        return None

    def _note(self, held: InFlight) -> None:
        held.task.has_frames(held.stored, held.uploaded)
        self._journal.remember_uploading(held.task.id, held.task.to_json())

    def _count(self) -> None:
        self._admission.uploads_wait(len(self.waiting), self._uploads.trouble)
