# SPDX-License-Identifier: GPL-3.0-or-later
"""Dispatcher: which child renders which task.

A child keeps its job's blend open and is given its next tasks before the present one is done, so that it never waits.
`renderers` of them work side by side; one more is kept warm while there is memory for it, so that two jobs in turn
don't cost a start each time. A child is replaced after any failure, when it has grown too much, and after each task
where it must not be kept.
"""

import itertools
import logging
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from ...core.in_flight import InFlight, Stage
from ...core.messages import Command, FrameWritten
from ...system import memory
from .pool import Child, Pool
from .prefetch import Prefetch

log = logging.getLogger(__name__)

_GROWN = 2  # times its size after its first frames: a child that has come to this is renewed
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
        working = [child for child in self._pool.children if child.given]
        if len(working) < self._renderers:
            return 0.0
        ahead = min(len(child.given) for child in working) - 1
        return min(_LEISURE, _LEISURELY * ahead * self._prefetch.shortest)

    def is_current(self, child: int) -> bool:
        return self._pool.get(child) is not None

    def child_of(self, held: InFlight) -> int | None:
        """The child that was given the task."""
        for child in self._pool.children:
            if any(given is held for given, _ in child.given.values()):
                return child.number
        return None

    def task_of(self, number: int, attempt: int) -> InFlight | None:
        """The task that a child has been given for this attempt, unless it is its no longer."""
        child = self._pool.get(number)
        return None if child is None or attempt not in child.given else child.given[attempt][0]

    def next_wanted_in(self, number: int) -> float:
        """Seconds until the child's next task should be asked for; inf if that can't be told before it begins another
        frame."""
        child = self._pool.get(number)
        assert child is not None
        return child.next_wanted_in

    # Giving

    def feed(self, ready: Iterable[InFlight], blend_of: Callable[[str], Path]) -> None:
        """Gives tasks, oldest first, as far as there is room. Raises WorkerError if no child can be started."""
        for used_up in [child for child in self._pool.children if child.is_used_up]:
            self._pool.dismiss(used_up)
        for held in ready:
            blend = blend_of(held.task.job_id)
            child = self._child_for(held, blend)
            if child is None:
                return
            self._give(child, held, blend)

    def _child_for(self, held: InFlight, blend: Path) -> Child | None:
        """An idle one while fewer work than may; else the one of its job that will be idle first, if it has room. Of
        several the one on the best device."""
        job_id = held.task.job_id
        if sum(bool(child.given) for child in self._pool.children) < self._renderers:
            idle = self._idle(job_id)
            return min(idle, key=lambda child: child.share) if idle else self._another(held, blend)
        working = [child for child in self._pool.children if child.given and child.serves(job_id)]
        with_room = [child for child in working if len(child.given) < self._room(child)]
        return min(with_room, key=lambda child: (len(child.given), child.next_wanted_in, child.share), default=None)

    def _idle(self, job_id: str | None) -> list[Child]:
        """Those that have nothing to do and may have a task of this job."""
        return [child for child in self._pool.children if not child.given and job_id and child.serves(job_id)]

    def _room(self, child: Child) -> int:
        """Until its blend is open nobody knows whether the child may be kept for a second task."""
        return 1 + self._prefetch.ahead if child.keep and child.loaded else 1

    def _another(self, held: InFlight, blend: Path) -> Child:
        idle = [child for child in self._pool.children if child.job_id is not None and not child.given]
        most = self._renderers + (1 if self._has_memory_for_another() else 0)
        for child in idle[: max(0, len(self._pool.children) + 1 - most)]:
            self._pool.dismiss(child)
        return self._pool.start_for(held, blend)

    def _has_memory_for_another(self) -> bool:
        return memory.available() > 2 * max((child.memory for child in self._pool.children), default=0)

    def _give(self, child: Child, held: InFlight, blend: Path) -> None:
        attempt = next(self._attempts)
        command = Command(attempt, blend, held.missing, held.task.image_format, child.folder / str(attempt))
        if not child.given:
            child.sign_of_life = time.monotonic()
        child.given[attempt] = (held, command)
        held.stage = Stage.GIVEN
        if attempt % _PRUNE_EVERY == 0:
            self._pool.prune_logs()
        self._pool.use(child)
        child.process.render(command, log_file=self._pool.log_file(held))

    def even_out(self) -> None:
        """Where a task waits behind a child's frame while another child of its job has nothing to do and is not much
        slower, asks for that task; `revoked` gives it. Short ones are done before that would pay."""
        at_work = [child for child in self._pool.children if child.given]
        moving = any(self._moving in child.given for child in at_work)
        if self.holds_many or moving or len(at_work) == self._renderers:
            return
        for child in [child for child in at_work if len(child.given) > 1]:
            lasts = max(child.took, child.at_it_for)
            if any(idle.took < _MUCH_SLOWER * lasts for idle in self._idle(child.job_id)):
                self._moving = next(reversed(child.given))
                child.process.revoke(self._moving)
                return

    def revoke(self, held: InFlight) -> None:
        """Asks for a task back that its child has not begun; if it comes, `revoked` gives it."""
        for child in self._pool.children:
            for attempt, (given, _) in child.given.items():
                if given is held:
                    child.process.revoke(attempt)

    # What children say

    def lives(self, number: int) -> None:
        child = self._pool.get(number)
        assert child is not None
        child.sign_of_life = time.monotonic()

    def loaded(self, number: int, *, keep: bool, device: str) -> None:
        child = self._pool.get(number)
        assert child is not None
        child.loaded = True
        child.keep = child.keep and keep
        child.device = device

    def began(self, number: int, attempt: int) -> InFlight | None:
        """The task whose command the child began just now; None if there is none or it was known to be begun."""
        child = self._pool.get(number)
        assert child is not None
        child.began_at = time.monotonic()
        if attempt == child.begun or attempt not in child.given:
            child.left = max(1, child.left - 1)
            return None
        child.begun = attempt
        held, command = child.given[attempt]
        child.left = len(command.frames)
        return held

    def written(self, event: FrameWritten) -> tuple[InFlight, Path] | None:
        """Whose a written frame is and where it lies. After its last frame the command is no longer the child's."""
        child = self._pool.get(event.child)
        assert child is not None
        if event.attempt not in child.given:
            return None
        held, command = child.given[event.attempt]
        held.device = child.device
        if event.frame == command.frames[-1]:
            del child.given[event.attempt]
            held.stage = Stage.STORING
        took = sum(event.spent.get(part, 0.0) for part in ("sync", "render", "write"))
        child.times.took(took)
        child.took = took * len(command.frames)
        self._prefetch.took(child.took)
        self._weigh(child, event.memory)
        return held, command.file(event.frame)

    def revoked(self, number: int, attempt: int) -> tuple[InFlight | None, bool]:
        """The task of a command that is no longer the child's, and whether another child is to have it."""
        child = self._pool.get(number)
        assert child is not None
        held, _ = child.given.pop(attempt, (None, None))
        return held, attempt == self._moving

    def _weigh(self, child: Child, size: int) -> None:
        child.weighs(size)
        if len(self._pool.children) > self._renderers and memory.available() < child.memory:
            self._dismiss_idle()
        limit = self._memory_limit
        too_large = bool(limit) and size > limit
        if not child.worn and (too_large or (child.settled_memory and size > _GROWN * child.settled_memory)):
            child.worn = True
            why = f"memory_limit is {limit / 1e9:g} GB" if too_large else f"it had {child.settled_memory / 1e6:.0f}"
            log.info("Blender has %.0f MB of memory, %s: it is started anew", size / 1e6, why)
            child.process.stop_after_frame()

    def _dismiss_idle(self) -> None:
        for child in [child for child in self._pool.children if not child.given][:1]:
            log.info("memory is short: the Blender that was kept for job %s is ended", child.job_id)
            self._pool.dismiss(child)

    # What interrupts

    def has_slow_frame(self) -> bool:
        """Whether a frame has taken so much longer than expected by now that no other should be waiting for it; if so,
        few are held on."""
        at_work = [child for child in self._pool.children if child.begun in child.given]
        if self._prefetch.just_in_time:
            at_work = [child for child in at_work if child.times.known]  # else nothing was held for it
        slow = [child for child in at_work if child.times.is_slow(child.at_it_for)]
        for child in slow:
            child.times.forget()
            self._prefetch.took(child.at_it_for)
        return bool(slow)

    def silent_for(self, seconds: float) -> list[int]:
        """The children that have work and have said nothing for so long."""
        now = time.monotonic()
        return [child.number for child in self._pool.children if child.given and now - child.sign_of_life > seconds]

    def end_child(self, number: int, at: int | None = None) -> tuple[InFlight | None, list[InFlight]]:
        """Ends a child, if it has not ended by itself, because of attempt `at` or whatever attempt it is at. Gives the
        task of that attempt, if any, and the others it held, which are not to blame."""
        child = self._pool.get(number)
        if child is None:
            return None, []
        given = child.given
        if at is None:
            at = child.begun if child.begun in given else next(iter(given), None)
        culprit = given.pop(at)[0] if at in given else None
        others = [held for held, _ in given.values()]
        self._pool.kill(child)
        return culprit, others

    def end_all(self) -> list[InFlight]:
        """Ends every child; gives the tasks they had."""
        ended = [self.end_child(child.number) for child in list(self._pool.children)]
        return [held for culprit, others in ended for held in (culprit, *others) if held is not None]

    def suspend(self, suspended: bool) -> None:
        """From now on every child is suspended, or none is."""
        for child in self._pool.children:
            if child.suspended != suspended:
                child.suspended = suspended
                child.process.suspend(suspended)
                child.sign_of_life = child.began_at = time.monotonic()

    def stop_after_frame(self) -> None:
        for child in self._pool.children:
            if not child.told_to_stop:
                child.told_to_stop = True
                child.process.stop_after_frame()
