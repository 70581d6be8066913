# SPDX-License-Identifier: GPL-3.0-or-later
"""Night: rendering until a time of day, or until all is done; then the machine rests, if she wants it. No bpy."""

import re
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum, auto

from ...core.errors import WorkerError
from ...system.power import Rest
from ..farm.words import duration

_COUNTDOWN = timedelta(seconds=60)  # in which she can still call it off
_TIME = re.compile(r"(\d{1,2})(?:[:.](\d\d))?")


class Act(Enum):
    """What is to be done now."""

    NOTHING = auto()
    STOP = auto()  # the worker, after its frame
    STOP_NOW = auto()
    REST = auto()


@dataclass(frozen=True, slots=True)
class Night:
    """`until`: None for as long as there is something to do. `rests_at`: when the countdown is over, once it runs."""

    until: datetime | None
    rest: Rest
    rests_at: datetime | None = None

    def at(self, now: datetime, *, is_left: bool, works: bool) -> "tuple[Night | None, Act]":
        """How it goes on, and what is to be done. `is_left`: something is to be rendered; `works`: a worker runs. Where
        no time is set, what comes during the countdown is rendered, too."""
        is_over = now >= self.until if self.until is not None else not is_left
        if not is_over:
            return replace(self, rests_at=None), Act.NOTHING
        if self.rest is Rest.NOTHING:
            return None, Act.STOP if self.until else Act.NOTHING
        if self.rests_at is None:
            return replace(self, rests_at=now + _COUNTDOWN), Act.STOP if self.until else Act.NOTHING
        if now < self.rests_at:
            return self, Act.NOTHING
        return (self, Act.STOP_NOW) if works else (None, Act.REST)

    def words(self, now: datetime) -> str:
        if self.rests_at is not None:
            left = max(0.0, (self.rests_at - now).total_seconds())
            return f"this computer is going to {self.rest.value} in {duration(left)}"
        then = "" if self.rest is Rest.NOTHING else f", then {self.rest.value}"
        return f"until {f'{self.until:%H:%M}' if self.until else 'all is done'}{then}"


def next_time(text: str, now: datetime) -> datetime | None:
    """When it is that time of day again, such as 7:00; None of an empty text. Raises WorkerError."""
    if not text.strip():
        return None
    found = _TIME.fullmatch(text.strip())
    hour, minute = (int(found[1]), int(found[2] or 0)) if found else (24, 0)
    if hour > 23 or minute > 59:
        raise WorkerError(f"a time of day is like 7:00 or 23:30; found {text!r}")
    then = now.replace(hour=hour, minute=minute, second=0, microsecond=0)
    return then if then > now else then + timedelta(days=1)
