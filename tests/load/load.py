# SPDX-License-Identifier: GPL-3.0-or-later
"""Load: many tasks, many workers, long queues; what they cost and whether that grows. `python3 build.py load` runs it.

Workers are real processes on a real RabbitMQ; their child is a stand-in that takes 50 ms a frame.
"""

import argparse
import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from tests.farm.process import WorkerProcess
from tests.faults.yard import BareFarm
from tests.load import farm
from tests.unit.support import blend
from tools.build import wheels
from tools.servers.farm import make_task
from tools.servers.proxy import Proxy
from tools.servers.rabbitmq import RabbitNode

wheels.importable()

import pika  # noqa: E402

VHOST = "load"
PATIENCE = 600.0  # seconds for any one part


class Finished:
    """Counts tasks that are reported as finished, on a connection of its own, and forgets the rest."""

    def __init__(self, url: str) -> None:
        self.tasks: set[str] = set()
        self._url = url
        self._closing = threading.Event()
        self._listening = threading.Event()
        self._thread = threading.Thread(target=self._run, name="finished")

    def __enter__(self) -> "Finished":
        self._thread.start()
        self._listening.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._thread.join()

    def wait_for(self, count: int) -> None:
        deadline = time.monotonic() + PATIENCE
        while len(self.tasks) < count:
            assert time.monotonic() < deadline, f"only {len(self.tasks)} of {count} tasks were finished"
            time.sleep(0.05)

    def _run(self) -> None:
        with pika.BlockingConnection(pika.URLParameters(self._url)) as connection:
            channel = connection.channel()
            channel.exchange_declare("worker-topic", exchange_type="topic", durable=True)
            channel.queue_declare("finished", durable=True)
            channel.queue_bind("finished", "worker-topic", routing_key="finish.#")
            channel.basic_consume("finished", self._keep, auto_ack=True)
            self._listening.set()
            while not self._closing.is_set():
                connection.process_data_events(time_limit=0.1)

    def _keep(self, _channel: object, _method: object, _properties: object, body: bytes) -> None:
        self.tasks.add(json.loads(body)["id"])


@contextmanager
def load_farm(folder: Path) -> Iterator[tuple[BareFarm, Finished]]:
    folder.mkdir()
    with ExitStack() as stack:
        node = stack.enter_context(RabbitNode())
        node.add_vhosts(VHOST)
        farm = BareFarm(rabbit=node, vhost=VHOST, folder=folder)
        stack.enter_context(farm.server)
        farm.declare_work()
        yield farm, stack.enter_context(Finished(farm.url))


def fill(farm: BareFarm, count: int, *, seconds: float) -> None:
    """Queues so many tasks of one job; each has one frame that takes `seconds`."""
    job = farm.job(blend(record=os.devnull, seconds=seconds))
    properties = pika.BasicProperties(delivery_mode=2)
    with pika.BlockingConnection(pika.URLParameters(farm.url)) as connection:
        channel = connection.channel()
        for number in range(count):
            channel.basic_publish("", "work", json.dumps(make_task(job, [number])).encode(), properties)


def many_workers(folder: Path, *, workers: int, renderers: int, tasks: int) -> None:
    """Tasks a second of all workers together, and what a worker and the broker take for it; each worker has so many
    children side by side."""
    with load_farm(folder) as (farm, finished):
        fill(farm, tasks, seconds=0.05)
        names = [f"w{number}" for number in range(workers)]
        cpu, began = _cpu_of_broker(farm), time.monotonic()
        running = [farm.worker("--quiet", id=name, renderers=renderers) for name in names]
        finished.wait_for(tasks)
        took = time.monotonic() - began
        memory = sum(_status(worker.pid, "VmRSS") for worker in running) / workers
        broker = (_cpu_of_broker(farm) - cpu) / took
        _stop(running)
        assert (len(finished.tasks), farm.ready()) == (tasks, 0)
        _tell(f"{workers} workers of {renderers} children, {tasks} tasks", f"{tasks / took:.0f} tasks/s")
        _tell("  broker", f"{100 * broker:.0f} % of a core")
        _tell("  a worker", f"{memory / 1024:.1f} MB")


def long_queue(folder: Path, *, tasks: int) -> None:
    """Whether a long queue changes a worker's start and memory."""
    with load_farm(folder) as (farm, finished):
        for queued in (1, tasks):
            fill(farm, queued, seconds=0.0)
            began = time.monotonic()
            worker = farm.worker("--max-tasks", "1", id=f"w{queued}")
            worker.wait_for_line("received")
            start = time.monotonic() - began
            memory = _status(worker.pid, "VmRSS")
            assert worker.wait() == 0
            _tell(f"{queued} tasks queued: first task, memory", f"{1000 * start:.0f} ms, {memory / 1024:.1f} MB")
        assert len(finished.tasks) == 2


