# SPDX-License-Identifier: GPL-3.0-or-later
"""Blends: which are here, which are on their way, and which may go. One stands under its name only when it is whole."""

import logging
import sched
import time
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Protocol

from .errors import BlendError
from .flaskbender import BlendFailed, BlendReady, JobStatus
from .lane import Lane

log = logging.getLogger(__name__)

_TRIES = 4  # times a blend is asked for while flaskbender answers with errors
_RETRY_FIRST, _RETRY_LAST = 0.5, 60.0  # seconds between two attempts
_OVER = frozenset({"Finished", "Canceled"})  # job statuses after which no task of the job will come


class Source(Protocol):
    """Where blends come from. Both methods block."""

    def fetch_blend(self, job_id: str, target: Path, /) -> BlendReady | BlendFailed: ...

    def job_status(self, job_id: str, /) -> JobStatus: ...


class Blends:
    """The folder of blends, `<job-id>.blend` each: one download a job, however many tasks wait for it. `trouble` says
    why none can be fetched at all, if so."""

    def __init__(
        self, folder: Path, *, source: Source, transfers: Lane, schedule: sched.scheduler, grace_period: float
    ) -> None:
        """`grace_period`: seconds the blend of a job that is over is kept."""
        self._folder = folder
        self._source = source
        self._transfers = transfers
        self._schedule = schedule
        self._grace_period = grace_period
        self._here = {path.stem for path in folder.glob("*.blend")}  # also those an earlier run left
        self._tries: dict[str, int] = {}
        self._asked: set[str] = set()  # jobs whose status is on its way: a slow flaskbender is not asked twice
        self._over_since: dict[str, float] = {}
        self.trouble = ""

    def path(self, job_id: str) -> Path:
        return self._folder / f"{job_id}.blend"

    def has(self, job_id: str) -> bool:
        return job_id in self._here and self.path(job_id).is_file()

    def fetch(self, job_id: str) -> None:
        """Sees to it that the blend comes, or that `failed` says why not."""
        if job_id not in self._tries:
            self._tries[job_id] = 0
            self._download(job_id)

    def arrived(self, event: BlendReady) -> None:
        del self._tries[event.job_id]
        self.trouble = ""
        self._here.add(event.job_id)

    def failed(self, event: BlendFailed, *, wanted: bool) -> BlendError | None:
        """Tries again if that can help and the blend still is `wanted`; else gives the error.

        A flaskbender that can't be reached is tried for ever: no task is to blame, and none could be rendered instead.
        """
        job_id, error = event.job_id, event.error
        self._tries[job_id] += 1
        self.trouble = str(error) if error.patient and wanted else ""
        if not wanted or not (error.patient or (error.again and self._tries[job_id] < _TRIES)):
            del self._tries[job_id]
            return error
        delay = min(_RETRY_FIRST * 2 ** min(self._tries[job_id] - 1, 10), _RETRY_LAST)
        log.warning("job %s: %s; trying again in %.1f s", job_id, error, delay)
        self._schedule.enter(delay, 1, self._download, (job_id,))
        return None

    def look_after(self, *, needed: set[str]) -> None:
        """Deletes the blends of jobs that are over for longer than the grace period and not `needed` by a task here,
        and asks flaskbender after the other jobs."""
        for job_id, since in list(self._over_since.items()):
            past_grace = time.monotonic() - since >= self._grace_period
            if past_grace and job_id not in needed and self._remove(job_id):
                log.info("job %s is over: its blend is deleted", job_id)
        self._ask(self._here - needed)

    def job_is(self, event: JobStatus) -> None:
        """Notes a job's status. An answer that did not come changes nothing."""
        self._asked.discard(event.job_id)
        if event.status in _OVER and event.job_id in self._here:
            self._over_since.setdefault(event.job_id, time.monotonic())
        elif event.status is not None:
            self._over_since.pop(event.job_id, None)

    def _ask(self, jobs: Iterable[str]) -> None:
        for job_id in sorted(set(jobs) - self._asked):
            self._asked.add(job_id)
            self._transfers.submit(partial(self._source.job_status, job_id))

    def _download(self, job_id: str) -> None:
        self._transfers.submit(partial(self._source.fetch_blend, job_id, self.path(job_id)))

    def _remove(self, job_id: str) -> bool:
        try:
            self.path(job_id).unlink(missing_ok=True)
        except OSError as error:
            log.warning("the blend %s can't be deleted: %s", self.path(job_id), error.strerror)
            return False
        self._here.discard(job_id)
        self._over_since.pop(job_id, None)
        return True
