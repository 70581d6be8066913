# SPDX-License-Identifier: GPL-3.0-or-later
"""Uploads: frames on their way to flaskbender, a few at once, each tried for as long as it takes."""

import logging
import sched
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

from ...core import retry
from ...core.errors import Remedy, UploadError
from ...core.frame import StoredFrame
from ...core.transfers import FrameNotUploaded, FrameUploaded, Sink
from ...system.executor import Executor
from .previews import Previews
from .store import unchanged

log = logging.getLogger(__name__)

AT_ONCE = 2  # frames


@dataclass(frozen=True, slots=True)
class FrameLost:
    """The frame's file is no longer what was stored: there is nothing to upload."""

    task_id: str
    number: int


@dataclass(frozen=True, slots=True)
class _Frame:
    job_id: str
    task_id: str
    stored: StoredFrame
    is_tile: bool

    @property
    def key(self) -> tuple[str, int]:
        return self.task_id, self.stored.number


class Uploads:
    """Puts FrameUploaded, FrameNotUploaded and FrameLost into the inbox; its owner tells it of them. `trouble` says why
    nothing gets through, if so: then all frames wait, since none is to blame."""

    def __init__(
        self, *, flaskbender: Sink, executor: Executor, schedule: sched.scheduler, previews: Previews | None = None
    ) -> None:
        """The executor should have `AT_ONCE` threads."""
        self._flaskbender = flaskbender
        self._executor = executor
        self._schedule = schedule
        self._previews = previews
        self._waiting: deque[_Frame] = deque()
        self._sent: dict[tuple[str, int], _Frame] = {}
        self._refused: dict[tuple[str, int], int] = {}
        self._failures = 0  # in a row
        self._holding = False
        self.trouble = ""

    def add(self, *, job_id: str, task_id: str, frames: Iterable[StoredFrame], is_tile: bool = False) -> None:
        self._waiting.extend(_Frame(job_id, task_id, frame, is_tile) for frame in frames)
        self._send()

    def drop(self, task_id: str) -> None:
        """Lets a task's frames be; what is being sent of it is sent."""
        self._waiting = deque(frame for frame in self._waiting if frame.task_id != task_id)
        for number in [number for task, number in self._refused if task == task_id]:
            del self._refused[task_id, number]
        if not self._waiting:
            self.trouble = ""

    def uploaded(self, event: FrameUploaded) -> None:
        self._sent.pop((event.task_id, event.number), None)
        self._refused.pop((event.task_id, event.number), None)
        self._failures, self.trouble = 0, ""
        self._send()

    def lost(self, event: FrameLost) -> None:
        self._sent.pop((event.task_id, event.number), None)
        self._send()

    def failed(self, event: FrameNotUploaded, *, wanted: bool) -> UploadError | None:
        """Tries the frame again, if it still is `wanted`; gives the error if flaskbender won't ever have it."""
        frame = self._sent.pop((event.task_id, event.number), None)
        if frame is None or not wanted:
            self._send()
            return None
        if event.error.remedy is Remedy.WAIT:
            self._wait(frame, event.error)
            return None
        self._refused[frame.key] = self._refused.get(frame.key, 0) + 1
        delay = retry.UPLOADS.again_in(event.error.remedy, self._refused[frame.key])
        if delay is None:
            self.drop(frame.task_id)
            self._send()
            return event.error
        log.warning("task %s: %s; trying again in %.1f s", frame.task_id, event.error, delay)
        self._schedule.enter(delay, 1, self._again, (frame,))
        self._send()
        return None

    def _wait(self, frame: _Frame, error: UploadError) -> None:
        """Another goes ahead next: if it is this one alone that doesn't get through, the others do."""
        self._waiting.append(frame)
        self.trouble = str(error)
        if self._holding:
            return
        self._failures += 1
        delay = retry.UPLOADS.again_in(error.remedy, self._failures, retry_after=error.retry_after) or 0.0
        log.warning("%s; trying again in %.1f s", error, delay)
        self._holding = True
        self._schedule.enter(delay, 1, self._go_on)

    def _go_on(self) -> None:
        self._holding = False
        self._send()

    def _again(self, frame: _Frame) -> None:
        if frame.key in self._refused:  # else it was dropped meanwhile
            self._waiting.append(frame)
            self._send()

    def _send(self) -> None:
        """After a failure one frame goes ahead and finds out whether the others get through."""
        most = 1 if self._failures else AT_ONCE
        while self._waiting and len(self._sent) < most and not self._holding:
            frame = self._waiting.popleft()
            self._sent[frame.key] = frame
            self._executor.submit(
                partial(_upload, self._flaskbender, frame, self._previews), failed=partial(_not_uploaded, frame)
            )


def _upload(
    flaskbender: Sink, frame: _Frame, previews: Previews | None
) -> FrameUploaded | FrameNotUploaded | FrameLost:
    if not unchanged(frame.stored):
        return FrameLost(frame.task_id, frame.stored.number)
    tile = frame.task_id if frame.is_tile else ""
    preview = b"" if previews is None else previews.of(frame.job_id, frame.stored.number, tile=tile)
    return flaskbender.upload(job_id=frame.job_id, task_id=frame.task_id, frame=frame.stored, preview=preview)


def _not_uploaded(frame: _Frame, error: OSError) -> FrameNotUploaded:
    return FrameNotUploaded(frame.task_id, frame.stored.number, UploadError(str(error), Remedy.WAIT))
