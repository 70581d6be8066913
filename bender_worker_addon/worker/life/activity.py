# SPDX-License-Identifier: GPL-3.0-or-later
"""Activity: what the worker is to do with its tasks: work, pause or stop. Only what is wanted; see `interrupt`."""

import enum


class Stop(enum.Enum):
    """When a worker that is to stop does so; each is more urgent than the one before."""

    AFTER_TASK = "after the frames in hand"
    AFTER_FRAME = "after the frame in hand"
    NOW = "now"


class Pause(enum.Enum):
    """What a pausing worker does with the task in hand."""

    FINISH = "finish it"
    SUSPEND = "suspend it"
    GIVE_BACK = "give it back"


class Asker(enum.Enum):
    """Who may want the worker to pause, each for itself."""

    HERE = "here"
    FARM = "the farm"


_BY_URGENCY = list(Stop)
_BY_STRENGTH = list(Pause)


class Activity:
    """`stopping` says what was asked for last, `stop_reason` and `reason` why it stops or is paused, for people."""

    def __init__(self) -> None:
        self.stopping: Stop | None = None
        self.stop_reason = ""
        self._pauses: dict[Asker, tuple[Pause, str]] = {}

    @property
    def paused(self) -> Pause | None:
        """The strongest of what was asked for last by each."""
        return max((how for how, _ in self._pauses.values()), key=_BY_STRENGTH.index, default=None)

    @property
    def reason(self) -> str:
        return ", ".join(reason for _, reason in self._pauses.values() if reason)

    def paused_by(self, asker: Asker) -> Pause | None:
        return self._pauses[asker][0] if asker in self._pauses else None

    @property
    def level(self) -> Stop | Pause | None:
        """What counts now: a stop more than a pause; None: the worker works."""
        return self.stopping or self.paused

    def stop(self, when: Stop, reason: str = "") -> None:
        """A stop is never taken back and never becomes less urgent."""
        if self.stopping is None or _BY_URGENCY.index(when) > _BY_URGENCY.index(self.stopping):
            self.stopping, self.stop_reason = when, reason

    def pause(self, how: Pause, reason: str, asker: Asker = Asker.HERE) -> None:
        self._pauses[asker] = how, reason

    def resume(self, asker: Asker = Asker.HERE) -> None:
        """What another has asked for still counts."""
        self._pauses.pop(asker, None)
