# SPDX-License-Identifier: GPL-3.0-or-later
"""The farm on this machine: its jobs are in the Database, its queue is too."""

from collections.abc import Mapping, Sequence
from typing import Any, Self

from ..farm import books, frame_list
from ..farm.books import Job, NewTask
from ..farm.database import Database
from ..farm.job_files import JobFiles
from ..farm.new_job import NewJob
from ..settings.config import WorkerConfig
from . import data_json
from .site import FAILURES, Details, Site


class LocalSite(Site):
    def __init__(self, config: WorkerConfig) -> None:
        super().__init__(config)
        self._folder = config.farm_dir

    def __enter__(self) -> Self:
        self._database = Database(self._folder, durable=True)
        self._files = JobFiles(self._database, self._jobs)
        return self

    def __exit__(self, *_: object) -> None:
        self._database.close()

    def jobs(self) -> list[Job]:
        with self._database.looking() as connection:
            return books.jobs(connection)

    def details(self, job: Job) -> Details:
        with self._database.looking() as connection:
            by_status = books.frames_by_status(connection, job.id)
            failures = books.failures(connection, job.id, most=FAILURES)
            head = books.head(connection, job.id)
        frames = {status: frame_list.joined(frames) for status, frames in by_status.items()}
        return Details(job, frames, failures, self._outpath / job.id, data_json.fps(head))

    def cancel(self, job_id: str) -> None:
        super().cancel(job_id)
        with self._database.changing() as connection:
            books.cancel(connection, job_id)
        self._files.write_all()

    def retry(self, job_id: str) -> int:
        self._not_canceled(job_id)
        with self._database.changing() as connection:
            queued = books.retry(connection, job_id)
        self._files.write_all()
        return queued

    def _queue(self, job: NewJob, job_head: Mapping[str, Any], job_tasks: Sequence[NewTask]) -> None:
        with self._database.changing() as connection:
            books.add_job(connection, job_head, name=job.name, priority=job.priority, tasks=job_tasks)
