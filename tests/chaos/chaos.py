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
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.chaos import farm, tiles, versions
from tests.chaos.sides import OverLocalQueue, OverRabbitMQ, Side, Task
from tests.farm.farmyard import Farm
from tests.farm.ground import eventually
from tests.farm.local_yard import LocalYard
from tests.farm.process import WorkerProcess
from tests.faults.yard import BareFarm, BareLocalFarm
from tests.unit.support import PNG
from tests.unit.support import blend as stand_in_blend
from tools.blenders import blenders, scenes
from tools.build import package
from tools.servers.proxy import Proxy
from tools.servers.rabbitmq import RabbitNode

NAMES = ("one", "two", "three")
LOCAL = "local"
QUEUES = ("rabbitmq", LOCAL)
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
    blend: Callable[[random.Random], bytes | Path]
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
        return "\n".join(f"{name:<52}{count:>6}" for name, count in rows)


class Chaos:
    def __init__(self, farm: Farm | LocalYard, plan: Plan) -> None:
        self._farm, self._plan = farm, plan
        self._random = random.Random(plan.seed)
        self._workers: dict[str, WorkerProcess] = {}
        self._outcome = Outcome()
        self._finished = 0

    def run(self, side: Side) -> Outcome:
        """Raises AssertionError for whatever was lost or left behind."""
        began = time.monotonic()
        self._side = side
        blends = [self._plan.blend(self._random) for _ in range(self._plan.jobs)]
        tasks = side.queue(blends, tasks=self._plan.tasks)
        for name in NAMES:
            self._start(name)
        self._break_things(tasks)
        side.heal()
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

    def kill(self, *names: str) -> None:
        """Kills these workers at once, and starts them again."""
        for name in names:
            self._workers[name].signal(signal.SIGKILL)
        for name in names:
            self._workers[name].wait()
            self._workers[name].wait_until_none_lives()
            self._start(name)
        self._outcome.survived["workers killed"] += len(names)

    @property
    def chance(self) -> random.Random:
        return self._random

    @property
    def survived(self) -> Counter[str]:
        return self._outcome.survived

    def _start(self, name: str, *options: str) -> None:
        data_dir = self._farm.folder / name
        options = options or ("--idle-exit", "240")
        self._workers[name] = self._farm.worker(*options, id=name, data_dir=data_dir, **self._side.settings())

    # What breaks

    def _break_things(self, tasks: Sequence[Task]) -> None:
        common = [self._kill_worker, self._stop_worker, self._kill_child, self._kill_child, *self._side.common]
        while self._count_finished(tasks) < 0.8 * len(tasks):
            time.sleep(self._random.expovariate(1 / self._plan.pause))
            self._random.choice(self._random.choice([common, common, self._side.rare]))()
        for breaking in (self._kill_worker, self._side.worst):  # so that each has happened, however fast it went
            breaking()

    def _kill_worker(self) -> None:
        self.kill(self._random.choice(NAMES))

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

    # What must hold

    def _let_all_end(self, tasks: Sequence[Task]) -> None:
        """Whoever runs the farm queues again what was given up."""
        deadline = time.monotonic() + _END
        while self._count_finished(tasks) < len(tasks):
            assert time.monotonic() < deadline, f"only {self._finished} of {len(tasks)} tasks were finished"
            self._outcome.given_up += self._side.queue_again()
            time.sleep(0.5)
        eventually(self._side.is_empty, timeout=_END)

    def _count_finished(self, tasks: Sequence[Task]) -> int:
        self._finished = len({task["id"] for task in tasks} & self._side.finished())
        return self._finished

    def _check(self, tasks: Sequence[Task]) -> None:
        known = self._side.check(tasks)
        for task in tasks:
            frames = known[task["id"]]["command"]["Blender"]["frame"]
            assert frames.keys() == task["command"]["Blender"]["frame"].keys()
            for number, frame in frames.items():
                path = self._farm.frame(task["parent_id"], f"{int(number):06}.png")
                assert self._plan.is_whole(path, int(number)), f"{path} is missing or broken"
                assert frame["hash"]
            self._outcome.frames += len(frames)
            self._outcome.tasks += 1
        for name in NAMES:
            folder = self._farm.folder / name
            assert not list(folder.rglob("*.part"))
            with contextlib.closing(sqlite3.connect(folder / "journal.sqlite")) as journal:
                assert journal.execute("SELECT count(*) FROM report").fetchone() == (0,)


