# SPDX-License-Identifier: GPL-3.0-or-later
"""CircuitBreaker: what speaks against beginning a task here. It was begun before and the worker did not live to see its
end, or its job fails here again and again, and others may have better luck."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from ...core import retry
from ...core.in_flight import InFlight
from ..state.journal import Journal

_ENDED_WORKERS = 3  # runs of this worker that a task may end
_OPEN_FOR = 300.0  # seconds that lasts
_STOPPED_FOR = 60.0  # seconds after the last of its tasks came, that a job stays stopped: then somebody retries it


@dataclass(slots=True)
class _Failures:
    """Those of a job in a row: how many, and of how many frames the last ones were that failed for the same `reason`,
    but for its numbers."""

    count: int = 0
    alike: int = 0
    frames: int = 0
    reason: str = ""
    open_until: float = 0.0
    stopped_until: float = 0.0


class CircuitBreaker:
    """`alone`: there is nobody now whom anything could be left to. `here_only`: nor will there ever be: all who take
    tasks from the queue are on this machine. There the books stop a job, and know when it is retried."""

    def __init__(
        self, *, journal: Journal, here_only: bool = False, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._journal = journal
        self._clock = clock
        self._failures: dict[str, _Failures] = {}
        self.here_only = self.alone = here_only

    def task_begins(self, held: InFlight) -> None:
        """A child begins with the task. One that has been out before may take the whole machine down: then what is
        written must be on the disk soon."""
        if held.started_at is None:
            self._journal.count_start(held.task.id)
            if held.redelivered:
                self._journal.settle()

    def task_ended(self, held: InFlight) -> None:
        """However it has ended, the worker has lived to see it."""
        self._journal.forget_starts(held.task.id)

    def why_hopeless(self, held: InFlight) -> str:
        """Why the task is not to be begun here, or "": whatever it does, it would do to the worker again."""
        times = self._journal.starts(held.task.id)
        return f"this worker ended {times} times while it rendered the task" if times >= _ENDED_WORKERS else ""

    def job_failed(self, job_id: str, reason: str, *, frames: int) -> None:
        """A task of the job, of so many frames, has failed here; another worker may have better luck."""
        its = self._failures.setdefault(job_id, _Failures())
        if retry.kind_of(reason) != retry.kind_of(its.reason):
            its.alike = its.frames = 0
        its.count, its.alike, its.frames, its.reason = its.count + 1, its.alike + 1, its.frames + frames, reason
        if its.count >= retry.ALIKE:
            its.open_until = self._clock() + _OPEN_FOR
        if its.alike >= retry.ALIKE:
            its.stopped_until = self._clock() + _STOPPED_FOR

    def job_succeeded(self, job_id: str) -> None:
        self._failures.pop(job_id, None)

    @property
    def failing(self) -> frozenset[str]:
        """The jobs that have failed here so often in a row that others come first."""
        return frozenset(job_id for job_id, its in self._failures.items() if self._clock() < its.open_until)

    def is_open_for(self, job_id: str) -> bool:
        """Whether tasks of the job are left to others for now: the circuit is open, nothing passes."""
        return not self.here_only and job_id in self.failing

    def why_stopped(self, job_id: str) -> str:
        """Why nothing more of the job is tried, or "": it failed here in the same way, and there is nobody else. As
        long as more of it comes that stays so."""
        its = self._failures.get(job_id)
        if its is None or self.here_only or not self.alone or self._clock() >= its.stopped_until:
            return ""
        its.stopped_until = self._clock() + _STOPPED_FOR
        return retry.stopped(f"{its.frames} frames", its.reason)