def one_worker(folder: Path, *, tasks: int) -> None:
    """Whether anything of a worker grows with the tasks it has done."""
    with load_farm(folder) as (farm, finished):
        fill(farm, tasks, seconds=0.0)
        worker = farm.worker("--quiet", id="w")
        journal, rows = farm.folder / "w" / "journal.sqlite", []
        began = time.monotonic()
        for share in range(1, 11):
            finished.wait_for(tasks * share // 10)
            files = len(list(Path(f"/proc/{worker.pid}/fd").iterdir()))
            threads, size = (
                _status(worker.pid, "Threads"),
                sum(p.stat().st_size for p in journal.parent.glob("journal*")),
            )
            rows.append((len(finished.tasks), _status(worker.pid, "VmRSS"), files, threads, size // 1024))
            print("  {:>7} tasks {:>8} kB {:>4} files {:>4} threads {:>7} kB of journal".format(*rows[-1]), flush=True)
        _tell(f"one worker, {tasks} tasks", f"{tasks / (time.monotonic() - began):.0f} tasks/s")
        _stop([worker])
        half = rows[len(rows) // 2 :]
        for column, name in ((1, "kB of memory"), (2, "files"), (3, "threads"), (4, "kB of journal")):
            _tell(f"  {name} a thousand tasks", f"{1000 * _slope([(row[0], row[column]) for row in half]):+.3f}")


def end_of_a_job(folder: Path, *, tasks: int) -> None:
    """By how much of the slowest worker's time a frame three workers miss the earliest end of a job that there could
    be."""
    speeds = (0.05, 0.2, 1.0)  # seconds a frame
    with load_farm(folder) as (farm, finished):
        running = [farm.worker(id=f"w{seconds:g}", environment={"SECONDS_A_FRAME": str(seconds)}) for seconds in speeds]
        for worker in running:
            worker.wait_for_line("frames go to")
        time.sleep(2)  # their children have started
        began = time.monotonic()
        fill(farm, tasks, seconds=0.0)
        finished.wait_for(tasks)
        took = time.monotonic() - began
        _stop(running)
        late = (took - _earliest_end(tasks, speeds)) / max(speeds)
        _tell(f"three workers, {tasks} tasks: end after the ideal", f"{late:.2f} of the slowest's frame")


def far_away(folder: Path, *, tasks: int) -> None:
    """What it costs if RabbitMQ is far away, with frames of 40 ms."""
    with load_farm(folder) as (farm, finished):
        for milliseconds in (0, 30, 100):
            with Proxy(farm.rabbit.port, delay=milliseconds / 2000) as proxy:
                url = farm.url.replace(f":{farm.rabbit.port}/", f":{proxy.port}/")
                before = len(finished.tasks)
                fill(farm, tasks, seconds=0.04)
                worker = farm.worker("--quiet", id=f"w{milliseconds}", amqp_url=url)
                finished.wait_for(before + tasks // 10)
                done, began = len(finished.tasks), time.monotonic()
                finished.wait_for(before + tasks)
                speed = (before + tasks - done) / (time.monotonic() - began)
                _stop([worker])
            _tell(f"RabbitMQ {milliseconds} ms away, there and back", f"{speed:.1f} tasks/s")


def _earliest_end(tasks: int, speeds: Sequence[float]) -> float:
    """Each task goes to the worker that would be done with it first."""
    ends = [0.0 for _ in speeds]
    for _ in range(tasks):
        end, worker = min(
            (end + seconds, worker) for worker, (end, seconds) in enumerate(zip(ends, speeds, strict=True))
        )
        ends[worker] = end
    return max(ends)


def _slope(points: list[tuple[int, int]]) -> float:
    """By least squares."""
    count = len(points)
    mean_x, mean_y = sum(x for x, _ in points) / count, sum(y for _, y in points) / count
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / sum((x - mean_x) ** 2 for x, _ in points)


def _status(process: int, field: str) -> int:
    text = Path(f"/proc/{process}/status").read_text()
    return int(next(line.split()[1] for line in text.splitlines() if line.startswith(f"{field}:")))


def _cpu_of_broker(farm: BareFarm) -> float:
    """Seconds that the broker's own process has used so far."""
    process = int(farm.rabbit.ctl("eval", "os:getpid().").strip().strip('"'))
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _stop(workers: list[WorkerProcess]) -> None:
    for worker in workers:
        worker.end()


def _tell(what: str, figure: Any) -> None:
    print(f"{what:<44} {figure}", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="build.py load", description=__doc__)
    parser.add_argument("--workers", type=int, default=10)
    parser.add_argument("--renderers", type=int, default=20, help="children of each of them")
    parser.add_argument("--tasks", type=int, default=10_000, help="for all workers together")
    parser.add_argument("--queued", type=int, default=100_000)
    parser.add_argument("--through-one", type=int, default=50_000, help="tasks for one worker")
    parser.add_argument("--farm", action="store_true", help="a farm's server: 1,000 workers, 100,000 tasks")
    chosen = parser.parse_args()
    if chosen.farm:
        with tempfile.TemporaryDirectory(prefix="bender-worker-load-") as folder:
            crowd = {"workers": 1000, "tasks": chosen.queued, "rate": 2200, "seconds": 20}
            farm.run(Path(folder), **crowd, downloaders=20, size=1 << 30)
        return 0
    with tempfile.TemporaryDirectory(prefix="bender-worker-load-") as folder:
        crowd = {"workers": chosen.workers, "renderers": chosen.renderers, "tasks": chosen.tasks}
        many_workers(Path(folder) / "many", **crowd)
        end_of_a_job(Path(folder) / "end", tasks=100)
        far_away(Path(folder) / "far", tasks=200)
        long_queue(Path(folder) / "queue", tasks=chosen.queued)
        one_worker(Path(folder) / "one", tasks=chosen.through_one)
    return 0


if __name__ == "__main__":
    sys.exit(main())
