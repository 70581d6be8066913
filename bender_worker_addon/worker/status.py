# SPDX-License-Identifier: GPL-3.0-or-later
"""Status: what the worker is doing now, for people."""

from ..core.in_flight import InFlight, Stage, TasksInFlight
from ..core.snapshot import Snapshot, State
from .blends.blends import Blends
from .connection import Connection
from .frames.uploads import Uploads
from .life.activity import Activity
from .life.admission import Admission
from .state.record import Record

_AT_WORK = {Stage.READY, Stage.GIVEN, Stage.STORING}


class Status:
    def __init__(
        self,
        *,
        in_flight: TasksInFlight,
        activity: Activity,
        connection: Connection,
        admission: Admission,
        blends: Blends,
        uploads: Uploads,
        record: Record,
    ) -> None:
        self._in_flight = in_flight
        self._activity = activity
        self._connection = connection
        self._admission = admission
        self._blends = blends
        self._uploads = uploads
        self._record = record

    def snapshot(self) -> Snapshot:
        state, detail = self._state()
        in_hand = next((held for held in self._in_flight.at(Stage.GIVEN) if held.started_at is not None), None)
        waiting = next((held for held in self._in_flight if _waits(held)), None)
        return Snapshot(
            state=state,
            detail=detail,
            task=None if in_hand is None else self._record.in_hand(in_hand),
            next_job_id="" if waiting is None else waiting.task.job_id,
            next_job="" if waiting is None else waiting.task.job_name,
            last_frame=self._record.last_frame,
            frames=self._record.frames,
            failures=self._record.failures,
            an_hour=self._record.an_hour,
            free_disk=self._record.free_disk,
            uploading=len(self._in_flight.at(Stage.UPLOADING)),
        )

    def in_words(self) -> str:
        state, detail = self._state()
        return f"{state.value}: {detail}" if detail else state.value

    def _state(self) -> tuple[State, str]:
        stages = self._in_flight.stages
        if self._activity.stopping:
            reason = self._activity.stop_reason
            return State.FINISHING, f"stops {self._activity.stopping.value}{reason and ', '}{reason}"
        if self._activity.paused:
            return State.PAUSED, self._activity.reason
        if trouble := self._connection.trouble:
            return State.OFFLINE, trouble
        if not self._connection.online:
            return State.CONNECTING, ""
        if trouble := self._blends.trouble or self._admission.trouble or self._uploads.trouble:
            return State.PROBLEM, trouble
        if stages & _AT_WORK:
            return State.RENDERING, ""
        if stages & {Stage.FETCHING, Stage.GATHERING}:
            return State.DOWNLOADING, ""
        return State.WAITING, ""


def _waits(held: InFlight) -> bool:
    return held.started_at is None and held.stage is not Stage.ENDING
