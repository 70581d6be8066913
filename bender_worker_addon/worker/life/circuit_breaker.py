# SPDX-License-Identifier: GPL-3.0-or-later
"""CircuitBreaker: what speaks against beginning a task here. It was begun before and the worker did not live to see its
end, or its job fails here again and again, and others may have better luck."""

import time
from collections.abc import Callable

from ...core.in_flight import InFlight
from ..state.journal import Journal

_ENDED_WORKERS = 3  # runs of this worker that a task may end
_IN_A_ROW = 3  # failures of a job after which its tasks are left to others
_OPEN_FOR = 300.0  # seconds that lasts


class CircuitBreaker:
    def __init__(self, *, journal: Journal, clock: Callable[[], float] = time.monotonic) -> None:
        self._journal = journal
        self._clock = clock
        self._failures: dict[str, int] = {}
        self._open_until: dict[str, float] = {}

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

    def job_failed(self, job_id: str) -> None:
        """A task of the job has failed here; another worker may have better luck."""
        self._failures[job_id] = self._failures.get(job_id, 0) + 1
        if self._failures[job_id] >= _IN_A_ROW:
            self._open_until[job_id] = self._clock() + _OPEN_FOR

    def job_succeeded(self, job_id: str) -> None:
        self._failures.pop(job_id, None)
        self._open_until.pop(job_id, None)

    def is_open_for(self, job_id: str) -> bool:
        """Whether tasks of the job are left to others for now: the circuit is open, nothing passes."""
        return self._clock() < self._open_until.get(job_id, 0.0)
