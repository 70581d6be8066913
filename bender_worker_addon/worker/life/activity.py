# SPDX-License-Identifier: GPL-3.0-or-later
"""Activity: what the worker is to do with its tasks: work, pause or stop. Only what is wanted; see `interrupt`."""

import enum


class Stop(enum.Enum):
    """When a worker that is to stop does so; each is more urgent than the one before."""

    AFTER_TASK = "after the task in hand"
    AFTER_FRAME = "after the frame in hand"
    NOW = "now"


class Pause(enum.Enum):
    """What a pausing worker does with the task in hand."""

    FINISH = "finish it"
    SUSPEND = "suspend it"
    GIVE_BACK = "give it back"


_BY_URGENCY = list(Stop)


class Activity:
    """`stopping` and `paused` say what was asked for last, `reason` why it is paused, for people."""

    def __init__(self) -> None:
        self.stopping: Stop | None = None
        self.paused: Pause | None = None
        self.reason = ""

    @property
    def level(self) -> Stop | Pause | None:
        """What counts now: a stop more than a pause; None: the worker works."""
        return self.stopping or self.paused

    def stop(self, when: Stop) -> None:
        """A stop is never taken back and never becomes less urgent."""
        if self.stopping is None or _BY_URGENCY.index(when) > _BY_URGENCY.index(self.stopping):
            self.stopping = when

    def pause(self, how: Pause, reason: str) -> None:
        self.paused, self.reason = how, reason

    def resume(self) -> None:
        self.paused, self.reason = None, ""
