# SPDX-License-Identifier: GPL-3.0-or-later
"""AwakeClock: seconds in which this process ran. On some systems time.monotonic goes on while the machine sleeps, on
all of them while the process is stopped."""

import sched
import time
from collections.abc import Callable

_LOOK = 5.0  # seconds
_MOST = 2 * _LOOK


class AwakeClock:
    """Looks at `clock` every few seconds, by the worker's schedule: what is much longer between two looks was not lived
    through and counts as ten seconds."""

    def __init__(self, schedule: sched.scheduler, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._schedule = schedule
        self._clock = clock
        self._seen = clock()
        self._seconds = 0.0
        self._look()

    def __call__(self) -> float:
        now = self._clock()
        self._seconds += min(now - self._seen, _MOST)
        self._seen = now
        return self._seconds

    def _look(self) -> None:
        self()
        self._schedule.enter(_LOOK, 1, self._look)
