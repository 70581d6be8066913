# SPDX-License-Identifier: GPL-3.0-or-later
"""Life: the life of a task, put together from its stages, each a module: receive, fetch, render, finish, with upload
and settlement at its end and interrupt in between. Here stands only which event concerns which of them."""

import logging
import sched
from typing import Any

from ...core.deliveries import Delivered, OthersSeen
from ...core.in_flight import Stage, TasksInFlight
from ...core.messages import ChildEvent, Devices
from ...core.transfers import (
    BlendDeleted,
    BlendFailed,
    BlendGone,
    BlendReady,
    BlendsFound,
    FrameNotUploaded,
    FrameUploaded,
    JobStatus,
    TilesFailed,
    TilesReady,
)
from ...queues.base import TaskQueue
from ...system.disks import Disks
from ...system.platform import NAME
from ..blends.blends import Blends
from ..blends.tiles import Tiles
from ..children.dispatcher import Dispatcher
from ..children.pool import Pool
from ..children.process import Died
from ..frames.folders import FrameFolders
from ..frames.storing import FrameStore, NotStored, Proven, Stored
from ..frames.uploads import FrameLost
from ..state.journal import Journal
from ..state.record import Record
from .activity import Activity
from .admission import Admission
from .circuit_breaker import CircuitBreaker
from .fetch import Fetch
from .finish import Finish
from .interrupt import Interrupt
from .receive import Receive
from .render import Render
from .reporter import Reporter
from .settlement import Settlement
from .upload import UploadStage

log = logging.getLogger(__name__)


class Life:
    """Waits for nothing, decides everything."""

    def __init__(
        self,
        *,
        in_flight: TasksInFlight,
        activity: Activity,
        folders: FrameFolders,
        journal: Journal,
        queue: TaskQueue,
        admission: Admission,
        blends: Blends,
        tiles: Tiles | None,
        disks: Disks,
        pool: Pool,
        dispatcher: Dispatcher,
        store: FrameStore,
        upload_stage: UploadStage | None,
        reporter: Reporter,
        settlement: Settlement,
        breaker: CircuitBreaker,
        schedule: sched.scheduler,
        record: Record,
    ) -> None:
        """`in_flight` is shared with the stages; without an `upload_stage` frames stay here."""
        self.in_flight = in_flight
        self._blends = blends
        self._breaker = breaker
        self._queue = queue
        self._record = record
        self._fetch = Fetch(
            in_flight=in_flight,
            folders=folders,
            admission=admission,
            blends=blends,
            tiles=tiles,
            disks=disks,
            reporter=reporter,
            settlement=settlement,
        )
        self._receive = Receive(
            in_flight=in_flight,
            folders=folders,
            queue=queue,
            admission=admission,
            blends=blends,
            journal=journal,
            store=store,
            breaker=breaker,
            reporter=reporter,
            settlement=settlement,
            fetch=self._fetch,
            schedule=schedule,
        )
        self._render = Render(
            in_flight=in_flight,
            activity=activity,
            folders=folders,
            admission=admission,
            blends=blends,
            disks=disks,
            pool=pool,
            dispatcher=dispatcher,
            store=store,
            breaker=breaker,
            reporter=reporter,
            settlement=settlement,
            fetch=self._fetch,
            schedule=schedule,
            record=record,
        )
        self._finish = Finish(
            activity=activity,
            fetch=self._fetch,
            render=self._render,
            upload_stage=upload_stage,
            settlement=settlement,
            record=record,
        )
        self.interrupt = Interrupt(
            in_flight=in_flight,
            activity=activity,
            admission=admission,
            dispatcher=dispatcher,
            render=self._render,
            upload_stage=upload_stage,
            settlement=settlement,
        )

    def handle(self, event: Any) -> None:
        match event:
            case Delivered(delivery):
                self._receive.receive(delivery)
            case JobStatus():
                self._job_is(event)
            case BlendReady():
                self._fetch.arrived(event)
            case BlendFailed():
                self._fetch.failed(event)
            case TilesReady():
                self._fetch.tiles_arrived(event)
            case TilesFailed():
                self._fetch.tiles_failed(event)
            case BlendsFound() | BlendGone() | BlendDeleted():
                self._blends.handle(event)
            case Died():
                self._render.child_died(event)
            case Stored():
                self._finish.stored(event)
            case NotStored():
                self._render.not_stored(event)
            case Proven():
                if self._receive.proven(event):
                    self._finish.all_stored(event.held)
            case FrameUploaded() | FrameNotUploaded() | FrameLost():
                self._finish.upload_says(event)
            case OthersSeen(count):
                self._breaker.alone = not count
            case Devices():
                self._has_devices(event)
            case _ if isinstance(event, ChildEvent):
                self._render.child_says(event)

    def go_on(self) -> None:
        """Brings everything to what is wanted and gives the children what is ready. To be called whenever something may
        have changed; nothing to do costs nothing."""
        self.interrupt.reconcile()
        self._render.dispatch()
        self._fetch.let_go()

    @property
    def is_waiting_for_confirmations_only(self) -> bool:
        return not self.in_flight.stages - {Stage.ENDING}

    def _has_devices(self, event: Devices) -> None:
        """The same device rounds otherwise on another system."""
        self._record.device = self._record.device or event.device
        kind = f"{event.kind} on {NAME}" if event.kind else ""
        if kind != self._record.kind:
            log.info("Cycles will render on %s", event.device or "no device of this machine")
            self._record.kind = kind
            self._queue.renders_on(kind)

    def _job_is(self, event: JobStatus) -> None:
        self._blends.job_is(event)
        if self._blends.is_canceled(event.job_id):
            self.interrupt.abort(event.job_id)
        else:
            self._receive.job_is_known(event.job_id)
