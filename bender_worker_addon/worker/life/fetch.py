# SPDX-License-Identifier: GPL-3.0-or-later
"""Fetch: a task's blend is here, or comes, and the tiles it is to put together."""

from ...core.in_flight import InFlight, Stage, TasksInFlight
from ...core.task import Task, blender_command
from ...core.transfers import BlendFailed, BlendReady, TilesFailed, TilesReady
from ...system.disks import Disks
from ...system.platform import WINDOWS
from ..blends.blends import Blends
from ..blends.tiles import Tiles
from ..frames.folders import FrameFolders
from .admission import Admission
from .reporter import Reporter
from .settlement import Settlement

_ASIDE_AT_ONCE = 8  # tasks that make room for others while their blends can't be had


class Fetch:
    def __init__(
        self,
        *,
        in_flight: TasksInFlight,
        folders: FrameFolders,
        admission: Admission,
        blends: Blends,
        tiles: Tiles | None,
        disks: Disks,
        reporter: Reporter,
        settlement: Settlement,
    ) -> None:
        """Without `tiles` these are where they are rendered."""
        self._in_flight = in_flight
        self._folders = folders
        self._admission = admission
        self._blends = blends
        self._tiles = tiles
        self._disks = disks
        self._reporter = reporter
        self._settlement = settlement

    def fetch(self, held: InFlight) -> None:
        if self._blends.has(held.task.job_id):
            self._has_blend(held, "its blend is here")
        else:
            held.stage = Stage.FETCHING
            self._blends.fetch(held.task.job_id)

    def arrived(self, event: BlendReady) -> None:
        self._blends.arrived(event)
        for held in self._waiting_for(event.job_id):
            if not held.failures:
                held.timings.passed("download")
            self._has_blend(held, f"its blend has come, {event.size / 1e6:.1f} MB")

    def failed(self, event: BlendFailed) -> None:
        """Where a disk is to blame, no task is."""
        waiting = self._waiting_for(event.job_id)
        self._disks.doubt()
        error = self._blends.failed(event, wanted=bool(waiting))
        if error is None:
            self._make_room(waiting)
            return
        for held in waiting:
            if self._disks.trouble:
                self._settlement.give_back(held)
            else:
                self._settlement.fail(held, str(error), error.remedy)

    def tiles_arrived(self, event: TilesReady) -> None:
        held = self._gathering(event.task_id)
        if held is not None:
            held.stage = Stage.READY
            if not held.failures:
                held.timings.passed("download")

    def tiles_failed(self, event: TilesFailed) -> None:
        held = self._gathering(event.task_id)
        self._disks.doubt()
        assert self._tiles is not None
        error = self._tiles.failed(event, None if held is None else held.task)
        if held is None or error is None:
            return
        if self._disks.trouble:
            self._settlement.give_back(held)
        else:
            self._settlement.fail(held, str(error), error.remedy)

    def let_go(self) -> None:
        """Of tiles whose pictures are no longer in hand."""
        if self._tiles is not None:
            self._tiles.keep({held.task.id for held in self._in_flight})

    def fill_in(self, task: Task) -> None:
        """Notes in the task where its blend and its frames are here."""
        blend, folder = self._blends.path(task.job_id), self._folders.of(task)
        command = blender_command(task, blend=blend, folder=folder, windows=WINDOWS)
        task.constructed(blend=blend, folder=folder, command=command)

    def _has_blend(self, held: InFlight, words: str) -> None:
        gathers = self._tiles is not None and held.task.tiles
        held.stage = Stage.GATHERING if gathers else Stage.READY
        if self._tiles is not None and gathers:
            self._tiles.fetch(held.task)
        self.fill_in(held.task)  # only now it is known where on a shared disk the blend is
        if not held.failures:
            self._reporter.step(held, "blend", words)

    def _make_room(self, waiting: list[InFlight]) -> None:
        """Tasks whose blend doesn't come keep none of another job away."""
        for held in waiting:
            aside = [other for other in self._in_flight.at(Stage.FETCHING) if other.aside]
            if not held.aside and len(aside) < _ASIDE_AT_ONCE:
                self._admission.set_aside(held)

    def _gathering(self, task_id: str) -> InFlight | None:
        return next((held for held in self._in_flight.at(Stage.GATHERING) if held.task.id == task_id), None)

    def _waiting_for(self, job_id: str) -> list[InFlight]:
        return [held for held in self._in_flight.of_job(job_id) if held.stage is Stage.FETCHING]
