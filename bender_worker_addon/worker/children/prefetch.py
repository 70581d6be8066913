# SPDX-License-Identifier: GPL-3.0-or-later
"""Prefetch: how many tasks are worth holding ahead and when one is, by how long the last took. Does nothing itself."""

from collections import deque

_STEPS = ((0.03, 48), (0.125, 16), (0.5, 4))  # seconds a task takes at most, tasks held ahead
_LOOSE = 1.5  # times as long they may take until fewer are held: nothing is to go to and fro
_REMEMBERED = 16  # tasks
_SELDOM = 2.0  # seconds between the tasks of several children, from which on each is asked for by itself


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

    def add(self, seconds: float) -> None:
        """A task took so long; the longest of the last ones counts."""
        self._last.append(seconds)
        longest = max(self._last)
        self.ahead = next((ahead for most, ahead in _STEPS if longest < most * self._patience(ahead)), 1)
        self.just_in_time = self.ahead == 1 and (self._children == 1 or longest > _SELDOM * self._children)

    def _patience(self, ahead: int) -> float:
        return _LOOSE if ahead == self.ahead else 1.0
