# SPDX-License-Identifier: GPL-3.0-or-later
"""Chaos: a farm on which everything breaks at random while its tasks are rendered, and what must hold at the end.

`python3 build.py chaos` runs it. With the same seed the same things are broken in the same order; when exactly they
strike is the machine's.
"""

import argparse
import contextlib
import logging
import os
import random
import signal
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.farm.farmyard import Farm
from tests.farm.ground import eventually
from tests.farm.process import WorkerProcess
from tests.faults.yard import BareFarm
from tests.worker.support import PNG
from tests.worker.support import blend as stand_in_blend
from tools import blend_server, blenders, package, scenes
from tools.blend_server import Behaviour, Blend
from tools.farm import make_task
from tools.proxy import Proxy
from tools.rabbitmq import RabbitNode

NAMES = ("one", "two", "three")
_VHOST = "chaos"
_END = 300.0  # seconds in which all must be done once nothing is broken any more


@dataclass(kw_only=True)
class Plan:
    """`pause`: seconds between two things that break, on average. `blend` gives the blend of a job; `is_whole` says
    whether a frame of this number is what it should be."""

    seed: int
    tasks: int
    jobs: int
    pause: float
    blend: Callable[[random.Random], Blend]
    is_whole: Callable[[Path, int], bool]


@dataclass(kw_only=True)
class Outcome:
    survived: Counter[str] = field(default_factory=Counter)
    tasks: int = 0
    frames: int = 0
    given_up: int = 0
    seconds: float = 0.0

    def __str__(self) -> str:
        rows = [*sorted(self.survived.items()), ("tasks given up with a reason, and queued again", self.given_up)]
        rows += [("tasks finished", self.tasks), ("frames whole", self.frames), ("seconds", round(self.seconds))]
        return "\n".join(f"{name:<48}{count:>6}" for name, count in rows)


