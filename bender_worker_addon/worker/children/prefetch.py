# SPDX-License-Identifier: GPL-3.0-or-later
"""Prefetch: how many tasks are worth holding ahead and when one is, by how long the last took. Does nothing itself."""

import math
from collections import deque

_STEPS = ((0.03, 48), (0.125, 16), (0.5, 4))  # seconds a task takes at most, tasks held ahead
_LOOSE = 1.5  # times as long they may take until fewer are held: nothing is to go to and fro
_REMEMBERED = 16  # tasks
_SELDOM = 2.0  # seconds between the tasks of several children, from which on each is asked for by itself
SLOW = 1.0  # seconds after which a frame is not one of those of which many are held
_FRAMES = 8  # that are remembered of a child
_LEAD = 0.1  # of a task's time: so long before its end the next is asked for
_LEAST_LEAD, _MOST_LEAD = 0.25, 30.0  # seconds; a task's way to a child takes two ticks in a window, a blend's longer


class Prefetch:
    """`ahead`: tasks each of so many children is to have besides the one it renders; `just_in_time`: only when that is
    nearly over.

    One just in time, if tasks take theirs: what is held here can't be rendered elsewhere. Of short ones so many that
    the child has enough for half a second: in a window that is the time from one task's end to the next one's coming.
    Several children have one all the while if tasks come often: what is on its way here when fewer are to come goes
    back, and counts as having been out.
    """

    def __init__(self, *, children: int) -> None:
        self.ahead = 1
        self.just_in_time = True
        self._children = children
        self._last: deque[float] = deque(maxlen=_REMEMBERED)

    @property
    def shortest(self) -> float:
        """Seconds that the shortest of the last tasks took."""
        return min(self._last, default=0.0)

    def took(self, seconds: float) -> None:
        """Notes how long a task took; the longest of the last ones counts."""
        self._last.append(seconds)
        longest = max(self._last)
        self.ahead = next((ahead for most, ahead in _STEPS if longest < most * self._patience(ahead)), 1)
        self.just_in_time = self.ahead == 1 and (self._children == 1 or longest > _SELDOM * self._children)

    def _patience(self, ahead: int) -> float:
        return _LOOSE if ahead == self.ahead else 1.0


class FrameTimes:
    """How long a child's last frames took. The shortest of them counts, so that the child never waits."""

    def __init__(self) -> None:
        self._last: deque[float] = deque(maxlen=_FRAMES)

    def took(self, seconds: float) -> None:
        self._last.append(seconds)

    def next_wanted_in(self, frames: int, *, left: int, elapsed: float) -> float:
        """Seconds until the task after one of so many frames should be asked for, of which some are left and one began
        `elapsed` seconds ago; inf if that can't be told before another of them begins."""
        if not self.known:
            return math.inf
        frame = min(self._last)
        lead = min(max(_LEAD * frames * frame, _LEAST_LEAD), _MOST_LEAD)
        left_of_this = max(0.0, frame - elapsed)
        wait = round((left - 1) * frame + left_of_this - lead, 3)  # 0 when it has passed, whatever floats say
        return wait if wait <= left_of_this else math.inf

    def is_slow(self, elapsed: float) -> bool:
        """Whether a frame takes much longer than those before it let expect."""
        return elapsed > max(SLOW, 2 * max(self._last, default=0.0))

    def forget(self) -> None:
        """What comes now is not as it was."""
        self._last.clear()

    @property
    def known(self) -> bool:
        return bool(self._last)
