# SPDX-License-Identifier: GPL-3.0-or-later
"""Interrupt: what comes between a task and its end: a pause, a stop, a canceled job, a lost connection, a child that is
stuck or slow."""

from ...core.in_flight import Stage, TasksInFlight
from ..children.dispatcher import Dispatcher
from .activity import Activity, Pause, Stop
from .admission import Admission
from .render import Render
from .settlement import Settlement
from .upload import UploadStage

_UNBEGUN = (Stage.CANCELED, Stage.PROVING, Stage.FETCHING, Stage.GATHERING, Stage.AVOIDED, Stage.READY)
_GOING_ON = (Stage.GIVEN, Stage.STORING, Stage.UPLOADING, Stage.ENDING)


class Interrupt:
    def __init__(
        self,
        *,
        in_flight: TasksInFlight,
        activity: Activity,
        admission: Admission,
        dispatcher: Dispatcher,
        render: Render,
        upload_stage: UploadStage | None,
        settlement: Settlement,
    ) -> None:
        self._in_flight = in_flight
        self._activity = activity
        self._admission = admission
        self._dispatcher = dispatcher
        self._render = render
        self._upload_stage = upload_stage
        self._settlement = settlement

    def reconcile(self) -> None:
        """Brings tasks, children and the queue to what is wanted, whatever was wanted before and has happened since."""
        level = self._activity.level
        self._admission.set_open(level is None)
        self._dispatcher.suspend(level is Pause.SUSPEND)
        if level in (Pause.GIVE_BACK, Stop.NOW):
            self._render.take_all_back()
        elif level is Stop.AFTER_FRAME:
            self._dispatcher.stop_after_frame()
        if level is not None:
            self.give_back_unbegun()

    def give_back_unbegun(self) -> None:
        for held in self._in_flight.at(*_UNBEGUN):
            self._settlement.give_back(held)

    def look_for_stall(self, timeout: float) -> None:
        """Ends each child that has said nothing of its frame for so many seconds."""
        if self._activity.level is Pause.SUSPEND:
            return
        for child in self._dispatcher.silent_for(timeout):
            self._render.child_is_stuck(child, f"no progress for {timeout:.0f} s")

    def look_for_slow_frame(self) -> None:
        """Where a frame takes much longer than expected, what waits for it goes back: others could render that."""
        if self._activity.level is not None or not self._dispatcher.has_slow_frame():
            return
        worth = self._dispatcher.worth_holding
        self._admission.hold(worth)
        held_by_children = self._in_flight.at(Stage.FETCHING, Stage.GATHERING, Stage.READY, Stage.GIVEN)
        begun = [held for held in held_by_children if held.started_at is not None and held.stage is Stage.GIVEN]
        unbegun = [held for held in held_by_children if held.started_at is None]
        for held in unbegun[max(0, worth - len(begun)) :]:
            if held.stage is Stage.GIVEN:
                self._dispatcher.revoke(held)
            else:
                self._render.hand_on(held)

    def abort(self, job_id: str) -> None:
        """The job was canceled: nothing of it is rendered any more."""
        its = self._in_flight.of_job(job_id)
        for held in its:
            if held.stage is Stage.GIVEN:
                self._render.take_back(held)
        for held in its:
            if held.stage is Stage.UPLOADING and self._upload_stage is not None:
                self._upload_stage.drop(held)
                self._upload_stage.delete_tile(held)
            if held.stage is not Stage.ENDING:
                self._settlement.abort(held)

    def lost_connection(self) -> None:
        """What is being rendered goes on: its reports wait, and when the broker sends it again it is known. What is not
        begun is forgotten; it is in the queue again."""
        for held in self._in_flight:
            if held.deliveries:
                held.deliveries.clear()
                self._admission.lost_one()
            if held.stage not in _GOING_ON:
                self._in_flight.remove(held)
