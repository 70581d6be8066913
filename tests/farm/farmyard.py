# SPDX-License-Identifier: GPL-3.0-or-later
"""A farm for one test: a RabbitMQ of its own, blends over HTTP, a bookkeeper, and headless workers on demand."""

import re
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Self

from tests.farm.process import DEADLINE, WorkerProcess
from tools import wheels
from tools.blend_server import Behaviour, Blend, BlendServer
from tools.farm import Bookkeeper, Message, Report, make_task, publish_tasks, queue_depth
from tools.rabbitmq import RabbitNode

wheels.importable()

import pika  # noqa: E402

_FRAME = re.compile(r"\d{6}\.(png|bmp|jpg|jp2|tga|cin|dpx|exr|hdr|tif)")
RUN = ("--command", "bender_worker", "run")


class Farm:
    """All its parts stand from `with` to its end. `folder` holds what its workers keep; nothing of them may be left
    behind, and nothing but frames may lie among the frames: that is looked at when it ends."""

    def __init__(self, *, rabbit: RabbitNode, vhost: str, blender: Path, env: Mapping[str, str], folder: Path) -> None:
        """`blender` has the add-on when it is run with `env`."""
        self.rabbit, self.vhost, self.blender, self.folder = rabbit, vhost, blender, folder
        self._env = {name: value for name, value in env.items() if not name.startswith("BENDER_")}
        self.url = rabbit.url_of(vhost)
        self.outpath = folder / "frames"
        self.server = BlendServer()
        self.bookkeeper = Bookkeeper(self.url)
        self._workers: list[WorkerProcess] = []
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with self._stack:
            self._stack.enter_context(self.server)
            self._stack.enter_context(self.bookkeeper)
            self._stack = self._stack.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        still_there = [worker for worker in self._workers if worker.living()]
        for worker in still_there:
            worker.end()
        for worker in self._workers:
            worker.wait()
        self._stack.close()
        if kind is None:
            assert not still_there, f"a worker or its child is still there:\n{still_there[0].log}"
            assert self.leftovers() == []

    # What the farm gives

    def declare_work(self, **arguments: str) -> None:
        """Declares the queue `work` as some farms do: rejected messages go on to the queue `dead`."""
        with self._connection() as connection:
            channel = connection.channel()
            channel.queue_declare("dead", durable=True)
            dead = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "dead"}
            channel.queue_declare("work", durable=True, arguments=dead | arguments)

    def job(self, blend: Blend, *, behaviour: Behaviour | None = None, status: str = "Running") -> str:
        """Registers a job, gives its id."""
        job_id = uuid.uuid4().hex
        self.server.add(job_id, blend, behaviour=behaviour, status=status)
        return job_id

    def publish(self, *tasks: Message) -> None:
        publish_tasks(self.url, tasks)

    def task(self, job_id: str, *frames: int, **options: Any) -> dict[str, Any]:
        """Queues a task and gives it."""
        task = make_task(job_id, frames, **options)
        self.publish(task)
        return task

    # Who works for it

    def environment(self, **settings: object) -> dict[str, str]:
        """A worker's environment: this farm, folders of its own, and whatever else is set."""
        chosen = {
            "amqp_url": self.url,
            "bender_url": self.server.url,
            "data_dir": self.folder / "data",
            "outpath": self.outpath,
            "disklimit": 0,
        } | settings
        return self._env | {f"BENDER_WORKER_{name.upper()}": str(value) for name, value in chosen.items()}

    def worker(
        self,
        *options: str,
        form: tuple[str, ...] = RUN,
        environment: Mapping[str, str] | None = None,
        **settings: object,
    ) -> WorkerProcess:
        """Starts a worker. It is verbose, and would end by itself if nobody gave it anything to do any more."""
        words = [str(self.blender), *form, "--verbose", "--idle-exit", "240", *options]
        worker = WorkerProcess(words, env=self.environment(**settings) | dict(environment or {}))
        self._workers.append(worker)
        return worker

    def follow(self, *words: str) -> WorkerProcess:
        """Starts a word of the command line that goes on until it is interrupted."""
        follower = WorkerProcess([self.blender, *RUN[:2], *words], env=self.environment())
        self._workers.append(follower)
        return follower

    def command(self, *words: str, **settings: object) -> subprocess.CompletedProcess[str]:
        """Carries out a word of the command line; a worker it starts must end by itself."""
        return self.blender_with("--command", "bender_worker", *words, **settings)

    def blender_with(self, *words: str, **settings: object) -> subprocess.CompletedProcess[str]:
        env = self.environment(**settings)
        return subprocess.run([self.blender, *words], env=env, capture_output=True, text=True, timeout=60, check=False)

    # What is known of it

    def wait_for(self, step: str, task: Mapping[str, Any] | None = None, *, count: int = 1) -> Report:
        """The `count`th report of this step, of this task if one is named."""

        def wanted(report: Report) -> bool:
            return report.step == step and (task is None or report.task["id"] == task["id"])

        return self.bookkeeper.wait_for(wanted, count=count, timeout=DEADLINE)[-1]

    @contextmanager
    def mid_frame(self, worker: WorkerProcess, task: Mapping[str, Any]) -> Iterator[None]:
        """Begins when the task is rendered; its frame is not done before this ends."""
        self.wait_for("start", task)
        with worker.child_stopped():
            yield

    def steps(self, task: Mapping[str, Any]) -> list[str]:
        """The steps reported of a task, in order."""
        return [report.step for report in self.reports(task)]

    def reports(self, task: Mapping[str, Any]) -> list[Report]:
        """The reports of a task, in order. One that came twice, because its confirmation was lost, counts once."""
        known = {report.properties.message_id: report for report in reversed(self.bookkeeper.reports)}
        return [report for report in reversed(known.values()) if report.task.get("id") == task["id"]]

    def ready(self, queue: str = "work") -> int:
        return queue_depth(self.url, queue).ready

    def unacked(self) -> int:
        """How many messages of `work` are with workers, as an administrator sees it."""
        listed = self.rabbit.ctl("list_queues", "-p", self.vhost, "name", "messages_unacknowledged")
        return int(dict(line.split("\t") for line in listed.splitlines() if "\t" in line)["work"])

    def take(self, queue: str) -> list[bytes]:
        """Takes all messages out of a queue."""
        with self._connection() as connection:
            channel = connection.channel()
            bodies = iter(lambda: channel.basic_get(queue, auto_ack=True)[2], None)
            return list(bodies)

    @contextmanager
    def refusing_publishers(self) -> Iterator[None]:
        """While it lasts the broker takes no messages, as when it has no memory left: it doesn't even read acks."""
        self.rabbit.ctl("set_vm_memory_high_watermark", "0")
        try:
            yield
        finally:
            self.rabbit.ctl("set_vm_memory_high_watermark", "0.4")

    def close_connections(self) -> None:
        """The broker ends every connection to this farm's virtual host; the bookkeeper comes back by itself."""
        self.rabbit.ctl("close_all_connections", "--vhost", self.vhost, "closed by a test")

    def frame(self, job_id: str, name: str) -> Path:
        return self.outpath / job_id / name

    def frames(self, job_id: str) -> list[str]:
        """The names of all that lies in the job's folder of frames."""
        folder = self.outpath / job_id
        return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []

    def leftovers(self) -> list[Path]:
        """What lies where only frames in a folder a job may lie, now that no worker runs."""
        return [path for path in self.outpath.rglob("*") if not _may_lie_there(path.relative_to(self.outpath), path)]

    def _connection(self) -> pika.BlockingConnection:
        parameters = pika.URLParameters(self.url)
        parameters.socket_timeout = parameters.blocked_connection_timeout = DEADLINE
        return pika.BlockingConnection(parameters)


def eventually(true: Callable[[], bool], *, timeout: float = DEADLINE) -> None:
    """Waits until it is true, for what nobody announces."""
    deadline = time.monotonic() + timeout
    while not true():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not true after {timeout:g} s")
        time.sleep(0.02)


def _may_lie_there(inside: Path, path: Path) -> bool:
    if path.is_dir():
        return len(inside.parts) == 1
    return len(inside.parts) == 2 and _FRAME.fullmatch(path.name) is not None
