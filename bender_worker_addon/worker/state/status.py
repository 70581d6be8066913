# SPDX-License-Identifier: GPL-3.0-or-later
"""Status: what is counted and measured of a worker's run, for the snapshots people are shown."""

import time
from collections.abc import Callable
from pathlib import Path

from ...core.in_flight import InFlight
from ...core.snapshot import TaskInHand

_GUESSED_AT_MOST = 0.95  # of a frame
_TELLING = 0.03  # of a task: before that, what is left can't be told from what has passed


class Record:
    """What is counted and measured of a worker's run. Times are seconds of `clock`."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.last_frame: Path | None = None
        self.frames = 0
        self.failures = 0
        self.an_hour = 0
        self.free_disk: float | None = None
        self._started = clock()
        self._part = 0.0
        self._number: int | None = None
        self._begun: dict[int, float] = {}
        self._last_took = 0.0

    def frame_begun(self, number: int) -> None:
        self._number, self._part = number, 0.0
        self._begun[number] = self._clock()

    def frame_is_at(self, part: float) -> None:
        self._part = max(self._part, min(part, 1.0))

    def frame_stored(self, number: int, path: Path) -> None:
        self.frames += 1
        self.last_frame = path
        self.an_hour = round(self.frames / max(1.0, self._clock() - self._started) * 3600)
        if number in self._begun:
            self._last_took = self._clock() - self._begun.pop(number)

    def in_hand(self, held: InFlight) -> TaskInHand:
        """What to show of the task a child has begun."""
        numbers = held.task.frames
        number = self._number if self._number in numbers else numbers[0]
        position = numbers.index(number) + 1
        part = min(1.0, (max(position - 1, len(held.stored)) + self._part_of_frame(number)) / len(numbers))
        elapsed = self._clock() - (held.begun or self._started)
        left = round(elapsed / part * (1 - part)) if part > _TELLING else None
        return TaskInHand(held.task.job_id, number, position, len(numbers), round(part, 2), int(elapsed), left)

    def _part_of_frame(self, number: int) -> float:
        """What Blender told, or what can be guessed from the frame before: without a window Cycles tells of its samples
        only every quarter of a minute."""
        if not self._last_took or number not in self._begun:
            return self._part
        return max(self._part, min((self._clock() - self._begun[number]) / self._last_took, _GUESSED_AT_MOST))
