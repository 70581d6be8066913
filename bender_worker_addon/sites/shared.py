# SPDX-License-Identifier: GPL-3.0-or-later
"""The farm with RabbitMQ and a shared disk (Server mode) whose books nobody keeps but bender-bookkeeper: its jobs are
what their `data.json` says, its queue is RabbitMQ's. What is in that queue can't be changed any more."""

import json
import logging
import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from ..core.errors import FarmError, WorkerError
from ..farm import frame_list
from ..farm.books import Failure, Job, Warned
from ..farm.new_job import NewJob, NewTask
from ..farm.tasks import WARNINGS, TaskRecord, record_of
from ..farm.workers import Event, Worker
from ..settings.config import WorkerConfig
from ..settings.tls import Tls
from . import data_json
from .folder import FolderSite
from .site import FAILURES, Details, PartlyQueued

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Known:
    """What a job's files said when their stamp was this."""

    stamp: data_json.Stamp
    details: Details


class SharedSite(FolderSite):
    """Remembers from one `with` to the next what it has read: a job's file is read again only when it has changed."""

    def __init__(self, config: WorkerConfig) -> None:
        super().__init__(config)
        self._url = config.amqp_url
        self._tls = Tls.of(config)
        self._known: dict[str, _Known] = {}

    def __exit__(self, *_: object) -> None:
        """Nothing is kept open: RabbitMQ is spoken to only when something is sent."""

    def jobs(self) -> list[Job]:
        self._known = dict(self._look_at_all())
        found = [known.details.job for known in self._known.values()]
        return sorted(found, key=lambda job: job.created, reverse=True)

    def details(self, job: Job) -> Details:
        known = self._known[job.id] = self._look_at(job.id)
        return known.details

    def task(self, job_id: str, frame: int) -> TaskRecord:
        for number, task in enumerate(data_json.tasks(data_json.read(self._jobs / job_id)), start=1):
            frames = data_json.frames(task)
            if frame in frames:
                text = frame_list.as_text(sorted(frames))
                return record_of(number, task["id"], text, task["status"], "", task, output=data_json.output(task))
        raise FarmError(f"job {job_id} has no frame {frame}")

    def retry(self, job_id: str, frames: Collection[int] | None = None) -> int:
        data = data_json.read(self._jobs / job_id)
        failed = {task["id"]: task for task in data_json.tasks(data) if _is_to_be_retried(task, frames)}
        self._not_canceled(job_id)
        if not failed:
            return 0
        again = {task: json.dumps(data_json.waiting(before)) for task, before in failed.items()}
        queued, trouble = self._publish(again, priority=data_json.priority(data))

        def unless_reported_since(task: data_json.Task) -> data_json.Task:
            return data_json.waiting(task) if task["id"] in queued and task == failed[task["id"]] else task

        words = f"{len(queued)} of {len(failed)} tasks of job {job_id} are queued again"
        try:
            data_json.change_tasks(self._jobs / job_id, unless_reported_since)
        except FarmError as error:
            raise FarmError(f"{words}, but {error}; another `retry` would queue them twice") from error
        if trouble:
            raise FarmError(f"{trouble}; {words}: `retry` queues the others")
        return len(queued)

    def pause(self, job_id: str) -> None:
        _needs_a_server(f"job {job_id} can't be paused")

    def resume(self, job_id: str) -> None:
        _needs_a_server(f"job {job_id} can't be paused, nor resumed")

    def set_priority(self, job_id: str, priority: int) -> None:
        _needs_a_server(f"job {job_id} keeps the priority with which it was sent")

    def set_name(self, job_id: str, name: str) -> None:
        _needs_a_server(f"job {job_id} keeps the name with which it was sent")

    def delete(self, job_id: str, *, frames: bool) -> None:
        _needs_a_server(f"job {job_id} can't be deleted")

    def workers(self) -> list[Worker]:
        _needs_a_server("nobody knows the workers")

    def worker(self, id: str) -> tuple[Worker, list[Event]]:
        _needs_a_server(f"nobody knows worker {id}")

    def order(self, worker: str, do: str) -> None:
        _needs_a_server(f"worker {worker} can't be told to {do}")

    def log_of(self, job_id: str, frame: int) -> str:
        _needs_a_server(f"the log of frame {frame} is with the worker that rendered it")

    def _tasks(self, job_id: str) -> list[data_json.Task]:
        return list(data_json.tasks(data_json.read(self._jobs / job_id)))

    def _queue(
        self,
        job: NewJob,
        _head: Mapping[str, Any],
        job_tasks: Sequence[NewTask],
        put_in_place: Callable[[], None],
    ) -> None:
        self._check_is_new(job.id)
        put_in_place()
        queued, trouble = self._publish({task.id: task.body for task in job_tasks}, priority=job.priority)
        if not trouble:
            return
        if not queued:
            raise FarmError(trouble)

        def unless_reported_since(task: data_json.Task) -> data_json.Task:
            is_left = task["id"] not in queued and task["status"] == "Waiting"
            return data_json.failed(task, f"it was not queued: {trouble}") if is_left else task

        words = f"{trouble}; {len(queued)} of {len(job_tasks)} tasks of job {job.id} are queued"
        try:
            data_json.change_tasks(self._jobs / job.id, unless_reported_since)
        except FarmError as error:
            raise PartlyQueued(f"{words}, the others are lost, since {error}: `cancel` it and send it again") from error
        raise PartlyQueued(f"{words}: `retry` queues the others, `cancel` takes it out of the queue")

    def _publish(self, bodies: Mapping[str, str], *, priority: int) -> tuple[set[str], str]:
        """Queues tasks, JSON by id; gives which of them are queued, and what has kept the others from it."""
        from ..queues.rabbitmq import publish_tasks

        queued: set[str] = set()

        def noting_which_are_queued() -> Iterator[bytes]:
            for task, body in bodies.items():
                yield body.encode()
                queued.add(task)

        try:
            publish_tasks(self._url, noting_which_are_queued(), priority=priority, tls=self._tls)
        except WorkerError as error:
            return queued, str(error)
        except KeyboardInterrupt:
            return queued, "sending was interrupted"
        return queued, ""

    def _look_at_all(self) -> Iterator[tuple[str, _Known]]:
        try:
            names = sorted(name for name in os.listdir(self._jobs) if not name.startswith("."))  # noqa: PTH208
        except FileNotFoundError:
            return
        except OSError as error:
            raise FarmError(f"the jobs in {self._jobs} can't be read: {error.strerror}") from error
        for name in names:
            try:
                yield name, self._look_at(name)
            except FarmError as error:
                log.debug("%s", error)

    def _look_at(self, job_id: str) -> _Known:
        folder = self._jobs / job_id
        try:
            stamp = data_json.stamp(folder)
        except OSError as error:
            raise FarmError(f"job {job_id} can't be read: {error.filename}: {error.strerror}") from error
        known = self._known.get(job_id)
        return known if known is not None and known.stamp == stamp else _Known(stamp, self._details(job_id, stamp))

    def _details(self, job_id: str, stamp: data_json.Stamp) -> Details:
        data = data_json.read(self._jobs / job_id)
        frames: dict[str, set[int]] = {}
        failures: list[Failure] = []
        warned: dict[str, list[int]] = {}
        for task in data_json.tasks(data):
            numbers = data_json.frames(task)
            frames.setdefault(task["status"], set()).update(numbers)
            for words in data_json.warnings(task):
                warned.setdefault(words, []).extend(numbers)
            if task["status"] == "Errored" and len(failures) < FAILURES:
                failures.append(Failure(frame_list.as_text(sorted(numbers)), data_json.error(task)))
        job = Job(
            id=job_id,
            name=data_json.name(data),
            created=data_json.created(data),
            status="Canceled" if stamp.canceled else data_json.status(data),
            priority=data_json.priority(data),
            frames={status: len(numbers) for status, numbers in frames.items()},
        )
        lists = {status: frame_list.as_text(sorted(numbers)) for status, numbers in frames.items()}
        folder, blend = self._outpath / job_id, self._blend(job_id, data)
        warnings = [Warned(frame_list.as_text(sorted(numbers)), words) for words, numbers in sorted(warned.items())]
        return Details(
            *(job, lists, failures, warnings[:WARNINGS], folder, data_json.fps(data)),
            image_format=data_json.image_format(data),
            blend=blend,
            preflight=data_json.preflight(data),
        )


def _is_to_be_retried(task: data_json.Task, frames: Collection[int] | None) -> bool:
    failed = task["status"] in ("Errored", "Aborted")
    return failed and (frames is None or not set(frames).isdisjoint(data_json.frames(task)))


def _needs_a_server(words: str) -> NoReturn:
    raise FarmError(f"{words}: all tasks are in RabbitMQ already, and no server keeps this farm's books; see `serve`")
