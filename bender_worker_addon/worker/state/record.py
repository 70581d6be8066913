# SPDX-License-Identifier: GPL-3.0-or-later
"""Record: what is counted and measured of a worker's run, for the snapshots people are shown."""

import time
from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path

from ...core.frame import StoredFrame
from ...core.in_flight import InFlight
from ...core.snapshot import TaskInHand

_GUESSED_AT_MOST = 0.95  # of a frame
_SILENT = 1.0  # seconds after which a Blender that says nothing of its frame is at what comes before that
_PREPARING = "Preparing the scene"
_JOBS_REMEMBERED = 16
_LATELY = 600.0  # seconds of which the speed is
_AT_LEAST = 10.0  # seconds: what takes less says nothing of an hour
_TELLING = 0.03  # of a task: before that, what is left can't be told from what has passed


class Record:
    """What is counted and measured of a worker's run. Times are seconds of `clock`."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.last_frame: Path | None = None
        self.frames = 0
        self.failures = 0
        self.device = ""  # on which Cycles has rendered last, or will
        self.kind = ""  # device and system, if all that is rendered here is by one
        self.an_hour: int | None = None
        self.free_disk: float | None = None
        self._started = clock()
        self._lately: deque[tuple[float, float]] = deque()  # when frames were begun and stored
        self._last_seconds: dict[str, float] = {}  # of a frame, by job

    def frame_begun(self, held: InFlight, number: int) -> None:
        held.at_frame, held.part, held.doing = number, 0.0, None
        held.frames_begun[number] = self._clock()

    def frame_is_at(self, held: InFlight, part: float, doing: str = "") -> None:
        """Blender tells of so much of it, 0 to 1, or of what it does while that can't be told."""
        held.part, held.doing = max(held.part, min(part, 1.0)), doing

    def frame_stored(self, held: InFlight, frame: StoredFrame) -> None:
        now, began = self._clock(), held.frames_begun.pop(frame.number, None)
        if held.task.region is None:  # a tile is no frame
            self.frames += 1
            self.last_frame = frame.path
            self.an_hour = self._speed(began, now)
        if began is not None:
            self._last_seconds.pop(held.task.job_id, None)
            self._last_seconds[held.task.job_id] = now - began
            if len(self._last_seconds) > _JOBS_REMEMBERED:
                del self._last_seconds[next(iter(self._last_seconds))]

    def _speed(self, began: float | None, now: float) -> int | None:
        """Frames an hour, by those of the last ten minutes: what was before says nothing of how long others take. None
        until they have taken long enough."""
        if began is None:
            began = self._lately[-1][1] if self._lately else self._started
        self._lately.append((began, now))
        while self._lately[0][1] < now - _LATELY:
            self._lately.popleft()
        first = min(begun for begun, _ in self._lately)
        taken = now - first
        return round(len(self._lately) / taken * 3600) if taken >= _AT_LEAST else None

    def frames_are_gone(self, frames: Iterable[StoredFrame]) -> None:
        """They are with flaskbender now, and no longer here."""
        if self.last_frame in {frame.path for frame in frames}:
            self.last_frame = None

    def in_hand(self, held: InFlight) -> TaskInHand:
        """What to show of the task a child has begun."""
        numbers = held.task.frames
        number = held.at_frame if held.at_frame in numbers else numbers[0]
        position = numbers.index(number) + 1
        part = min(1.0, (max(position - 1, len(held.stored)) + self._part_of_frame(held)) / len(numbers))
        elapsed = self._clock() - (held.started_at or self._started)
        left = round(elapsed / part * (1 - part)) if part > _TELLING else None
        spent = round(part, 2), int(elapsed), left
        job, doing = held.task.job_name, self._doing(held)
        return TaskInHand(held.task.job_id, number, position, len(numbers), *spent, job=job, doing=doing)

    def _doing(self, held: InFlight) -> str:
        """Only as long as what it takes can't be guessed either."""
        if held.part or self._last_seconds.get(held.task.job_id):
            return ""
        if held.doing is not None:
            return held.doing
        began = held.frames_begun.get(held.at_frame) if held.at_frame is not None else None
        return _PREPARING if began is not None and self._clock() - began > _SILENT else ""

    def _part_of_frame(self, held: InFlight) -> float:
        """What Blender told, or what can be guessed from the job's frame before: without a window Cycles tells of its
        samples only every quarter of a minute."""
        usual = self._last_seconds.get(held.task.job_id, 0.0)
        began = held.frames_begun.get(held.at_frame) if held.at_frame is not None else None
        if not usual or began is None:
            return held.part
        return max(held.part, min((self._clock() - began) / usual, _GUESSED_AT_MOST))
