# SPDX-License-Identifier: GPL-3.0-or-later
"""Dispatcher: which child renders which task.

A child keeps its job's blend open and is given its next tasks before the present one is done, so that it never waits.
`renderers` of them work side by side; one more is kept warm while there is memory for it, so that two jobs in turn
don't cost a start each time. A child is replaced after any failure, when it has grown too much, and after each task
where it must not be kept.
"""

import itertools
import logging
from collections.abc import Callable, Iterable
from pathlib import Path

from ...core.in_flight import InFlight, Stage
from ...core.messages import Command, FrameWritten
from ...core.task import Task
from ...core.tile import TileFile
from ...system import memory
from .child import Child
from .pool import Pool
from .prefetch import Prefetch

log = logging.getLogger(__name__)

_MUCH_SLOWER = 2  # times as long for a task
_LEISURE = 0.25  # seconds at a time
_LEISURELY = 1 / 8  # of the time for which a child has work: from one's end to another's coming it takes four ticks
_PRUNE_EVERY = 50  # tasks


class Dispatcher:
    """`memory_limit`: bytes a child may have, 0 for as many as there are."""

    def __init__(self, pool: Pool, *, renderers: int, memory_limit: int) -> None:
        self._pool = pool
        self._renderers = renderers
        self._memory_limit = memory_limit
        self._prefetch = Prefetch(children=renderers)
        self._attempts = itertools.count(1)
        self._moving: int | None = None
        self._started_for = ""  # the last job for which a child was started ahead

    @property
    def worth_holding(self) -> int:
        """How many tasks a worker should hold now so that no child ever waits."""
        if self._prefetch.just_in_time:
            return self._renderers + sum(child.next_wanted_in <= 0 for child in self._pool.children)
        return self._renderers * (1 + self._prefetch.ahead)

    @property
    def holds_many(self) -> bool:
        return self._prefetch.ahead > 1

    @property
    def leisure(self) -> float:
        """Seconds for which nothing need be done, as every child has work for much longer: to wake up for each step of
        each short task would slow the renders down. 0 if somebody may be waiting."""
        working = self._working()
        if len(working) < self._renderers:
            return 0.0
        ahead = min(child.tasks for child in working) - 1
        return min(_LEISURE, _LEISURELY * ahead * self._prefetch.shortest)

    def is_current(self, child: int) -> bool:
        return self._pool.get(child) is not None

    def child_of(self, held: InFlight) -> int | None:
        """The child that was given the task."""
        return next((child.number for child in self._pool.children if child.attempt_at(held) is not None), None)

    def task_of(self, number: int, attempt: int) -> InFlight | None:
        """The task that a child has been given for this attempt, unless it is its no longer."""
        child = self._pool.get(number)
        return None if child is None else child.task_of(attempt)

    def next_wanted_in(self, number: int) -> float:
        """Seconds until the child's next task should be asked for; inf if that can't be told before it begins another
        frame."""
        return self._child(number).next_wanted_in

    def _child(self, number: int) -> Child:
        child = self._pool.get(number)
        assert child is not None
        return child

    def _working(self) -> list[Child]:
        return [child for child in self._pool.children if not child.is_idle]

    # Giving

    def feed(
        self,
        ready: Iterable[InFlight],
        blend_of: Callable[[str], Path],
        tiles_of: Callable[[Task], tuple[TileFile, ...]] = lambda _: (),
    ) -> None:
        """Gives tasks, oldest first, as far as there is room."""
        for used_up in [child for child in self._pool.children if child.is_used_up]:
            self._pool.dismiss(used_up)
        for held in ready:
            blend = blend_of(held.task.job_id)
            child = self._child_for(held, blend)
            if child is None:
                return
            self._give(child, held, blend, tiles_of(held.task))

    def _child_for(self, held: InFlight, blend: Path) -> Child | None:
        """An idle one while fewer work than may; else the one of its job that will be idle first, if it has room. Of
        several the one on the best device."""
        job_id = held.task.job_id
        working = self._working()
        if len(working) < self._renderers:
            return min(self._idle(job_id), key=lambda child: child.share, default=None) or self._another(held, blend)
        with_room = [child for child in working if child.serves(job_id) and child.has_room(ahead=self._prefetch.ahead)]
        return min(with_room, key=lambda child: (child.tasks, child.next_wanted_in, child.share), default=None)

    def _idle(self, job_id: str | None) -> list[Child]:
        """Those that have nothing to do and may have a task of this job."""
        return [child for child in self._pool.children if child.is_idle and job_id and child.serves(job_id)]

    def _another(self, held: InFlight, blend: Path) -> Child:
        if not self._has_one_ahead():
            self._make_room(self._renderers + (1 if self._has_memory_for_another() else 0))
        return self._pool.start_for(held, blend)

    def _has_one_ahead(self) -> bool:
        """Whether there is a child that has no job yet."""
        return any(child.job_id is None for child in self._pool.children)

    def _make_room(self, most: int) -> None:
        """There are to be no more children than so many, with one that starts now."""
        idle = [child for child in self._pool.children if child.job_id is not None and child.is_idle]
        for child in idle[: max(0, len(self._pool.children) + 1 - most)]:
            self._pool.dismiss(child)

    def start_ahead(self, coming: Iterable[InFlight]) -> None:
        """Starts a child for the first of these tasks, whose blends are on their way, if none could have it and no
        other task is kept waiting for that; once for each job."""
        first = next(iter(coming), None)
        if first is None or first.task.job_id == self._started_for or len(self._working()) == self._renderers:
            return
        job_id = first.task.job_id
        if not self._has_one_ahead() and not self._idle(job_id):
            if not (self._pool.can_start_ahead and self._has_memory_for_another()):
                return
            self._make_room(self._renderers + 1)
            self._pool.start_ahead()
        self._started_for = job_id

    def _has_memory_for_another(self) -> bool:
        return memory.available() > 2 * max((child.memory for child in self._pool.children), default=0)

    def _give(self, child: Child, held: InFlight, blend: Path, tiles: tuple[TileFile, ...]) -> None:
        attempt, task = next(self._attempts), held.task
        folder = child.folder / str(attempt)
        command = Command(attempt, blend, held.missing, task.image_format, folder, task.region, tiles, task.colors)
        self._pool.use(child)
        child.give(held, command, log_file=self._pool.log_file(held))
        held.stage, held.attempt = Stage.GIVEN, attempt
        if attempt % _PRUNE_EVERY == 0:
            self._pool.prune_logs()

    def even_out(self) -> None:
        """Where a task waits behind a child's frame while another child of its job has nothing to do and is not much
        slower, asks for that task; `revoked` gives it. Short ones are done before that would pay."""
        working = self._working()
        moving = self._moving is not None and any(child.has(self._moving) for child in working)
        if self.holds_many or moving or len(working) == self._renderers:
            return
        for child in [child for child in working if child.tasks > 1]:
            lasts = max(child.last_task, child.at_frame_for)
            if any(idle.last_task < _MUCH_SLOWER * lasts for idle in self._idle(child.job_id)):
                self._moving = child.revoke_last()
                return

    def revoke(self, held: InFlight) -> None:
        """Asks for a task back that its child has not begun; if it comes, `revoked` gives it."""
        for child in self._pool.children:
            attempt = child.attempt_at(held)
            if attempt is not None:
                child.revoke(attempt)

    # What children say

    def lives(self, number: int) -> None:
        self._child(number).heard()

    def loaded(self, number: int, *, keep: bool, device: str) -> None:
        self._child(number).loaded(keep=keep, device=device)

    def began(self, number: int, attempt: int) -> InFlight | None:
        """The task whose command the child began just now; None if there is none or it was known to be begun."""
        return self._child(number).began(attempt)

    def frame_written(self, event: FrameWritten) -> tuple[InFlight, Path] | None:
        """Whose a written frame is and where it lies. After its last frame the command is no longer the child's."""
        child = self._child(event.child)
        attempt = child.wrote(event)
        if attempt is None:
            return None
        held, command = attempt.held, attempt.command
        held.device = child.device
        if event.frame == command.frames[-1]:
            held.stage = Stage.STORING
        self._prefetch.add(child.last_task)
        self._keep_small(child)
        return held, command.file(event.frame)

    def revoked(self, number: int, attempt: int) -> tuple[InFlight | None, bool]:
        """The task of a command that is no longer the child's, and whether another child is to have it."""
        return self._child(number).revoked(attempt), attempt == self._moving

    def _keep_small(self, child: Child) -> None:
        if len(self._pool.children) > self._renderers and memory.available() < child.memory:
            self._dismiss_idle()
        if why := child.outgrown(self._memory_limit):
            log.info("Blender has %.0f MB of memory, %s: it is started anew", child.memory / 1e6, why)
            child.stop_for_good()

    def _dismiss_idle(self) -> None:
        for child in [child for child in self._pool.children if child.is_idle][:1]:
            log.info("memory is short: the Blender that was kept for job %s is ended", child.job_id)
            self._pool.dismiss(child)

    # What interrupts

    def has_slow_frame(self) -> bool:
        """Whether a frame has taken so much longer than expected by now that no other should be waiting for it; if so,
        few are held on."""
        rendering = [child for child in self._pool.children if child.is_rendering]
        if self._prefetch.just_in_time:
            rendering = [child for child in rendering if child.times.known]  # else nothing was held for it
        slow = [child for child in rendering if child.times.is_slow(child.at_frame_for)]
        for child in slow:
            child.times.forget()
            self._prefetch.add(child.at_frame_for)
        return bool(slow)

    def silent_for(self, seconds: float) -> list[int]:
        """The children that have work and have said nothing for so long."""
        return [child.number for child in self._pool.children if child.silent_for > seconds]

    def end_child(self, number: int, at: int | None = None) -> tuple[InFlight | None, list[InFlight]]:
        """Ends a child, if it has not ended by itself, because of attempt `at` or whatever attempt it is at. Gives the
        task of that attempt, if any, and the others it held, which are not to blame."""
        child = self._pool.get(number)
        if child is None:
            return None, []
        self._pool.kill(child)
        blamed, others = child.taken_back(at)
        if blamed is not None:
            blamed.output, blamed.device = child.last_lines, child.device
        return blamed, others

    def replace(self, number: int, held: InFlight) -> None:
        """A child that can't be trusted any more, for what it made of this task: it ends after the frame in hand, if it
        has not ended yet."""
        child = self._pool.get(number)
        if child is not None:
            held.output = child.last_lines
            child.stop_for_good()

    def end_all(self) -> list[InFlight]:
        """Ends every child; gives the tasks they had."""
        ended = [self.end_child(child.number) for child in list(self._pool.children)]
        return [held for blamed, others in ended for held in (blamed, *others) if held is not None]

    def suspend(self, wanted: bool) -> None:
        """Every child stops where it is, or goes on. To be said again and again: another may have started since."""
        for child in self._pool.children:
            child.suspend(wanted)

    def stop_after_frame(self) -> None:
        for child in self._pool.children:
            child.stop_after_frame()
