# SPDX-License-Identifier: GPL-3.0-or-later
"""Child: one Blender that renders: what it has been given, how it gets on, when its next task should come."""

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ...core.in_flight import InFlight
from ...core.messages import Command, FrameWritten
from .process import ChildProcess

SLOW = 1.0  # seconds after which a frame is not one of those of which many are held
_REMEMBERED = 8  # frames
_LEAD = 0.1  # of a task's time: so long before its end the next is asked for
_LEAST_LEAD, _MOST_LEAD = 0.25, 30.0  # seconds; a task's way to a child takes two ticks in a window, a blend's longer
_FIRST = 3  # frames after which a child's size is taken for what its scene needs
_GROWN = 2  # times its size after its first frames: a child that has come to this is renewed


class FrameTimes:
    """How long a child's last frames took. The shortest of them counts, so that the child never waits."""

    def __init__(self) -> None:
        self._last: deque[float] = deque(maxlen=_REMEMBERED)

    @property
    def known(self) -> bool:
        return bool(self._last)

    def add(self, seconds: float) -> None:
        self._last.append(seconds)

    def forget(self) -> None:
        """What comes now is not as it was."""
        self._last.clear()

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


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt at a task: what is rendered, and for whom."""

    held: InFlight
    command: Command


class Child:
    """A process and the attempts it has been given, the oldest first. One without a `job_id` has no blend yet.

    `share`: of the machine's devices, on which it renders; `device`: what Cycles calls that; `memory`: bytes it has;
    `last_task`: seconds its last task took.
    """

    def __init__(
        self, process: ChildProcess, folder: Path, *, keep: bool, share: int, clock: Callable[[], float]
    ) -> None:
        """`folder` is for its frames in the making; `keep`: it may serve more than one task, if its scene allows it."""
        self.process = process
        self.folder = folder
        self.share = share
        self.job_id: str | None = None
        self.device = ""
        self.memory = 0
        self.last_task = 0.0
        self.times = FrameTimes()
        self._keep = keep
        self._clock = clock
        self._attempts: dict[int, Attempt] = {}
        self._at: int | None = None  # the attempt it began last, also when that is over
        self._frames_left = 0  # of that attempt
        self._frame_began = 0.0
        self._heard = clock()
        self._has_blend = False
        self._outworn = False
        self._suspended = False
        self._stopping = False
        self._frames = 0
        self._first_memory = 0  # what it had after its first frames

    @property
    def number(self) -> int:
        return self.process.child

    # What it has to do

    @property
    def is_idle(self) -> bool:
        return not self._attempts

    @property
    def tasks(self) -> int:
        """How many it has been given that are not done."""
        return len(self._attempts)

    @property
    def is_rendering(self) -> bool:
        """Whether it has begun what it has been given."""
        return self._at in self._attempts

    @property
    def is_used_up(self) -> bool:
        """It has nothing to do and must not be given anything more."""
        return self.is_idle and (self._outworn or not self._may_go_on)

    @property
    def _may_go_on(self) -> bool:
        return self._keep or self._at is None

    def serves(self, job_id: str) -> bool:
        return self.job_id == job_id and not self._outworn and self._may_go_on

    def has_room(self, *, ahead: int) -> bool:
        """Whether it may have another task, if so many are given ahead. Until its blend is open nobody knows whether it
        may be kept for a second one."""
        return self.tasks < (1 + ahead if self._keep and self._has_blend else 1)

    def has(self, attempt: int) -> bool:
        return attempt in self._attempts

    def task_of(self, attempt: int) -> InFlight | None:
        """The task of an attempt, unless that is its no longer."""
        return self._attempts[attempt].held if attempt in self._attempts else None

    def attempt_at(self, held: InFlight) -> int | None:
        """The attempt at this task that it has been given."""
        return next((number for number, attempt in self._attempts.items() if attempt.held is held), None)

    # What it is told

    def assign(self, job_id: str, log_file: Path) -> None:
        """It serves this job from now on; what it prints meanwhile goes to `log_file`."""
        self.job_id = job_id
        self.process.output.log_file = log_file

    def give(self, held: InFlight, command: Command, *, log_file: Path) -> None:
        """Its next task. It prints to `log_file` from the beginning of that on."""
        if self.is_idle:
            self.heard()
        self._attempts[command.attempt] = Attempt(held, command)
        self.process.render(command, log_file=log_file)

    def revoke(self, attempt: int) -> None:
        """Takes an attempt back that is not begun; then Revoked comes."""
        self.process.revoke(attempt)

    def revoke_last(self) -> int:
        """Takes back what was given last; gives which attempt that is."""
        last = next(reversed(self._attempts))
        self.revoke(last)
        return last

    def suspend(self, wanted: bool) -> None:
        """Stops it where it is, or lets it go on; nothing if it is so already."""
        if wanted != self._suspended:
            self._suspended = wanted
            self.process.suspend(wanted)
            self._heard = self._frame_began = self._clock()

    def stop_after_frame(self) -> None:
        """It ends after the frame in hand; to say so again changes nothing."""
        if not self._stopping:
            self._stopping = True
            self.process.stop_after_frame()

    def stop_for_good(self) -> None:
        """It ends after the frame in hand and gets nothing more: another takes its place."""
        self._outworn = True
        self.stop_after_frame()

    def quit(self) -> None:
        """Lets it end in peace; it has nothing to do."""
        self.process.quit()

    def quit_when_ready(self) -> None:
        """The same, however long it takes to come to that."""
        self.process.quit(patience=None)

    def kill(self) -> None:
        self.process.kill()

    def join(self, timeout: float) -> None:
        """Waits until it is gone, for at most `timeout` seconds."""
        self.process.join(timeout)

    def taken_back(self, attempt: int | None) -> tuple[InFlight | None, list[InFlight]]:
        """Nothing is its any more. Gives the task of this attempt, or of the one it is at if None; and the others."""
        if attempt is None:
            attempt = self._at if self.is_rendering else next(iter(self._attempts), None)
        blamed = self._attempts.pop(attempt, None) if attempt is not None else None
        others = [other.held for other in self._attempts.values()]
        self._attempts.clear()
        return (None if blamed is None else blamed.held), others

    # What it says

    def heard(self) -> None:
        """A sign of life."""
        self._heard = self._clock()

    def loaded(self, *, keep: bool, device: str) -> None:
        self._has_blend = True
        self._keep = self._keep and keep
        self.device = device

    def began(self, attempt: int) -> InFlight | None:
        """It began a frame. Gives the task if that is its first; None also for an attempt that is not its any more."""
        self._frame_began = self._clock()
        if attempt == self._at or attempt not in self._attempts:
            self._frames_left = max(1, self._frames_left - 1)
            return None
        self._at = attempt
        self._frames_left = len(self._attempts[attempt].command.frames)
        return self._attempts[attempt].held

    def wrote(self, event: FrameWritten) -> Attempt | None:
        """It wrote a frame; after the last one the attempt is no longer its. None if it was not before."""
        attempt = self._attempts.get(event.attempt)
        if attempt is None:
            return None
        frames = attempt.command.frames
        if event.frame == frames[-1]:
            del self._attempts[event.attempt]
        seconds = sum(event.spent.get(part, 0.0) for part in ("sync", "render", "write"))
        self.times.add(seconds)
        self.last_task = seconds * len(frames)
        self._frames += 1
        self.memory = event.memory
        if self._frames == _FIRST:
            self._first_memory = event.memory
        return attempt

    def revoked(self, attempt: int) -> InFlight | None:
        """An attempt is no longer its. Gives the task."""
        gone = self._attempts.pop(attempt, None)
        return None if gone is None else gone.held

    # How it gets on

    @property
    def last_lines(self) -> str:
        """What it has printed last."""
        return self.process.output.last_lines()

    @property
    def at_frame_for(self) -> float:
        """Seconds since it began the frame it is at, or was let go on with it; none while it is suspended."""
        return 0.0 if self._suspended else self._clock() - self._frame_began

    @property
    def silent_for(self) -> float:
        """Seconds for which it has work and says nothing of it; none while it is suspended."""
        return 0.0 if self.is_idle or self._suspended else self._clock() - self._heard

    @property
    def next_wanted_in(self) -> float:
        """Seconds until its next task should be asked for; inf if that can't be told before it begins another frame."""
        if self.is_idle:
            return math.inf
        if self.is_rendering and self._at is not None:
            frames = len(self._attempts[self._at].command.frames)
            return self.times.next_wanted_in(frames, left=self._frames_left, elapsed=self.at_frame_for)
        frames = len(next(iter(self._attempts.values())).command.frames)
        return self.times.next_wanted_in(frames, left=frames, elapsed=0.0)

    def outgrown(self, limit: int) -> str:
        """Why it is too large to be kept, or "". `limit`: bytes it may have, 0 for as many as there are."""
        if self._outworn:
            return ""
        if limit and self.memory > limit:
            return f"memory_limit is {limit / 1e9:g} GB"
        if self._first_memory and self.memory > _GROWN * self._first_memory:
            return f"it had {self._first_memory / 1e6:.0f}"
        return ""
