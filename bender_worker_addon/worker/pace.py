# SPDX-License-Identifier: GPL-3.0-or-later
"""Pace: how many tasks are worth holding ahead, by how long the last ones took. Does nothing itself."""

from collections import deque

_STEPS = ((0.03, 48), (0.125, 16), (0.5, 4))  # seconds a task takes at most, tasks held ahead
_REMEMBERED = 16  # tasks
SLOW = 1.0  # seconds after which a frame is not one of those of which many are held


class Pace:
    """`ahead`: tasks a child is to have besides the one it renders.

    One, if tasks take their time: what is held here can't be rendered elsewhere. Of short ones so many that the child
    has enough for half a second: in a window that is the time from one task's end to the next one's coming.
    """

    def __init__(self) -> None:
        self.ahead = 1
        self._last: deque[float] = deque(maxlen=_REMEMBERED)

    def took(self, seconds: float) -> None:
        """Notes how long a task took: the longest of the last ones counts, so that nothing goes to and fro."""
        self._last.append(seconds)
        self.ahead = next((ahead for most, ahead in _STEPS if max(self._last) < most), 1)

    def is_slow(self) -> None:
        """A frame takes longer than those before it let expect."""
        self.took(SLOW)
