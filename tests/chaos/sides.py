# SPDX-License-Identifier: GPL-3.0-or-later
"""The two sides that a farm under chaos can have: tasks from RabbitMQ and blends over HTTP, or both from this machine.
What is queued, what breaks there, and how it is known that nothing was lost."""

import random
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from bender_worker_addon.farm.database import FILE, Database
from tests.farm.farmyard import Farm
from tests.farm.ground import Ground
from tests.farm.local_yard import LocalYard
from tools.servers import blend_server
from tools.servers.blend_server import Behaviour
from tools.servers.farm import make_task
from tools.servers.proxy import Proxy

Task = dict[str, Any]
Break = Callable[[], None]


class Side(ABC):
    """`survived` counts what was broken. `common` and `rare` break something, `worst` must have happened once."""

    common: Sequence[Break]
    rare: Sequence[Break]
    worst: Break

    def __init__(self, farm: Ground, chance: random.Random, survived: Counter[str]) -> None:
        self._random, self._survived = chance, survived
        self._folder = farm.folder

    @abstractmethod
    def queue(self, blends: Sequence[bytes | Path], *, tasks: int) -> list[Task]:
        """Queues so many tasks, a job a blend."""

    @abstractmethod
    def settings(self) -> dict[str, Any]:
        """What a worker's settings are besides those of its farm."""

    @abstractmethod
    def heal(self) -> None:
        """From now on nothing is broken."""

    @abstractmethod
    def finished(self) -> set[str]:
        """The ids of tasks that are known to be finished."""

    @abstractmethod
    def queue_again(self) -> int:
        """Does what whoever runs the farm does with what was given up; gives how many tasks that were."""

    @abstractmethod
    def is_empty(self) -> bool:
        """Whether no task is queued, nor with a worker."""

    @abstractmethod
    def check(self, tasks: Sequence[Task]) -> dict[str, Task]:
        """Raises AssertionError if what is known of the tasks is not as it should be; else gives it, by their ids."""


