# SPDX-License-Identifier: GPL-3.0-or-later
"""Site: the farm as one who sends jobs sees it, whether it is on this machine or shares a disk and a RabbitMQ."""

import shutil
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from ..core.errors import FarmError
from ..core.job import CANCELED, DATA_JSON
from ..farm import job_files
from ..farm.books import Failure, Job, NewTask, as_data_json
from ..farm.database import FILE
from ..farm.new_job import NewJob, head, tasks
from ..settings.config import WorkerConfig
from ..system.folders import make_folder

FAILURES = 20  # tasks of which `show` tells why they failed


@dataclass(frozen=True, slots=True)
class Details:
    """`frames` are written as people do, by the status of their task; `folder` is where they are; `fps`, how many
    of them make a second of a film."""

    job: Job
    frames: Mapping[str, str]
    failures: Sequence[Failure]
    folder: Path
    fps: int


class PartlyQueued(FarmError):
    """Only some of a job's tasks are queued. It stays, with its blend, for them."""


class Site(ABC):
    """Open from `with` to its end, as often as wanted, on any thread. All methods raise FarmError if they can't do what
    they should."""

    def __init__(self, config: WorkerConfig) -> None:
        self._jobs = config.blendpath
        self._outpath = config.outpath
        self._in_a_group = config.mode == "Server"

    def __enter__(self) -> Self:
        return self

    @abstractmethod
    def __exit__(self, *_: object) -> None: ...

    @contextmanager
    def room_for(self, job_id: str) -> Iterator[Path]:
        """A folder for the blend of a new job, to be sent before this ends; what is not sent is removed."""
        fresh = self._jobs / f".new-{job_id}"
        if (self._jobs / job_id).exists():
            raise FarmError(f"there is a job {job_id} already; give this one another id")
        try:
            make_folder(fresh, shared=self._in_a_group)
            yield fresh
        except OSError as error:
            raise FarmError(f"the job can't be written into {self._jobs}: {error.strerror or error}") from error
        finally:
            shutil.rmtree(fresh, ignore_errors=True)

    def send(self, job: NewJob) -> None:
        """Queues a job whose blend is in its `room_for`. Raises PartlyQueued if only a part of its tasks is queued: it
        is left as it is. After any other error nothing is left of it."""
        folder, fresh = self._jobs / job.id, self._jobs / f".new-{job.id}"
        job_head, job_tasks = head(job, jobs=self._jobs, outpath=self._outpath), tasks(job)
        job_files.write(fresh / DATA_JSON, as_data_json(job_head, "Queued", (task.body for task in job_tasks)))
        fresh.rename(folder)
        try:
            self._queue(job, job_head, job_tasks)
        except PartlyQueued:
            raise
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise

    @abstractmethod
    def jobs(self) -> list[Job]:
        """All jobs, the newest first."""

    @abstractmethod
    def details(self, job: Job) -> Details: ...

    @abstractmethod
    def retry(self, job_id: str) -> int:
        """Queues again what failed or was canceled; gives how many tasks."""

    def cancel(self, job_id: str) -> None:
        """Nothing of it that is not begun will be rendered."""
        try:
            (self._jobs / job_id / CANCELED).touch()
        except OSError as error:
            raise FarmError(f"job {job_id} can't be canceled in {self._jobs}: {error.strerror}") from error

    def find(self, beginning: str) -> Job:
        """The job whose id begins so."""
        found = [job for job in self.jobs() if job.id.startswith(beginning)]
        exact = [job for job in found if job.id == beginning]
        if len(exact or found) == 1:
            return (exact or found)[0]
        if found:
            raise FarmError(f"{len(found)} jobs begin with {beginning}; write more of the id")
        raise FarmError(f"there is no job {beginning}; `list` shows those there are")

    @abstractmethod
    def _queue(self, job: NewJob, job_head: Mapping[str, Any], job_tasks: Sequence[NewTask]) -> None: ...

    def _not_canceled(self, job_id: str) -> None:
        flag = self._jobs / job_id / CANCELED
        try:
            if flag.exists():
                flag.unlink()
        except OSError as error:
            raise FarmError(f"job {job_id} stays canceled: {error.filename}: {error.strerror}") from error


def is_there(config: WorkerConfig) -> bool:
    """Whether there is anything of this farm yet: asking it makes what is missing."""
    return (config.farm_dir / FILE).exists() if config.is_local else config.blendpath.is_dir()


def site(config: WorkerConfig) -> Site:
    """The farm of these settings. Raises FarmError if there is none that can be reached by a folder."""
    if config.is_local:
        from .local import LocalSite

        return LocalSite(config)
    if config.is_shared:
        from .shared import SharedSite

        return SharedSite(config)
    raise FarmError(
        "this worker shares no disk with its farm: send jobs by flaskbender's own page,"
        " or set mode to Server and farm_dir to the shared folder, or queue to local for a farm on this machine"
    )
