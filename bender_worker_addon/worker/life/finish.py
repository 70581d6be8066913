# SPDX-License-Identifier: GPL-3.0-or-later
"""Finish: frames are stored; with the last of them a task is done, or goes on to its upload."""

import logging

from ...core.in_flight import InFlight, Stage
from ...core.told import told
from ...core.transfers import FrameNotUploaded, FrameUploaded
from ..frames.storing import Stored
from ..frames.uploads import FrameLost
from ..state.record import Record
from .activity import Activity
from .fetch import Fetch
from .render import Render
from .settlement import Settlement
from .upload import UploadStage

log = logging.getLogger(__name__)


class Finish:
    """Without an `upload_stage` frames stay here."""

    def __init__(
        self,
        *,
        activity: Activity,
        fetch: Fetch,
        render: Render,
        upload_stage: UploadStage | None,
        settlement: Settlement,
        record: Record,
    ) -> None:
        self._activity = activity
        self._fetch = fetch
        self._render = render
        self._upload_stage = upload_stage
        self._settlement = settlement
        self._record = record

    def stored(self, event: Stored) -> None:
        held, frame = event.held, event.frame
        if event.attempt != held.attempt:
            return  # the one that goes on renders it again
        held.stored[frame.number] = frame
        held.timings.stored(event.seconds)
        self._record.frame_stored(held, frame)
        done = told(f"{held.task.job_name}, frame {frame.number} is done")
        log.info("%s: frame %d stored, %.1f kB: %s", held, frame.number, frame.size / 1e3, frame.path, extra=done)
        if not held.missing and held.stage is not Stage.ENDING:
            self.all_stored(held)
        elif held.stage is Stage.ENDING and self._upload_stage is not None:
            self._upload_stage.delete_tile(held)

    def all_stored(self, held: InFlight) -> None:
        if self._upload_stage is not None:
            self._upload_stage.begin(held)
        else:
            self._settlement.finish(held)

    def upload_says(self, event: FrameUploaded | FrameNotUploaded | FrameLost) -> None:
        held = self._upload_stage.handle(event) if self._upload_stage is not None else None
        if held is not None and self._activity.level is not None:
            self._settlement.give_back(held)
        elif held is not None:
            self._fetch.fetch(held)
