# SPDX-License-Identifier: GPL-3.0-or-later
"""Retry: how often what has failed is tried again, where, and after how long. Every such rule stands here.

A remedy of NONE or ELSEWHERE is not tried again here; RETRY is, a few times; WAIT for as long as it takes, for then no
task is to blame. What is given up here may go to another worker, unless nothing can help.
"""

import random
import re
from collections.abc import Callable
from dataclasses import dataclass

from .errors import Remedy

_DOUBLINGS = 16  # after which the longest wait is reached for certain
_TOLD_AT_MOST = 600.0  # seconds; a server may be well again sooner than it thought


@dataclass(frozen=True, slots=True)
class Retry:
    """`tries`: how often, in all, something is tried here that may go well in a moment. The waits between grow from
    `first` to `longest` seconds by doubling. `chance`, from 0 to 1, sets each at half its length or more, so that the
    workers of a farm don't all come back at once."""

    tries: int
    first: float = 0.0
    longest: float = 0.0
    chance: Callable[[], float] = random.random

    def again_in(self, remedy: Remedy, failures: int, *, retry_after: float = 0.0) -> float | None:
        """Seconds until it is to be tried again here after so many `failures` of this kind; None if it is not. A server
        that has said when (`retry_after`) is not asked sooner, but for one that wants to be left alone for long."""
        if remedy is not Remedy.WAIT and not (remedy is Remedy.RETRY and failures < self.tries):
            return None
        wait = min(self.first * 2.0 ** min(failures - 1, _DOUBLINGS), self.longest) * (1 + self.chance()) / 2
        told = min(retry_after, _TOLD_AT_MOST) * (1 + self.chance() / 4)
        return max(wait, told)


DOWNLOADS = Retry(tries=4, first=0.5, longest=60.0)
RESUMES = Retry(tries=4, first=0.5, longest=0.5)
"""Of a download that was cut. Only those count after which not one byte more had come."""
UPLOADS = Retry(tries=4, first=1.0, longest=300.0)
NOTICES = Retry(tries=8, first=2.0, longest=300.0)
"""Of what has happened, to people: some ten minutes later it is no news any more."""
RENDERS = Retry(tries=2)
"""A fresh Blender has the second."""

BLAMED_AFTER = 7
"""Times, over half a minute or so, that a job's blend had to be waited for. From then on it is tried each time whether
another job's can be had at that moment: if so it is this one's own trouble, and is waited for no longer."""


ALIKE = 3
"""Tasks of a job that fail one after the other, on a machine or a farm, before the rest is looked at otherwise: if they
fail in the same way, nothing more of it is tried."""
_VARIES = re.compile(r"0x[0-9a-fA-F]+|\d+")


def kind_of(reason: str) -> str:
    """The same text for reasons that differ in numbers only, as in the frame's."""
    return _VARIES.sub("#", reason)


def stopped(what: str, reason: str) -> str:
    """What people are told of a job of which nothing more is tried; `what` has failed, as in "3 frames"."""
    return f"Stopped after {what} failed in the same way: {reason}"


def goes_elsewhere(remedy: Remedy) -> bool:
    """Whether what is given up here may go well with another worker."""
    return remedy is not Remedy.NONE