class OverRabbitMQ(Side):
    def __init__(self, farm: Farm, proxy: Proxy, chance: random.Random, survived: Counter[str]) -> None:
        """`proxy` stands before the farm's flaskbender."""
        super().__init__(farm, chance, survived)
        self._farm, self._proxy = farm, proxy
        self.common = [self._cut_http]
        self.rare = [self._end_connections, self._kill_broker, self._stall_http, self._refuse_http]
        self.worst = self._kill_broker

    def queue(self, blends: Sequence[bytes | Path], *, tasks: int) -> list[Task]:
        self._farm.declare_work()
        jobs = [self._farm.job(blend, behaviour=self._mood()) for blend in blends]
        queued = []
        for number in range(tasks):
            first, count = 10 * (number // len(jobs)), self._random.randint(1, 3)
            queued.append(make_task(jobs[number % len(jobs)], range(first, first + count)))
        self._farm.publish(*queued)
        return queued

    def settings(self) -> dict[str, Any]:
        return {"bender_url": f"http://127.0.0.1:{self._proxy.port}"}

    def heal(self) -> None:
        self._proxy.heal()

    def finished(self) -> set[str]:
        return {report.task["id"] for report in self._farm.bookkeeper.reports if report.step == "finish"}

    def queue_again(self) -> int:
        given_up = self._farm.take("dead")
        self._farm.publish(*given_up)
        return len(given_up)

    def is_empty(self) -> bool:
        return self._farm.ready() == 0 and self._farm.unacked() == 0

    def check(self, tasks: Sequence[Task]) -> dict[str, Task]:
        steps: dict[str, list[str]] = {task["id"]: [] for task in tasks}
        known: dict[str, Task] = {}
        for report in self._farm.bookkeeper.reports:
            if report.body and report.task["id"] in steps:
                steps[report.task["id"]].append(report.step)
                if report.step in ("error", "reject"):
                    assert report.task["data"]["error"]
                if report.step == "finish":
                    known[report.task["id"]] = report.task
        for told in steps.values():
            assert told.index("start") < len(told) - 1 - told[::-1].index("finish"), told
        queues = self._farm.rabbit.ctl("list_queues", "-p", self._farm.vhost, "name").split()
        assert not [name for name in queues if name.startswith("bender-")]
        return known

    def _mood(self) -> Behaviour:
        """How the blend of a job is served."""
        moods = (blend_server.well, blend_server.failing(2), blend_server.cut_often(3), blend_server.slow(0.5))
        return self._random.choice(moods)

    def _end_connections(self) -> None:
        self._farm.close_connections()
        self._survived["connections ended by the broker"] += 1

    def _kill_broker(self) -> None:
        self._farm.rabbit.kill()
        time.sleep(self._random.uniform(0, 2))
        self._farm.rabbit.start()
        self._survived["brokers killed"] += 1

    def _cut_http(self) -> None:
        self._proxy.cut()
        self._survived["downloads cut"] += 1

    def _stall_http(self) -> None:
        self._proxy.stall()
        time.sleep(self._random.uniform(0, 2))
        self._proxy.heal()
        self._survived["times HTTP was a black hole"] += 1

    def _refuse_http(self) -> None:
        self._proxy.refuse()
        time.sleep(self._random.uniform(0, 2))
        self._proxy.heal()
        self._survived["times HTTP was refused"] += 1


class OverLocalQueue(Side):
    def __init__(self, farm: LocalYard, kill_all: Break, chance: random.Random, survived: Counter[str]) -> None:
        """`kill_all` kills all workers at once and starts them again."""
        super().__init__(farm, chance, survived)
        self._farm, self._kill_all = farm, kill_all
        self._file = farm.folder / "farm" / FILE
        self.common = [self._kill_all_while_it_is_written]
        self.rare = [self._keep_it_locked, self._cancel_and_retry]
        self.worst = self._kill_all_while_it_is_written

    def queue(self, blends: Sequence[bytes | Path], *, tasks: int) -> list[Task]:
        queued: list[Task] = []
        for number, blend in enumerate(blends):
            count, chunk = len(range(number, tasks, len(blends))), self._random.randint(1, 3)
            job = self._farm.send(blend, range(1, count * chunk + 1), chunk=chunk)
            queued += self._farm.data_json(job)["tasks"]
        return queued

    def settings(self) -> dict[str, Any]:
        return {"grace_period": 2}  # a worker asks after its jobs every second

    def heal(self) -> None:
        """What breaks here is over at once."""

    def finished(self) -> set[str]:
        return {task["id"] for task in self._known() if task["status"] == "Finished"}

    def queue_again(self) -> int:
        return sum(self._farm.site.retry(job.id) for job in self._farm.site.jobs() if job.failed)

    def is_empty(self) -> bool:
        return self._farm.left() == 0

    def check(self, tasks: Sequence[Task]) -> dict[str, Task]:
        for job in self._farm.site.jobs():
            assert job.status == "Finished", job
            files = sorted(path.name for path in (self._folder / "farm" / "jobs" / job.id).iterdir())
            assert files == ["data.json", "scene.blend"]
        known = {task["id"]: task for task in self._known()}
        for task in known.values():
            assert task["time"]["start"] <= task["time"]["finish"], task
        return known

    def _known(self) -> list[Task]:
        """As the jobs' own files say it, which are never half-written."""
        return [task for job in self._farm.site.jobs() for task in self._farm.data_json(job.id)["tasks"]]

    def _kill_all_while_it_is_written(self) -> None:
        log = self._file.with_name(f"{FILE}-wal")
        before, deadline = _changed(log), time.monotonic() + 1
        while _changed(log) == before and time.monotonic() < deadline:
            pass
        self._kill_all()
        self._survived["times all were killed while the queue was written"] += 1

    def _keep_it_locked(self) -> None:
        with closing(Database(self._file.parent)) as database, database.changing():
            time.sleep(self._random.uniform(0, 2))
        self._survived["times the queue was locked"] += 1

    def _cancel_and_retry(self) -> None:
        job = self._random.choice(self._farm.site.jobs())
        self._farm.site.cancel(job.id)
        time.sleep(self._random.uniform(0, 2))
        self._farm.site.retry(job.id)
        self._survived["jobs canceled and sent again"] += 1


def _changed(path: Path) -> int:
    return path.stat().st_mtime_ns if path.exists() else 0
