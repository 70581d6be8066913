# SPDX-License-Identifier: GPL-3.0-or-later
"""Blend cache: the blends that this worker has downloaded, and which of them may go."""

import contextlib
import logging
import os
import sched
import time
from pathlib import Path

from ...core.errors import FolderInUse
from ...core.transfers import BlendReady, JobStatus, Source, unfinished
from ...system.executor import Executor
from ...system.lock import Lock
from ..state.journal import Journal
from .blends import CANCELED, Blends

log = logging.getLogger(__name__)

_LOCK = ".bender-worker.lock"
_OVER = frozenset({"Finished", CANCELED})  # job statuses after which no task of the job will come


class BlendCache(Blends):
    """The folder of blends, `<job-id>.blend` each. Only what this worker has stored itself, now or in an earlier run,
    is used or deleted: the folder may be somebody's own. No other worker has the same one until `close`."""

    def __init__(
        self,
        folder: Path,
        *,
        source: Source,
        transfers: Executor,
        questions: Executor,
        schedule: sched.scheduler,
        journal: Journal,
        grace_period: float,
        cache_limit: float,
    ) -> None:
        """`grace_period`: seconds the blend of a job that is over is kept. `cache_limit`: GB of blends that are kept
        although no task here needs them. Raises FolderInUse if the folder is another worker's."""
        super().__init__(folder, source=source, transfers=transfers, questions=questions, schedule=schedule)
        self._lock = _taken(folder)
        self._journal = journal
        self._grace_period = grace_period
        self._cache_limit = cache_limit
        self._here = {job_id for job_id in journal.blends() if self.path(job_id).is_file()}
        self._over_since: dict[str, float] = {}
        self._remove_leftovers()

    def close(self) -> None:
        self._lock.close()

    def has(self, job_id: str) -> bool:
        """Whether it is here. Who asks is about to use it: it counts as new for the cache limit."""
        if job_id not in self._here:
            return False
        try:
            os.utime(self.path(job_id))
        except OSError:
            return False
        return True

    def arrived(self, event: BlendReady) -> None:
        super().arrived(event)
        self._journal.add_blend(event.job_id)

    def job_is(self, event: JobStatus) -> None:
        super().job_is(event)
        if event.status in _OVER:
            self._over_since.setdefault(event.job_id, time.monotonic())
        elif event.status is not None:
            self._over_since.pop(event.job_id, None)

    def look_after(self, *, needed: set[str]) -> None:
        """Deletes the blends that may go, none of them `needed` by a task here: of jobs that are over for longer than
        the grace period, and the oldest if they are too many. Asks flaskbender after all jobs."""
        unneeded = self._here - needed
        for job_id in sorted(unneeded & self._over_since.keys()):
            if time.monotonic() - self._over_since[job_id] >= self._grace_period:
                self._remove(job_id, "its job is over")
        self._keep_small(unneeded & self._here)
        of_interest = self._here | needed
        self._over_since = {job_id: since for job_id, since in self._over_since.items() if job_id in of_interest}
        super().look_after(needed=of_interest)

    def _keep_small(self, unneeded: set[str]) -> None:
        files = {job_id: self.path(job_id).stat() for job_id in unneeded if self.path(job_id).is_file()}
        total = sum(file.st_size for file in files.values())
        for job_id in sorted(files, key=lambda job_id: files[job_id].st_mtime):
            if total <= self._cache_limit * 1e9:
                return
            if self._remove(job_id, "there are more than cache_limit allows"):
                total -= files[job_id].st_size

    def _remove_leftovers(self) -> None:
        """What a worker that was killed has left half-way."""
        for part in self._folder.glob(unfinished(Path("*.blend")).name):
            with contextlib.suppress(OSError):  # it is tried again at the next start
                part.unlink()

    def _remove(self, job_id: str, why: str) -> bool:
        try:
            self.path(job_id).unlink(missing_ok=True)
        except OSError as error:
            log.warning("the blend %s can't be deleted: %s", self.path(job_id), error.strerror)
            return False
        self._here.discard(job_id)
        self._journal.remove_blend(job_id)
        log.info("the blend of job %s is deleted: %s", job_id, why)
        return True


def _taken(folder: Path) -> Lock:
    try:
        return Lock(folder / _LOCK)
    except FolderInUse as error:
        words = f"another worker keeps its blends in {folder}; give this one its own blendpath"
        raise FolderInUse(words) from error
