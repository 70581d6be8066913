# SPDX-License-Identifier: GPL-3.0-or-later
"""FrameStore: what is done to the files of frames beside the worker's thread, in turn, and what came of it."""

import contextlib
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ...core.errors import FrameError, Remedy, TaskRefused
from ...core.frame import StoredFrame
from ...core.in_flight import InFlight
from ...core.messages import FrameWritten
from ...core.task import Task
from ...system.executor import Executor
from . import store
from .previews import Previews


@dataclass(frozen=True, slots=True)
class Proven:
    """Whether the frames of a task that was finished here before are still what they were; `uploaded` are the numbers
    of those that flaskbender has, which need not be here any more."""

    held: InFlight
    frames: tuple[StoredFrame, ...]
    uploaded: frozenset[int]
    unchanged: bool


@dataclass(frozen=True, slots=True)
class Stored:
    """`seconds`: how long that took."""

    held: InFlight
    attempt: int
    frame: StoredFrame
    seconds: float


@dataclass(frozen=True, slots=True)
class NotStored:
    """`child` wrote a frame, at this attempt, that is none or can't be stored."""

    held: InFlight
    child: int
    attempt: int
    error: FrameError


class FrameStore:
    """`shared`: others of the group work with the frames. `rendered(task_id)` gives a task as it was when it was last
    rendered here, or None; it may wait for the disk. `takes_doubtful`: also those of which Blender has warned."""

    def __init__(
        self,
        executor: Executor,
        *,
        shared: bool,
        rendered: Callable[[str], bytes | None],
        previews: Previews | None = None,
        takes_doubtful: bool = True,
    ) -> None:
        self._takes_doubtful = takes_doubtful
        self._executor = executor
        self._rendered = rendered
        self._shared = shared
        self._previews = previews

    def store(self, held: InFlight, written: FrameWritten, *, rendered: Path, target: Path) -> None:
        """Stored or NotStored comes of it."""
        refused = bool(written.warnings) and not self._takes_doubtful
        self._executor.submit(
            partial(_refuse, held, written)
            if refused
            else partial(_store, held, written, rendered, target, shared=self._shared, previews=self._previews),
            failed=lambda error: NotStored(held, written.child, written.attempt, FrameError(str(error))),
        )

    def prove(self, held: InFlight, folder: Path) -> None:
        """Proven comes of it. `folder`: where the task's frames are."""
        self._executor.submit(partial(self._prove, held, folder), failed=lambda _: _changed(held))

    def previews_are_sent(self, task: Task) -> None:
        """Those of its frames need not be kept."""
        if self._previews is not None:
            self._executor.do(partial(self._previews.sent, task.job_id, task.frames, tile=_tile(task)))

    def delete(self, stored: Collection[StoredFrame]) -> None:
        """Deletes frames that are safe elsewhere, and their folder if nothing else is in it."""
        self._executor.do(partial(_delete, tuple(stored)))

    def _prove(self, held: InFlight, folder: Path) -> Proven:
        known = self._known(held)
        if known is None:
            return _changed(held)
        frames = tuple(known.stored_frames(folder))
        uploaded = known.uploaded if _may_be_there_still(held) else frozenset()
        unchanged = all(frame.number in uploaded or store.unchanged(frame) for frame in frames)
        return Proven(held, frames, uploaded, unchanged)

    def _known(self, held: InFlight) -> Task | None:
        """The same work, as it was when it was done."""
        body = self._rendered(held.task.id)
        try:
            known = None if body is None else Task.from_json(body)
        except TaskRefused:  # an earlier version took what this one refuses
            return None
        return known if known is not None and known.same_work(held.task) else None


def _store(
    held: InFlight, written: FrameWritten, rendered: Path, target: Path, *, shared: bool, previews: Previews | None
) -> Stored | NotStored:
    where = {"rendered": rendered, "target": target}
    began = time.monotonic()
    try:
        if previews is not None:  # before the frame: whoever hears of that may look at it at once
            previews.take(rendered, held.task.job_id, written.frame, tile=_tile(held.task))
        frame = store.store(**where, number=written.frame, image_format=held.task.image_format, shared=shared)
        return Stored(held, written.attempt, frame, time.monotonic() - began)
    except FrameError as error:
        return NotStored(held, written.child, written.attempt, error)


def _refuse(held: InFlight, written: FrameWritten) -> NotStored:
    """On another machine nothing may be missing."""
    words = f"frame {written.frame} is in doubt: {'; '.join(written.warnings)}"
    return NotStored(held, written.child, written.attempt, FrameError(words, Remedy.ELSEWHERE))


def _may_be_there_still(held: InFlight) -> bool:
    """Whether the farm may have what it has got of the task. Tiles are deleted again, with a job that is canceled, or
    get lost: one whose message is a new one is wanted once more."""
    return held.task.region is None or held.redelivered


def _tile(task: Task) -> str:
    """Of which tile its preview is, if it is one's."""
    return "" if task.region is None else task.id


def _changed(held: InFlight) -> Proven:
    return Proven(held, (), frozenset(), unchanged=False)


def _delete(stored: tuple[StoredFrame, ...]) -> None:
    for frame in stored:
        with contextlib.suppress(OSError):  # what can't be deleted now is left for `clean`
            store.delete(frame)
