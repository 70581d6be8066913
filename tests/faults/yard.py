# SPDX-License-Identifier: GPL-3.0-or-later
"""Farms whose workers have no Blender: real worker processes, a stand-in child; over a real RabbitMQ and real HTTP, or
over the queue on this machine."""

import os
import signal
import sys
import time
import uuid
from abc import abstractmethod
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from bender_worker_addon.farm.database import Database
from bender_worker_addon.farm.new_job import SceneFacts
from tests.farm.farmyard import Farm
from tests.farm.ground import Ground, Reported
from tests.farm.local_yard import LocalYard
from tests.farm.process import WorkerProcess
from tests.unit.gates import opened
from tests.unit.support import blend
from tools.build import wheels
from tools.servers.farm import Report
from tools.servers.rabbitmq import RabbitNode

wheels.importable()

import pika  # noqa: E402

PROGRAM = Path(__file__).resolve().parent / "bare_worker.py"
SCENE = SceneFacts(version="4.3.2", engine="CYCLES", width=1, height=1, scale=100, fps=24, step=1)


class Bare(Reported, Ground):
    """Its blends say what the stand-in child `renders` does with them."""

    @abstractmethod
    def job(self, blend: bytes) -> str:
        """Registers a job, gives its id."""

    @abstractmethod
    def task(self, job_id: str, *frames: int) -> dict[str, Any]:
        """Queues a task and gives it."""

    @abstractmethod
    def left(self) -> int:
        """How many tasks are in the queue, now that no worker runs."""

    @abstractmethod
    def given_up(self) -> int:
        """How many tasks nobody will try again unless somebody says so."""

    def worker(self, *options: str, **settings: Any) -> WorkerProcess:
        """Starts one; it has the id and the folder of data `one` unless it is set."""
        name = str(settings.setdefault("id", "one"))
        settings.setdefault("data_dir", self.folder / name)
        settings.setdefault("form", (str(PROGRAM),))
        return super().worker(*options, **settings)

    def scene(self, **scene: Any) -> str:
        """Registers a job, gives its id; `scene` is for the stand-in child."""
        return self.job(blend(record=self._record, **scene))

    def gate(self) -> Path:
        """Something for a frame to `wait` at until it is `opened`."""
        path = self.folder / f"gate-{len(list(self.folder.glob('gate-*')))}"
        os.mkfifo(path)
        return path

    def stop(self, worker: WorkerProcess) -> None:
        """As it should be done: one that is killed leaves its scratch folder for its next run to clear away."""
        worker.wait_for_line("frames go to")
        worker.signal(signal.SIGTERM)
        assert worker.wait() == 0

    def renders(self) -> int:
        """How many frames were rendered, those that came to nothing included."""
        return len(self._record.read_text().splitlines()) if self._record.exists() else 0

    @property
    def _record(self) -> Path:
        return self.folder / "renders.txt"


class BareFarm(Farm, Bare):
    """Over RabbitMQ."""

    def __init__(self, *, rabbit: RabbitNode, vhost: str, folder: Path) -> None:
        super().__init__(rabbit=rabbit, vhost=vhost, blender=Path(sys.executable), env=_env(folder), folder=folder)

    def left(self) -> int:
        return self.ready()

    def given_up(self) -> int:
        """Where the farm has a queue for them."""
        return self.ready("dead")

    def delete_work(self) -> None:
        """As an administrator might, by mistake."""
        with self._connection() as connection:
            connection.channel().queue_delete("work")


class BareLocalFarm(LocalYard, Bare):
    """Over the queue on this machine; its jobs are sent as `submit` sends them."""

    def __init__(self, *, folder: Path) -> None:
        super().__init__(blender=Path(sys.executable), env=_env(folder), folder=folder)
        self._reporter = BooksOfReports(folder / "farm")
        self._blends: dict[str, bytes] = {}

    @property
    def bookkeeper(self) -> "BooksOfReports":
        return self._reporter

    def job(self, blend: bytes) -> str:
        """It is sent with its task, as it gets no other."""
        job_id = uuid.uuid4().hex
        self._blends[job_id] = blend
        return job_id

    def task(self, job_id: str, *frames: int) -> dict[str, Any]:
        self.send(self._blends.pop(job_id), frames, chunk=len(frames), job_id=job_id)
        (task,) = self.data_json(job_id)["tasks"]
        return dict(task)

    def given_up(self) -> int:
        return sum(job.failed for job in self.site.jobs())


class BooksOfReports:
    """What workers have reported to the farm in a folder: bare workers keep it word for word, in the same transaction
    in which it goes into the farm's books."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def reports(self) -> list[Report]:
        with closing(Database(self._folder)) as database, database.looking() as connection:
            if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'report'").fetchone():
                return []
            rows = connection.execute("SELECT worker, number, key, body FROM report ORDER BY rowid").fetchall()
        return [
            Report(key, body, pika.BasicProperties(message_id=f"{worker}-{number}"), 0.0)
            for worker, number, key, body in rows
        ]

    def wait_for(self, wanted: Callable[[Report], bool], *, timeout: float, count: int = 1) -> list[Report]:
        deadline = time.monotonic() + timeout
        while len(found := [report for report in self.reports if wanted(report)]) < count:
            if time.monotonic() > deadline:
                came = ", ".join(report.routing_key for report in self.reports) or "nothing"
                raise TimeoutError(f"{len(found)} of {count} reports after {timeout:g} s; came: {came}")
            time.sleep(0.02)
        return found[:count]


def _env(folder: Path) -> Mapping[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": str(folder)}


__all__ = ["Bare", "BareFarm", "BareLocalFarm", "opened"]
