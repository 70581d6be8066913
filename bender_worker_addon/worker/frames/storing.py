# SPDX-License-Identifier: GPL-3.0-or-later
"""FrameStore: what is done to the files of frames beside the worker's thread, in turn, and what came of it."""

import contextlib
import time
from collections.abc import Collection
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ...core.errors import FrameError
from ...core.frame import StoredFrame
from ...core.in_flight import InFlight
from ...core.messages import FrameWritten
from ...system.executor import Executor
from . import store


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
    """`shared`: others of the group work with the frames."""

    def __init__(self, executor: Executor, *, shared: bool) -> None:
        self._executor = executor
        self._shared = shared

    def store(self, held: InFlight, written: FrameWritten, *, rendered: Path, target: Path) -> None:
        """Stored or NotStored comes of it."""
        self._executor.submit(
            partial(_store, held, written, rendered, target, shared=self._shared),
            failed=lambda error: NotStored(held, written.child, written.attempt, FrameError(str(error))),
        )

    def prove(self, held: InFlight, stored: Collection[StoredFrame], *, uploaded: frozenset[int]) -> None:
        """Proven comes of it."""
        frames = tuple(stored)
        self._executor.submit(
            partial(_prove, held, frames, uploaded), failed=lambda _: Proven(held, frames, uploaded, unchanged=False)
        )

    def delete(self, stored: Collection[StoredFrame]) -> None:
        """Deletes frames that are safe elsewhere, and their folder if nothing else is in it."""
        self._executor.do(partial(_delete, tuple(stored)))


def _store(held: InFlight, written: FrameWritten, rendered: Path, target: Path, *, shared: bool) -> Stored | NotStored:
    where = {"rendered": rendered, "target": target}
    began = time.monotonic()
    try:
        frame = store.store(**where, number=written.frame, image_format=held.task.image_format, shared=shared)
        return Stored(held, written.attempt, frame, time.monotonic() - began)
    except FrameError as error:
        return NotStored(held, written.child, written.attempt, error)


def _prove(held: InFlight, stored: tuple[StoredFrame, ...], uploaded: frozenset[int]) -> Proven:
    unchanged = all(frame.number in uploaded or store.unchanged(frame) for frame in stored)
    return Proven(held, stored, uploaded, unchanged)


def _delete(stored: tuple[StoredFrame, ...]) -> None:
    for frame in stored:
        with contextlib.suppress(OSError):  # what can't be deleted now is left for `clean`
            frame.path.unlink()
    for folder in {frame.path.parent for frame in stored}:
        with contextlib.suppress(OSError):  # others are in it
            folder.rmdir()