class Chaos:
    def __init__(self, farm: Farm, plan: Plan, proxy: Proxy) -> None:
        self._farm, self._plan, self._proxy = farm, plan, proxy
        self._random = random.Random(plan.seed)
        self._workers: dict[str, WorkerProcess] = {}
        self._outcome = Outcome()
        self._finished = 0

    def run(self) -> Outcome:
        """Raises AssertionError for whatever was lost or left behind."""
        began = time.monotonic()
        self._farm.declare_work()
        tasks = self._queued()
        for name in NAMES:
            self._start(name)
        self._break_things(tasks)
        self._proxy.heal()
        self._let_all_end(tasks)
        for worker in self._workers.values():
            worker.wait_for_line("frames go to")
            worker.signal(signal.SIGTERM)
        for name in NAMES:  # one that was still without its broker sends its last reports when it is started again
            assert self._workers[name].wait() == 0, self._workers[name].log
            self._start(name, "--idle-exit", "1")
        for worker in self._workers.values():
            assert worker.wait() == 0, worker.log
        self._check(tasks)
        self._outcome.seconds = time.monotonic() - began
        return self._outcome

    def _queued(self) -> list[dict[str, Any]]:
        jobs = [self._farm.job(self._plan.blend(self._random), behaviour=self._mood()) for _ in range(self._plan.jobs)]
        tasks = []
        for number in range(self._plan.tasks):
            first, count = 10 * (number // self._plan.jobs), self._random.randint(1, 3)
            tasks.append(make_task(jobs[number % self._plan.jobs], range(first, first + count)))
        self._farm.publish(*tasks)
        return tasks

    def _mood(self) -> Behaviour:
        """How the blend of a job is served."""
        moods = (blend_server.well, blend_server.failing(2), blend_server.cut_often(3), blend_server.slow(0.5))
        return self._random.choice(moods)

    def _start(self, name: str, *options: str) -> None:
        data_dir, url = self._farm.folder / name, f"http://127.0.0.1:{self._proxy.port}"
        self._workers[name] = self._farm.worker(*options, id=name, data_dir=data_dir, bender_url=url)

    # What breaks

    def _break_things(self, tasks: list[dict[str, Any]]) -> None:
        common = [self._kill_worker, self._stop_worker, self._kill_child, self._kill_child, self._cut_http]
        rare = [self._end_connections, self._kill_broker, self._stall_http, self._refuse_http]
        while self._count_finished(tasks) < 0.8 * len(tasks):
            time.sleep(self._random.expovariate(1 / self._plan.pause))
            self._random.choice(self._random.choice([common, common, rare]))()
        for breaking in (self._kill_worker, self._kill_broker):  # so that each has happened, however fast it went
            breaking()

    def _kill_worker(self) -> None:
        name = self._random.choice(NAMES)
        self._workers[name].signal(signal.SIGKILL)
        self._workers[name].wait()
        self._workers[name].wait_until_none_lives()
        self._start(name)
        self._outcome.survived["workers killed"] += 1

    def _stop_worker(self) -> None:
        name = self._random.choice(NAMES)
        self._workers[name].wait_for_line("frames go to")  # from then on it listens to signals
        self._workers[name].signal(signal.SIGTERM)
        assert self._workers[name].wait() == 0, self._workers[name].log
        self._start(name)
        self._outcome.survived["workers stopped"] += 1

    def _kill_child(self) -> None:
        worker = self._workers[self._random.choice(NAMES)]
        number = self._random.choice((signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT))
        for child in worker.children():
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, number)
                self._outcome.survived[f"children ended by {number.name}"] += 1

    def _end_connections(self) -> None:
        self._farm.close_connections()
        self._outcome.survived["connections ended by the broker"] += 1

    def _kill_broker(self) -> None:
        self._farm.rabbit.kill()
        time.sleep(self._random.uniform(0, 2))
        self._farm.rabbit.start()
        self._outcome.survived["brokers killed"] += 1

    def _cut_http(self) -> None:
        self._proxy.cut()
        self._outcome.survived["downloads cut"] += 1

    def _stall_http(self) -> None:
        self._proxy.stall()
        time.sleep(self._random.uniform(0, 2))
        self._proxy.heal()
        self._outcome.survived["times HTTP was a black hole"] += 1

    def _refuse_http(self) -> None:
        self._proxy.refuse()
        time.sleep(self._random.uniform(0, 2))
        self._proxy.heal()
        self._outcome.survived["times HTTP was refused"] += 1

    # What must hold

    def _let_all_end(self, tasks: list[dict[str, Any]]) -> None:
        """Whoever runs the farm queues again what was given up."""
        deadline = time.monotonic() + _END
        while self._count_finished(tasks) < len(tasks):
            assert time.monotonic() < deadline, f"only {self._finished} of {len(tasks)} tasks were finished"
            given_up = self._farm.take("dead")
            self._outcome.given_up += len(given_up)
            self._farm.publish(*given_up)
            time.sleep(0.5)
        eventually(lambda: self._farm.ready() == 0 and self._farm.unacked() == 0, timeout=_END)

    def _count_finished(self, tasks: list[dict[str, Any]]) -> int:
        ids = {task["id"] for task in tasks}
        done = {report.task["id"] for report in self._farm.bookkeeper.reports if report.step == "finish"}
        self._finished = len(ids & done)
        return self._finished

    def _check(self, tasks: list[dict[str, Any]]) -> None:
        reports: dict[str, list[str]] = {task["id"]: [] for task in tasks}
        hashes: dict[str, dict[str, Any]] = {}
        for report in self._farm.bookkeeper.reports:
            if report.body and report.task["id"] in reports:
                reports[report.task["id"]].append(report.step)
                if report.step in ("error", "reject"):
                    assert report.task["data"]["error"]
                if report.step == "finish":
                    hashes[report.task["id"]] = report.task["command"]["Blender"]["frame"]
        for task in tasks:
            steps = reports[task["id"]]
            assert steps.index("start") < len(steps) - 1 - steps[::-1].index("finish"), steps
            frames = task["command"]["Blender"]["frame"]
            for number in map(int, frames):
                path = self._farm.frame(task["parent_id"], f"{number:06}.png")
                assert self._plan.is_whole(path, number), f"{path} is missing or broken"
                assert hashes[task["id"]][str(number)]["hash"]
            self._outcome.frames += len(frames)
            self._outcome.tasks += 1
        for name in NAMES:
            folder = self._farm.folder / name
            assert not list(folder.rglob("*.part"))
            with contextlib.closing(sqlite3.connect(folder / "journal.sqlite")) as journal:
                assert journal.execute("SELECT count(*) FROM report").fetchone() == (0,)
        queues = self._farm.rabbit.ctl("list_queues", "-p", self._farm.vhost, "name").split()
        assert not [name for name in queues if name.startswith("bender-")]


