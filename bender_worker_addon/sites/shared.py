# SPDX-License-Identifier: GPL-3.0-or-later
"""The farm with RabbitMQ and a shared disk (Server mode): its jobs are what their `data.json` says, which
bender-bookkeeper keeps; its queue is RabbitMQ's."""

import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..core.errors import FarmError
from ..core.job import CANCELED, DATA_JSON
from ..farm import frame_list
from ..farm.books import Failure, Job, NewTask
from ..farm.new_job import NewJob
from ..settings.config import WorkerConfig
from ..settings.tls import Tls
from .site import FAILURES, Details, Site, fps_of

log = logging.getLogger(__name__)


class SharedSite(Site):
    def __init__(self, config: WorkerConfig) -> None:
        super().__init__(config)
        self._url = config.amqp_url
        self._tls = Tls.of(config)

    def __exit__(self, *_: object) -> None:
        """Nothing is kept open: RabbitMQ is spoken to only when something is sent."""

    def jobs(self) -> list[Job]:
        found = [_job(data) for folder in sorted(self._jobs.glob("[!.]*")) if (data := _read(folder)) is not None]
        return sorted(found, key=lambda job: job.created, reverse=True)

    def details(self, job: Job) -> Details:
        frames: dict[str, set[int]] = {}
        failures = []
        data = self._data(job.id)
        for task in data.get("tasks", []):
            frames.setdefault(task["status"], set()).update(_frames(task))
            if task["status"] == "Errored":
                failures.append(Failure(frame_list.as_text(_frames(task)), task["data"].get("error", "")))
        written = {status: frame_list.as_text(sorted(numbers)) for status, numbers in frames.items()}
        return Details(job, written, failures[:FAILURES], self._outpath / job.id, fps_of(data))

    def retry(self, job_id: str) -> int:
        tasks = self._data(job_id).get("tasks", [])
        again = [{**task, "status": "Waiting"} for task in tasks if task["status"] in ("Errored", "Aborted")]
        self._not_canceled(job_id)
        self._publish((json.dumps(task) for task in again), priority=0)
        return len(again)

    def _data(self, job_id: str) -> dict[str, Any]:
        data = _read(self._jobs / job_id)
        if data is None:
            raise FarmError(f"{self._jobs / job_id / DATA_JSON} can't be read; is it just being written?")
        return data

    def _queue(self, job: NewJob, _head: Mapping[str, Any], job_tasks: Sequence[NewTask]) -> None:
        self._publish((task.body for task in job_tasks), priority=job.priority)

    def _publish(self, bodies: Iterable[str], *, priority: int) -> None:
        from ..queues.rabbitmq import publish_tasks

        publish_tasks(self._url, (body.encode() for body in bodies), priority=priority, tls=self._tls)


def _read(folder: Path) -> dict[str, Any] | None:
    """A job's data.json, with what a file beside it says; None if it can't be read."""
    try:
        data = json.loads((folder / DATA_JSON).read_bytes())
        canceled = (folder / CANCELED).exists()
    except (OSError, ValueError) as error:
        log.debug("%s: %s", folder, error)
        return None
    if not isinstance(data, dict) or "id" not in data:
        return None
    return {**data, "status": {"Job": "Canceled"}} if canceled else data


def _job(data: Mapping[str, Any]) -> Job:
    frames: dict[str, int] = {}
    for task in data.get("tasks", []):
        frames[task["status"]] = frames.get(task["status"], 0) + len(_frames(task))
    extra = data.get("data", {})
    status = data["status"].get("Job", "Queued") if isinstance(data.get("status"), dict) else "Queued"
    name = extra.get("name") or Path(data.get("paths", {}).get("filename", "")).stem
    return Job(
        data["id"], name, data.get("time", {}).get("creation") or "", status, int(extra.get("priority", 0)), frames
    )


def _frames(task: Mapping[str, Any]) -> list[int]:
    return sorted(map(int, task.get("command", {}).get("Blender", {}).get("frame", {})))
