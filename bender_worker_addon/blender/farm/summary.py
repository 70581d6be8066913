# SPDX-License-Identifier: GPL-3.0-or-later
"""Summary: all that there is to say of jobs and worker in a line so short that it fits into the status bar. No bpy."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...core.snapshot import Snapshot, State, TaskInHand
from . import words

if TYPE_CHECKING:
    from ...farm.books import Job

_IN_SECONDS = 60  # of time left: what is longer is told by tens
_AN_HOUR = 3600


def line(shown: Snapshot, jobs: "Sequence[Job]", *, works: bool, elsewhere: str = "") -> str:
    """`shown` is of this Blender's worker, which `works` if it was started; `elsewhere`: what one in another Blender of
    hers does. Empty if there is nothing to say."""
    if not works and elsewhere and jobs_left(jobs):
        return in_other(elsewhere)
    if not works:
        return waiting(jobs)
    if shown.state is State.RENDERING and shown.task is not None:
        part, seconds = _progress(shown, shown.task, jobs)
        if not part and shown.task.doing:
            return shown.task.doing
        return f"{part:.0%}" if seconds is None else f"{part:.0%} · {words.duration(seconds)} left"
    return words.state(shown.state.value)


def in_other(elsewhere: str) -> str:
    """What the worker of another Blender of hers does."""
    return f"{words.state(elsewhere)} in your other Blender"


def waiting(jobs: "Sequence[Job]") -> str:
    """`3 jobs wait`; empty if none does."""
    left = jobs_left(jobs)
    return f"{left} {'job waits' if left == 1 else 'jobs wait'}" if left else ""


def jobs_left(jobs: "Sequence[Job]") -> int:
    from ...farm.books import OVER

    return sum(job.status not in OVER and not job.paused for job in jobs)


def _progress(shown: Snapshot, task: TaskInHand, jobs: "Sequence[Job]") -> tuple[float, int | None]:
    """How much of the job at hand is done, 0 to 1, and for how many seconds it will last; of the task, where the job
    can't be seen."""
    job = next((job for job in jobs if job.id == task.job_id), None)
    if job is None or job.total <= task.total:
        return task.part, _rounded(task.left)
    done = min(job.total, job.done + job.failed + task.part * task.total)
    left = (job.total - done) * _AN_HOUR / shown.an_hour if shown.an_hour else None
    return done / job.total, _rounded(left)


def _rounded(seconds: float | None) -> int | None:
    """Not so exact that it changes all the time."""
    if seconds is None:
        return None
    return round(seconds) if seconds < _IN_SECONDS else 10 * round(seconds / 10)