def stand_in(folder: Path, *, seed: int, tasks: int, jobs: int) -> Outcome:
    """With the stand-in child: thousands of frames in minutes."""

    def blend(chance: random.Random) -> bytes:
        return stand_in_blend(record=folder / "renders.txt", seconds=round(chance.uniform(0.01, 0.3), 2))

    def is_whole(path: Path, number: int) -> bool:
        return path.is_file() and path.read_bytes() == PNG + f"PNG {number}".encode()

    plan = Plan(seed=seed, tasks=tasks, jobs=jobs, pause=1.0, blend=blend, is_whole=is_whole)
    with _node() as node, BareFarm(rabbit=node, vhost=_VHOST, folder=folder) as farm, _proxy(farm) as proxy:
        return Chaos(farm, plan, proxy).run()


def real(folder: Path, *, seed: int, tasks: int, jobs: int) -> Outcome:
    """With a real Blender."""
    blender = blenders.find()
    scene = scenes.make(blender, "trivial", folder / "trivial.blend", width=64, height=36, samples=1)
    env = package.install(blender, package.build(blender, folder=folder), folder / "user")

    def is_whole(path: Path, number: int) -> bool:
        return path.is_file() and path.read_bytes().startswith(PNG) and b"IEND" in path.read_bytes()[-12:]

    plan = Plan(seed=seed, tasks=tasks, jobs=jobs, pause=4.0, blend=lambda _: scene, is_whole=is_whole)
    with (
        _node() as node,
        Farm(rabbit=node, vhost=_VHOST, blender=blender, env=env, folder=folder) as farm,
        _proxy(farm) as proxy,
    ):
        return Chaos(farm, plan, proxy).run()


@contextlib.contextmanager
def _node() -> Iterator[RabbitNode]:
    with RabbitNode() as node:
        node.add_vhosts(_VHOST)
        yield node


@contextlib.contextmanager
def _proxy(farm: Farm) -> Iterator[Proxy]:
    with Proxy(int(farm.server.url.rpartition(":")[2])) as proxy:
        yield proxy


def main() -> int:
    parser = argparse.ArgumentParser(prog="build.py chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--tasks", type=int, help="500, or 50 with --blender")
    parser.add_argument("--jobs", type=int, help="20, or 5 with --blender")
    parser.add_argument("--blender", action="store_true", help="render with a real Blender, not with a stand-in")
    chosen = parser.parse_args()
    logging.getLogger("pika").setLevel(logging.CRITICAL)  # pages of it, whenever the broker is away
    run, tasks, jobs = (real, 50, 5) if chosen.blender else (stand_in, 500, 20)
    print(f"seed {chosen.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="bender-worker-chaos-") as folder:
        outcome = run(Path(folder), seed=chosen.seed, tasks=chosen.tasks or tasks, jobs=chosen.jobs or jobs)
    print(outcome)
    return 0


if __name__ == "__main__":
    sys.exit(main())
