# SPDX-License-Identifier: GPL-3.0-or-later
"""A farm's folder on this machine, for tests: jobs in its queue, and hands that do with it what a worker does."""

import itertools
import json
import time
from contextlib import ExitStack
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from bender_worker_addon.core.deliveries import Confirmed, Connected, Delivered, Delivery
from bender_worker_addon.farm import books, changes, job_files
from bender_worker_addon.farm.database import Database
from bender_worker_addon.farm.new_job import NewTask
from bender_worker_addon.queues.local.queue import LocalQueue
from tests.unit.support import DEADLINE, event_from, task_wire


class Site:
    """A farm's folder, and workers' queues on it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.database = Database(folder)
        self._stack = ExitStack()
        self._stack.callback(self.database.close)

    def add(self, job: str, count: int, *, priority: int = 0, tail: str = "") -> None:
        """A job of `count` tasks of a frame each, `<job>-1` the first. `tail`: what each frame is, if the last may be
        cut."""
        data = {books.TAIL: tail} if tail else {}
        head = {"id": job, "paths": {"blend": "scene.blend"}, "time": {"creation": books.now()}, "data": data}
        tasks = [
            NewTask(
                f"{job}-{number}", str(number), 1, json.dumps(task_wire(f"{job}-{number}", job=job, frames=[number]))
            )
            for number in range(1, count + 1)
        ]
        (self.folder / "jobs" / job).mkdir(parents=True)
        with self.database.changing() as connection:
            changes.add_job(connection, head, name="scene", priority=priority, tasks=tasks)

    def worker(self, *, prefetch: int = 1, blender: str = "") -> "Hands":
        inbox: SimpleQueue[Any] = SimpleQueue()
        queue = LocalQueue(self.folder, jobs=self.folder / "jobs", inbox=inbox, blender=blender)
        self._stack.callback(queue.close, timeout=DEADLINE)
        queue.consume(prefetch)
        queue.start()
        return Hands(queue, inbox)

    def left(self) -> int:
        """How many messages are in the queue, held ones too."""
        with self.database.looking() as connection:
            return int(connection.execute("SELECT count(*) FROM message").fetchone()[0])

    def job(self, job: str) -> books.Job:
        with self.database.looking() as connection:
            return next(found for found in books.jobs(connection) if found.id == job)

    def data_json(self, job: str) -> dict[str, Any]:
        data: dict[str, Any] = json.loads((self.folder / "jobs" / job / "data.json").read_text())
        return data

    def wait_until_written(self, job: str) -> None:
        """Waits until its data.json knows all that is known of it."""
        deadline = time.monotonic() + DEADLINE
        while True:
            with self.database.looking() as connection:
                if job not in job_files.unwritten(connection):
                    return
            assert time.monotonic() < deadline, "nobody writes it"
            time.sleep(0.01)

    def close(self) -> None:
        self._stack.close()


class Hands:
    """What a worker does with its queue."""

    def __init__(self, queue: LocalQueue, inbox: "SimpleQueue[Any]") -> None:
        self.queue, self.inbox = queue, inbox
        self.session = event_from(inbox, Connected).session
        self._reports = itertools.count(1)

    def take(self) -> Delivery:
        delivery: Delivery = event_from(self.inbox, Delivered).delivery
        return delivery

    def report(self, delivery: Delivery, step: str, **changes: Any) -> None:
        """Reports the task with something changed, and waits until that is confirmed."""
        report = next(self._reports)
        body = json.dumps(json.loads(delivery.body) | changes).encode()
        self.queue.publish(self.session, report, f"{step}.w", body)
        while report not in event_from(self.inbox, Confirmed).report_ids:
            pass

    def settled(self) -> None:
        """Waits until what was decided so far is done."""
        report = next(self._reports)
        self.queue.publish(self.session, report, "stat.none", b"{}")
        while report not in event_from(self.inbox, Confirmed).report_ids:
            pass


def name(delivery: Delivery) -> str:
    task: str = json.loads(delivery.body)["id"]
    return task