def stand_in(folder: Path, *, queue: str, seed: int, tasks: int, jobs: int) -> Outcome:
    """With the stand-in child: thousands of frames in minutes."""

    def blend(chance: random.Random) -> bytes:
        return stand_in_blend(record=folder / "renders.txt", seconds=round(chance.uniform(0.01, 0.3), 2))

    def is_whole(path: Path, number: int) -> bool:
        return path.is_file() and path.read_bytes() == PNG + f"PNG {number}".encode()

    plan = Plan(seed=seed, tasks=tasks, jobs=jobs, pause=1.0, blend=blend, is_whole=is_whole)
    if queue == LOCAL:
        with BareLocalFarm(folder=folder) as local:
            return _over_local_queue(local, plan)
    with _node() as node, BareFarm(rabbit=node, vhost=_VHOST, folder=folder) as farm:
        return _over_rabbitmq(farm, plan)


def real(folder: Path, *, queue: str, seed: int, tasks: int, jobs: int) -> Outcome:
    """With a real Blender."""
    blender = blenders.find()
    scene = scenes.make(blender, "trivial", folder / "trivial.blend", width=64, height=36, samples=1)
    env = package.install(blender, package.build(blender, folder=folder), folder / "user")

    def is_whole(path: Path, number: int) -> bool:
        return path.is_file() and path.read_bytes().startswith(PNG) and b"IEND" in path.read_bytes()[-12:]

    plan = Plan(seed=seed, tasks=tasks, jobs=jobs, pause=4.0, blend=lambda _: scene, is_whole=is_whole)
    if queue == LOCAL:
        with LocalYard(blender=blender, env=env, folder=folder) as local:
            return _over_local_queue(local, plan)
    with _node() as node, Farm(rabbit=node, vhost=_VHOST, blender=blender, env=env, folder=folder) as farm:
        return _over_rabbitmq(farm, plan)


def _over_rabbitmq(farm: Farm, plan: Plan) -> Outcome:
    chaos = Chaos(farm, plan)
    with Proxy(int(farm.server.url.rpartition(":")[2])) as proxy:
        return chaos.run(OverRabbitMQ(farm, proxy, chaos.chance, chaos.survived))


def _over_local_queue(farm: LocalYard, plan: Plan) -> Outcome:
    chaos = Chaos(farm, plan)
    return chaos.run(OverLocalQueue(farm, lambda: chaos.kill(*NAMES), chaos.chance, chaos.survived))


@contextlib.contextmanager
def _node() -> Iterator[RabbitNode]:
    with RabbitNode() as node:
        node.add_vhosts(_VHOST)
        yield node


def _of_many_machines(chosen: argparse.Namespace) -> farm.Outcome:
    """200 frames, fewer with a real Blender."""
    run = farm.real if chosen.blender else farm.stand_in
    jobs = chosen.jobs or 4
    frames = (chosen.tasks or (40 if chosen.blender else 200)) // jobs
    with tempfile.TemporaryDirectory(prefix="bender-worker-chaos-") as folder:
        return run(Path(folder), seed=chosen.seed, jobs=jobs, frames=frames, breaks=30)


def main() -> int:
    parser = argparse.ArgumentParser(prog="build.py chaos", description=__doc__)
    parser.add_argument("--queue", choices=QUEUES, default=QUEUES[0], help="where tasks come from; %(default)s")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--tasks", type=int, help="500, or 50 with --blender; with --farm frames: 200, or 40")
    parser.add_argument("--jobs", type=int, help="20, or 5 with --blender; with --farm 4")
    parser.add_argument("--farm", action="store_true", help="a farm of many machines, in network namespaces; for root")
    parser.add_argument("--tiles", action="store_true", help="pictures in tiles, at each step of whoever works at them")
    parser.add_argument("--blender", action="store_true", help="render with a real Blender, not with a stand-in")
    chosen = parser.parse_args()
    logging.getLogger("pika").setLevel(logging.CRITICAL)  # pages of it, whenever the broker is away
    run, tasks, jobs = (real, 50, 5) if chosen.blender else (stand_in, 500, 20)
    print(f"seed {chosen.seed}", flush=True)
    if chosen.farm:
        print(_of_many_machines(chosen))
        return 0
    if chosen.tiles:
        with tempfile.TemporaryDirectory(prefix="bender-worker-chaos-") as folder, _node() as node:
            print(tiles.all_of_it(Path(folder), node, node.url_of(_VHOST)), "moments survived")
        with tempfile.TemporaryDirectory(prefix="bender-worker-chaos-") as folder, _node() as node:
            versions.all_of_it(Path(folder), node.url_of(_VHOST))
            print("pictures of two versions of Blender are each of one")
        return 0
    with tempfile.TemporaryDirectory(prefix="bender-worker-chaos-") as folder:
        counts = {"tasks": chosen.tasks or tasks, "jobs": chosen.jobs or jobs}
        outcome = run(Path(folder), queue=chosen.queue, seed=chosen.seed, **counts)
    print(outcome)
    return 0


if __name__ == "__main__":
    sys.exit(main())
