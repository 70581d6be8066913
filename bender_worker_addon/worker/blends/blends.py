# SPDX-License-Identifier: GPL-3.0-or-later
"""Blends: which are here, which are on their way, and what is known of their jobs. Where they come from is a Source.

Nothing in here touches a disk or waits: whatever does is run on an executor, and what comes of it is an event.
"""

import logging
import sched
from collections import Counter
from collections.abc import Iterable
from functools import partial
from pathlib import Path

from ...core import retry
from ...core.errors import BlendError, Remedy
from ...core.transfers import CANCELED, BlendDeleted, BlendFailed, BlendGone, BlendReady, BlendsFound, JobStatus, Source
from ...system.executor import Executor

log = logging.getLogger(__name__)


class Blends:
    """One blend a job, fetched once, however many tasks wait for it."""

    def __init__(
        self, folder: Path, *, source: Source, transfers: Executor, questions: Executor, schedule: sched.scheduler
    ) -> None:
        """Blends come by the executor `transfers`, answers about jobs by `questions`: neither waits for the other."""
        self._folder = folder
        self._source = source
        self._transfers = transfers
        self._questions = questions
        self._schedule = schedule
        self._here: set[str] = set()
        self._paths: dict[str, Path] = {}  # of those that are elsewhere than they were to come
        self._failures: dict[str, Counter[Remedy]] = {}  # of the jobs whose blends are on their way
        self._troubles: dict[str, str] = {}
        self._came_last = ""
        self._asked: set[str] = set()  # jobs whose status is on its way: a slow flaskbender is not asked twice
        self._statuses: dict[str, str] = {}

    def close(self) -> None:
        """Leaves the folder to others."""

    @property
    def trouble(self) -> str:
        """Why a blend that is wanted doesn't come, if so."""
        return next(iter(self._troubles.values()), "")

    def path(self, job_id: str) -> Path:
        """Where its blend is, or is to come."""
        return self._paths.get(job_id, self._usual_path(job_id))

    def has(self, job_id: str) -> bool:
        """Whether it is known to be here. One that isn't may be all the same: `fetch` looks first."""
        return job_id in self._here

    def doubt(self, job_id: str) -> None:
        """Something went wrong for which the blend may be to blame."""
        self._here.discard(job_id)

    def fetch(self, job_id: str) -> None:
        """Sees to it that the blend comes, or that `failed` says why not."""
        if job_id not in self._failures:
            self._failures[job_id] = Counter()
            self._begin(job_id)

    def arrived(self, event: BlendReady) -> None:
        self._forget(event.job_id)
        self._came_last = event.job_id
        self._paths.pop(event.job_id, None)
        if event.path is not None:
            self._paths[event.job_id] = event.path
        self._here.add(event.job_id)

    def failed(self, event: BlendFailed, *, wanted: bool) -> BlendError | None:
        """Tries again if that can help and the blend still is `wanted`; else gives the error."""
        job_id, error = event.job_id, event.error
        failures = self._failures[job_id]
        failures[error.remedy] += 1
        delay = retry.DOWNLOADS.again_in(error.remedy, failures[error.remedy], retry_after=error.retry_after)
        if delay is None or not wanted:
            self._forget(job_id)
            return error
        if error.remedy is Remedy.WAIT:
            self._troubles[job_id] = str(error)
        log.warning("job %s: %s; trying again in %.1f s", job_id, error, delay)
        self._schedule.enter(delay, 1, self._download, (job_id,))
        return None

    def handle(self, event: BlendsFound | BlendGone | BlendDeleted) -> None:
        """What came of looking after files. Nothing does where they are somebody else's."""

    def ask_about(self, job_id: str) -> None:
        """Sees to it that the job's status becomes known, if it isn't: a canceled one may have been sent again."""
        if self._statuses.get(job_id, CANCELED) == CANCELED:
            self.ask([job_id])

    def is_canceled(self, job_id: str) -> bool:
        return self._statuses.get(job_id) == CANCELED

    def job_is(self, event: JobStatus) -> None:
        """Notes a job's status. An answer that did not come changes nothing."""
        self._asked.discard(event.job_id)
        if event.status is not None:
            self._statuses[event.job_id] = event.status

    def look_after(self, *, needed: set[str]) -> None:
        """Asks after the jobs of tasks here, which are those `needed`, and forgets the others. A blend that is needed
        again later has to be looked for: who knows what becomes of it meanwhile."""
        self._here &= needed
        self._troubles = {job_id: trouble for job_id, trouble in self._troubles.items() if job_id in needed}
        of_interest = self._of_interest(needed)
        self._statuses = {job_id: status for job_id, status in self._statuses.items() if job_id in of_interest}
        self._paths = {job_id: path for job_id, path in self._paths.items() if job_id in of_interest}
        self.ask(needed)

    def _usual_path(self, job_id: str) -> Path:
        return self._folder / f"{job_id}.blend"

    def make_room(self, *, needed: set[str]) -> None:
        """The disk is nearly full: what is here of other jobs goes, if it is this worker's own."""

    def _of_interest(self, needed: set[str]) -> set[str]:
        """The jobs of which something is here."""
        return needed

    def _forget(self, job_id: str) -> None:
        self._failures.pop(job_id, None)
        self._troubles.pop(job_id, None)

    def ask(self, jobs: Iterable[str]) -> None:
        """Sees to it that what these jobs are now becomes known."""
        for job_id in sorted(set(jobs) - self._asked):
            self._asked.add(job_id)
            self._put_question(job_id)

    def _put_question(self, job_id: str) -> None:
        question = partial(self._source.job_status, job_id)
        self._questions.submit(question, failed=lambda _: JobStatus(job_id, None))

    def _begin(self, job_id: str) -> None:
        self._download(job_id)

    def _download(self, job_id: str) -> None:
        another = self._another(job_id) if self._failures[job_id][Remedy.WAIT] >= retry.BLAMED_AFTER - 1 else ""
        self._transfers.submit(
            partial(_fetched, self._source, job_id, self._usual_path(job_id), another=another),
            failed=lambda error: BlendFailed(job_id, BlendError(str(error), Remedy.RETRY)),
        )

    def _another(self, job_id: str) -> str:
        """A job other than this whose blend could be had before; empty if there is none."""
        return self._came_last if self._came_last != job_id else ""


def _fetched(source: Source, job_id: str, target: Path, *, another: str) -> BlendReady | BlendFailed:
    """A blend that doesn't come while that of `another` job could be had is not waited for any longer."""
    event = source.fetch_blend(job_id, target)
    if isinstance(event, BlendFailed) and event.error.remedy is Remedy.WAIT and another and source.serves(another):
        text = f"{event.error}; blends of other jobs can be had"
        return BlendFailed(job_id, BlendError(text, Remedy.ELSEWHERE))
    return event
