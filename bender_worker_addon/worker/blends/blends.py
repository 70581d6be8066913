# SPDX-License-Identifier: GPL-3.0-or-later
"""Blends: which are here, which are on their way, and what is known of their jobs. Where they come from is a Source."""

import logging
import sched
from collections.abc import Iterable
from functools import partial
from pathlib import Path

from ...core.errors import BlendError
from ...core.transfers import BlendFailed, BlendReady, JobStatus, Source
from ...system.executor import Executor

log = logging.getLogger(__name__)

_TRIES = 4  # times a blend is asked for while flaskbender answers with errors
_RETRY_FIRST, _RETRY_LAST = 0.5, 60.0  # seconds between two attempts
CANCELED = "Canceled"


class Blends:
    """One blend a job, fetched once, however many tasks wait for it. `trouble` says why none can be fetched at all, if
    so."""

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
        self._tries: dict[str, int] = {}
        self._asked: set[str] = set()  # jobs whose status is on its way: a slow flaskbender is not asked twice
        self._statuses: dict[str, str] = {}
        self.trouble = ""

    def close(self) -> None:
        """Leaves the folder to others."""

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

    def ask_about(self, job_id: str) -> None:
        """Sees to it that the job's status becomes known, if it isn't: a canceled one may have been sent again."""
        if self._statuses.get(job_id, CANCELED) == CANCELED:
            self._ask([job_id])

    def is_canceled(self, job_id: str) -> bool:
        return self._statuses.get(job_id) == CANCELED

    def job_is(self, event: JobStatus) -> None:
        """Notes a job's status. An answer that did not come changes nothing."""
        self._asked.discard(event.job_id)
        if event.status is not None:
            self._statuses[event.job_id] = event.status

    def look_after(self, *, needed: set[str]) -> None:
        """Asks after the jobs of tasks here, which are those `needed`, and forgets the others."""
        self._statuses = {job_id: status for job_id, status in self._statuses.items() if job_id in needed}
        self._ask(needed)

    def _ask(self, jobs: Iterable[str]) -> None:
        for job_id in sorted(set(jobs) - self._asked):
            self._asked.add(job_id)
            self._put_question(job_id)

    def _put_question(self, job_id: str) -> None:
        question = partial(self._source.job_status, job_id)
        self._questions.submit(question, failed=lambda _: JobStatus(job_id, None))

    def _download(self, job_id: str) -> None:
        self._transfers.submit(
            partial(self._source.fetch_blend, job_id, self.path(job_id)),
            failed=lambda error: BlendFailed(job_id, BlendError(str(error), again=True, elsewhere=True)),
        )
