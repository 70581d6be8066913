# SPDX-License-Identifier: GPL-3.0-or-later
"""A farm for one test: a RabbitMQ of its own, blends over HTTP, a bookkeeper, and headless workers on demand."""

import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from tests.farm.ground import Ground, Reported
from tests.farm.process import DEADLINE
from tools.build import wheels
from tools.servers.blend_server import Behaviour, Blend, BlendServer
from tools.servers.farm import Bookkeeper, Message, make_task, publish_tasks, queue_depth
from tools.servers.rabbitmq import RabbitNode

wheels.importable()

import pika  # noqa: E402


class Farm(Reported, Ground):
    """All its parts stand from `with` to its end."""

    def __init__(self, *, rabbit: RabbitNode, vhost: str, blender: Path, env: Mapping[str, str], folder: Path) -> None:
        """`blender` has the add-on when it is run with `env`."""
        super().__init__(blender=blender, env=env, folder=folder, outpath=folder / "frames")
        self.rabbit, self.vhost = rabbit, vhost
        self.url = rabbit.url_of(vhost)
        self.server = BlendServer()
        self._bookkeeper = Bookkeeper(self.url)

    @property
    def bookkeeper(self) -> Bookkeeper:
        return self._bookkeeper

    def _begin(self, stack: ExitStack) -> None:
        stack.enter_context(self.server)
        stack.enter_context(self._bookkeeper)

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

    def environment(self, **settings: object) -> dict[str, str]:
        chosen = {
            "amqp_url": self.url,
            "bender_url": self.server.url,
            "data_dir": self.folder / "data",
            "outpath": self.outpath,
            "disklimit": 0,
            "upload": "off",
        } | settings
        return self._env | {f"BENDER_WORKER_{name.upper()}": str(value) for name, value in chosen.items()}

    # What the broker says

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
    def refusing_publishers(self, *, lacks: str = "memory") -> Iterator[None]:
        """While it lasts the broker takes no messages as it lacks memory, or room on its disk: it doesn't even read
        acks."""
        setting, too_much, usual = {
            "memory": ("set_vm_memory_high_watermark", "0", "0.4"),
            "disk": ("set_disk_free_limit", "1000000GB", "50MB"),
        }[lacks]
        self.rabbit.ctl(setting, too_much)
        try:
            yield
        finally:
            self.rabbit.ctl(setting, usual)

    def close_connections(self) -> None:
        """The broker ends every connection to this farm's virtual host; the bookkeeper comes back by itself."""
        self.rabbit.ctl("close_all_connections", "--vhost", self.vhost, "closed by a test")

    def _connection(self) -> pika.BlockingConnection:
        parameters = pika.URLParameters(self.url)
        parameters.socket_timeout = parameters.blocked_connection_timeout = DEADLINE
        return pika.BlockingConnection(parameters)
