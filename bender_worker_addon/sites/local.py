# SPDX-License-Identifier: GPL-3.0-or-later
"""The farm on this machine: its jobs are in the Database, its queue is too."""

import sqlite3
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Self

from ..core import preview, tile
from ..core.errors import FarmError
from ..core.job import name_of
from ..core.luggage import FileBeside
from ..core.orders import Order
from ..farm import books, changes, control, frame_files, frames_folder, pace, tasks, tile_cost, tiles, workers
from ..farm.books import Job
from ..farm.contents import Contents, listed_in
from ..farm.database import PATIENCE, Database
from ..farm.job_files import JobFiles
from ..farm.new_job import NewJob, NewTask
from ..farm.tasks import TaskRecord
from ..farm.workers import Event, Worker
from ..settings.config import WorkerConfig
from ..system.files import remove, remove_folder
from ..system.folders import remove_empty
from . import data_json
from .folder import FolderSite, refuse_if_known
from .site import FAILURES, Details, TilePicture


class LocalSite(FolderSite):
    def __init__(self, config: WorkerConfig, *, patience: float = PATIENCE, keeps_files: bool = True) -> None:
        """`patience`: seconds to wait for another process that is writing. `keeps_files`: what is changed is in the
        jobs' files at once; else somebody else's upkeep does that."""
        super().__init__(config)
        self._folder = config.farm_dir
        self._patience = patience
        self._keeps_files = keeps_files

    def __enter__(self) -> Self:
        self._database = Database(self._folder, durable=True, patience=self._patience)
        self._files = JobFiles(self._database, self._jobs)
        return self

    def __exit__(self, *_: object) -> None:
        self._database.close()

    def jobs(self) -> list[Job]:
        with self._database.looking() as connection:
            return books.jobs(connection)

    def details(self, job: Job) -> Details:
        with self._database.looking() as connection:
            frames = books.frames_by_status(connection, job.id)
            failures = books.failures(connection, job.id, most=FAILURES)
            warnings = books.warnings(connection, job.id)
            head = books.head(connection, job.id)
            speed = pace.of(connection, job.id)
            parts, cost = tiles.progress(connection, job.id), tile_cost.of(connection, job.id)
        folder = frames_folder.of(head, self._outpath)
        return Details(
            *(job, frames, failures, warnings, folder, data_json.fps(head)),
            image_format=data_json.image_format(head),
            blend=self._blend(job.id, head),
            pace=speed,
            tiles=parts,
            cost=cost,
            preflight=data_json.preflight(head),
        )

    def task(self, job_id: str, frame: int) -> TaskRecord:
        with self._database.looking() as connection:
            number = tasks.number_of(connection, job_id, frame)
            found = None if number is None else tasks.record(connection, job_id, number)
        if found is None:
            raise FarmError(f"job {job_id} has no frame {frame}")
        return found

    def tiles(self, job_id: str, frame: int, _scratch: Path) -> list[TilePicture]:
        with self._database.looking() as connection:
            parts = tiles.parts(connection, job_id, frame)
        pictures = [tile.folder_of(self._jobs, job_id, part.task) / preview.OF_TILE for part in parts]
        return [TilePicture(part, file if file.is_file() else None) for part, file in zip(parts, pictures, strict=True)]

    def cancel(self, job_id: str) -> None:
        super().cancel(job_id)
        with self._database.changing() as connection:
            changes.cancel(connection, job_id)
        self._write_files()

    def retry(self, job_id: str, frames: Collection[int] | None = None) -> int:
        with self._database.changing() as connection:
            queued = changes.retry(connection, job_id, frames)
            if queued or frames is None:
                self._not_canceled(job_id)
                changes.resume_if_stopped(connection, job_id)
        self._write_files()
        return queued

    def pause(self, job_id: str) -> None:
        self._change(lambda connection: changes.pause(connection, job_id))

    def resume(self, job_id: str) -> None:
        self._change(lambda connection: changes.resume(connection, job_id))

    def set_priority(self, job_id: str, priority: int) -> None:
        self._change(lambda connection: changes.set_priority(connection, job_id, priority))

    def set_name(self, job_id: str, name: str) -> None:
        self._change(lambda connection: changes.set_name(connection, job_id, name_of(name)))

    def delete(self, job_id: str, *, frames: bool) -> None:
        """Its folder goes first: whoever asks after it then is told that it is no more."""
        try:
            luggage = _luggage(self._jobs / job_id)
            remove_folder(self._jobs / job_id)
            Contents(self._jobs).forget(luggage)
            if frames:
                self._delete_frames(job_id)
        except OSError as error:
            raise FarmError(f"job {job_id} can't be deleted: {error.filename}: {error.strerror}") from error
        with self._database.changing() as connection:
            changes.delete(connection, job_id)

    def workers(self) -> list[Worker]:
        with self._database.looking() as connection:
            return workers.workers(connection)

    def worker(self, id: str) -> tuple[Worker, list[Event]]:
        with self._database.looking() as connection:
            found, events = workers.worker(connection, id), workers.events(connection, id)
        if found is None:
            raise FarmError(f"there is no worker {id}; `workers` shows those there are")
        return found, events

    def order(self, worker: str, do: str) -> None:
        self._give(worker, Order(do))

    def log_of(self, job_id: str, frame: int) -> str:
        task = self.task(job_id, frame)
        if not task.worker:
            raise FarmError(f"the task of frame {frame} was with no worker yet")
        give = partial(self._give, task.worker)
        return control.ask_for_log(self._database, give, worker=task.worker, job=job_id, task=task.id)

    def _tasks(self, job_id: str) -> list[dict[str, Any]]:
        with self._database.looking() as connection:
            return list(frame_files.tasks(connection, job_id))

    def _folder_of(self, job_id: str) -> Path:
        with self._database.looking() as connection:
            head = books.head_of(connection, job_id)
        return self._outpath / job_id if head is None else frames_folder.of(head, self._outpath)

    def _delete_frames(self, job_id: str) -> None:
        """In a folder that people have beside their own files only what is known to be a frame of it, or written with
        one."""
        folder = self._folder_of(job_id)
        if folder == self._outpath / job_id:
            remove_folder(folder)
            return
        files = [folder / file.name for file in (*self.frames(job_id), *self.others(job_id))]
        for file in files:
            remove(file)
        remove_empty(folder, files)

    def _give(self, worker: str, order: Order) -> None:
        with self._database.changing() as connection:
            control.give(connection, worker, control.order_for(connection, worker, order))

    def _change(self, change: Callable[[sqlite3.Connection], None]) -> None:
        with self._database.changing() as connection:
            change(connection)
        self._write_files()

    def _write_files(self) -> None:
        if self._keeps_files:
            self._files.write_all()

    def _known_as(self, job_id: str) -> str | None:
        with self._database.looking() as connection:
            return books.known_as(connection, job_id)

    def _queue(
        self,
        job: NewJob,
        job_head: Mapping[str, Any],
        job_tasks: Sequence[NewTask],
        put_in_place: Callable[[], None],
    ) -> None:
        with self._database.changing() as connection:
            refuse_if_known(books.known_as(connection, job.id))
            put_in_place()
            changes.add_job(
                connection, job_head, name=job.name, priority=job.priority, tasks=job_tasks, person=job.person
            )


def _luggage(folder: Path) -> tuple[FileBeside, ...]:
    """That of a job that may be damaged."""
    try:
        return listed_in(folder)
    except ValueError:
        return ()
