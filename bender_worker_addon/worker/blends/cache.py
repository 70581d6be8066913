# SPDX-License-Identifier: GPL-3.0-or-later
"""Blend cache: the blends that this worker has downloaded, and which of them may go."""

import logging
import sched
import time
from collections import deque
from functools import partial
from pathlib import Path

from ...core.errors import BlendError, FolderInUse
from ...core.task import Task
from ...core.transfers import CANCELED, BlendDeleted, BlendFailed, BlendGone, BlendReady, BlendsFound, JobStatus, Source
from ...system.executor import Executor
from ...system.lock import Lock
from ..state.journal import Journal
from . import files
from .blends import Blends

log = logging.getLogger(__name__)

_LOCK = ".bender-worker.lock"
_OVER = frozenset({"Finished", CANCELED})  # job statuses after which no task of the job will come
_BETWEEN_QUESTIONS = 0.1  # seconds, about jobs no task here is of
_BEGUN_STAYS = 3600.0  # seconds in which a task may come again whose blend had begun to come when the worker was killed


class BlendCache(Blends):
    """The folder of blends, `<job-id>.blend` each, or a folder `<job-id>` with all that has come with one. Only what
    this worker has stored itself, now or in an earlier run, is used or deleted: the folder may be somebody's own. No
    other worker has the same one until `close`."""

    def __init__(
        self,
        folder: Path,
        *,
        source: Source,
        transfers: Executor,
        questions: Executor,
        disk: Executor,
        schedule: sched.scheduler,
        journal: Journal,
        grace_period: float,
        cache_limit: float,
    ) -> None:
        """`disk`, of one thread, does what touches files, one after the other. `questions` should have two: one at most
        is taken by jobs no task here is of. `grace_period`: seconds the blend of a job that is over is kept.
        `cache_limit`: GB of blends that are kept although no task here needs them. Raises FolderInUse if the folder is
        another worker's."""
        super().__init__(folder, source=source, transfers=transfers, questions=questions, schedule=schedule)
        self._lock = _taken(folder)
        self._disk = disk
        self._journal = journal
        self._grace_period = grace_period
        self._cache_limit = cache_limit
        self._kept: dict[str, int] = {}  # bytes by job, the one used longest ago first
        self._leaving: dict[str, tuple[int, str]] = {}  # those being deleted: bytes, and why
        self._over_since: dict[str, float] = {}
        self._begun: set[str] = set()  # jobs of whose blends a part has come in an earlier run
        self._found_at = time.monotonic()
        self._others: deque[str] = deque()  # jobs no task here is of, still to be asked about
        self._other_asked = ""
        self._is_looked_through = False
        jobs = journal.blends()
        unsent = {Task.from_json(body).id for body in journal.uploading()}
        disk.do(partial(files.discard_tiles, folder, jobs, but=unsent))
        disk.submit(partial(files.find, folder, jobs), failed=lambda _: BlendsFound({}))

    def close(self) -> None:
        self._lock.close()

    def has(self, job_id: str) -> bool:
        """Who asks is about to use it: it counts as new for the cache limit."""
        if job_id in self._kept:
            self._kept[job_id] = self._kept.pop(job_id)
        return super().has(job_id)

    def arrived(self, event: BlendReady) -> None:
        super().arrived(event)
        self._kept.pop(event.job_id, None)
        self._kept[event.job_id] = event.size
        self._journal.add_blend(event.job_id)

    def failed(self, event: BlendFailed, *, wanted: bool) -> BlendError | None:
        """What has come of one that is given up goes."""
        error = super().failed(event, wanted=wanted)
        if error is not None:
            self._disk.do(partial(files.give_up, event.job_id, self._folder))
        return error

    def handle(self, event: BlendsFound | BlendGone | BlendDeleted) -> None:
        match event:
            case BlendsFound(sizes, begun):
                self._kept, self._begun = dict(sizes), set(begun)
                self._is_looked_through = True
                for job_id in self._failures:
                    self._begin(job_id)
            case BlendGone(job_id):
                self._kept.pop(job_id, None)
                self._download(job_id)
            case BlendDeleted():
                self._deleted(event)

    def job_is(self, event: JobStatus) -> None:
        super().job_is(event)
        if event.status in _OVER:
            self._over_since.setdefault(event.job_id, time.monotonic())
        elif event.status is not None:
            self._over_since.pop(event.job_id, None)
        if event.job_id == self._other_asked:
            self._other_asked = ""
            self._schedule.enter(_BETWEEN_QUESTIONS, 1, self._ask_about_another)

    def look_after(self, *, needed: set[str]) -> None:
        """Deletes the blends that may go, none of them `needed` by a task here: of jobs that are over for longer than
        the grace period, and the oldest if they are too many. Asks flaskbender after all jobs."""
        for job_id in self._here - needed:
            self._disk.do(partial(files.touch, self.path(job_id)))
        for job_id in sorted(self._unneeded(needed) & self._over_since.keys()):
            if time.monotonic() - self._over_since[job_id] >= self._grace_period:
                self._delete(job_id, "its job is over")
        self._keep_small(self._unneeded(needed))
        if time.monotonic() - self._found_at >= _BEGUN_STAYS:
            self._give_up_begun(needed)
        of_interest = self._of_interest(needed)
        self._over_since = {job_id: since for job_id, since in self._over_since.items() if job_id in of_interest}
        super().look_after(needed=needed)
        self._ask_about_others(self._unneeded(needed) - self._over_since.keys())

    def make_room(self, *, needed: set[str]) -> None:
        self._give_up_begun(needed)
        for job_id in sorted(self._unneeded(needed)):
            self._delete(job_id, "the disk is nearly full")

    def _of_interest(self, needed: set[str]) -> set[str]:
        return self._kept.keys() | needed

    def _unneeded(self, needed: set[str]) -> set[str]:
        return self._kept.keys() - needed

    def _keep_small(self, unneeded: set[str]) -> None:
        total = sum(self._kept[job_id] for job_id in unneeded)
        for job_id in [job_id for job_id in self._kept if job_id in unneeded]:
            if total <= self._cache_limit * 1e9:
                return
            total -= self._kept[job_id]
            self._delete(job_id, "there are more than cache_limit allows")

    def _give_up_begun(self, needed: set[str]) -> None:
        for job_id in self._begun - needed:
            self._begun.discard(job_id)
            self._disk.do(partial(files.give_up, job_id, self._folder))

    def _delete(self, job_id: str, why: str) -> None:
        self._leaving[job_id] = self._kept.pop(job_id), why
        self._disk.submit(partial(files.delete, job_id, self._folder), failed=partial(BlendDeleted, job_id))

    def _deleted(self, event: BlendDeleted) -> None:
        size, why = self._leaving.pop(event.job_id)
        if event.trouble is not None:
            log.warning("the blend of job %s can't be deleted: %s", event.job_id, event.trouble)
            self._kept = {event.job_id: size, **self._kept}
        else:
            self._journal.remove_blend(event.job_id)
            log.info("the blend of job %s is deleted: %s", event.job_id, why)

    def _begin(self, job_id: str) -> None:
        """What is in the folder is known only when it was looked through; then it goes on by itself. What is being
        deleted is looked for after that."""
        if self._is_looked_through and (job_id in self._kept or job_id in self._leaving):
            self._disk.submit(partial(files.look, job_id, self._folder), failed=lambda _: BlendGone(job_id))
        elif self._is_looked_through:
            self._download(job_id)

    def _download(self, job_id: str) -> None:
        """What has come of it in an earlier run is taken up."""
        self._begun.discard(job_id)
        super()._download(job_id)

    def _another(self, job_id: str) -> str:
        kept = (other for other in reversed(self._kept) if other != job_id)
        return super()._another(job_id) or next(kept, "")

    def _ask_about_others(self, jobs: set[str]) -> None:
        self._others = deque(job_id for job_id in self._others if job_id in jobs)
        self._others.extend(sorted(jobs.difference(self._others)))
        self._ask_about_another()

    def _ask_about_another(self) -> None:
        """One at a time: none of those in hand has to wait for these."""
        while self._others and not self._other_asked:
            job_id = self._others.popleft()
            if job_id not in self._asked:
                self._other_asked = job_id
                self.ask([job_id])


def _taken(folder: Path) -> Lock:
    try:
        return Lock(folder / _LOCK)
    except FolderInUse as error:
        words = f"another worker keeps its blends in {folder}; give this one its own blendpath"
        raise FolderInUse(words) from error
