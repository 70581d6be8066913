# SPDX-License-Identifier: GPL-3.0-or-later
"""The farm's RabbitMQ side: makes and queues tasks, and reads the reports. What is served over HTTP is blend_server's.

publish_tasks(url, [make_task("job-a", [1, 2, 3]), make_task("job-a", [4])])
with Bookkeeper(url) as bookkeeper:
    finished = bookkeeper.wait_for(lambda report: report.step == "finish", count=2, timeout=60)
"""

import json
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple, Self

from tools.build import wheels

wheels.importable()

import pika  # noqa: E402
from pika.adapters.blocking_connection import BlockingChannel  # noqa: E402
from pika.exceptions import AMQPError  # noqa: E402

EXCHANGE = "worker-topic"
WORK = "work"
DEADLINE = 10.0  # seconds in which a broker that is up has answered

_LAST_NEWS = 0.5  # seconds in which a report that was sent is here
_BROKER_ERRORS = (AMQPError, OSError, ValueError)  # pika raises ValueError on some dead connections

QueueType = Literal["classic", "quorum"]
Message = dict[str, Any] | bytes


def make_task(
    job_id: str,
    frames: Iterable[int],
    *,
    image_format: str = "PNG",
    task_id: str | None = None,
    data: dict[str, str] | None = None,
) -> dict[str, Any]:
    """A task as the farm words it: `frames` of one job, waiting to be rendered."""
    unknown_yet = {"filesize": None, "hash": None, "uploaded": False}
    moments = ("queued", "start", "finish", "error", "abort", "pause")
    return {
        "id": task_id or uuid.uuid4().hex,
        "status": "Waiting",
        "time": {"creation": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ}", **dict.fromkeys(moments)},
        "command": {
            "Blender": {
                "frame": {str(frame): dict(unknown_yet) for frame in frames},
                "image_format": image_format,
                "blendfile": None,
                "outpath": None,
                "command": None,
            }
        },
        "data": dict(data or {}),
        "parent_id": job_id,
    }


def publish_tasks(
    url: str, tasks: Iterable[Message], *, queue: str = WORK, queue_type: QueueType | None = None
) -> None:
    """Queues tasks, confirmed by the broker; bytes go as they are. The queue is declared durable, of the broker's
    default type if none is named, unless it is there already."""
    properties = pika.BasicProperties(content_type="text", delivery_mode=2)
    with _connection(url) as connection:
        _declare(connection, queue, queue_type)
        channel = connection.channel()
        channel.confirm_delivery()
        for task in tasks:
            body = task if isinstance(task, bytes) else json.dumps(task, indent=2).encode()
            channel.basic_publish("", queue, body, properties, mandatory=True)


class QueueDepth(NamedTuple):
    """What the broker says of a queue; a message that is delivered and not yet acked is not ready."""

    ready: int
    consumers: int


def queue_depth(url: str, queue: str = WORK) -> QueueDepth:
    """Raises pika's ChannelClosedByBroker (404) if there is no such queue."""
    with _connection(url) as connection:
        method = connection.channel().queue_declare(queue, passive=True).method
        return QueueDepth(method.message_count, method.consumer_count)


@dataclass(frozen=True, slots=True)
class Report:
    """A message on the topic exchange, and when it came (time.monotonic)."""

    routing_key: str
    body: bytes
    properties: pika.BasicProperties
    time: float

    @property
    def step(self) -> str:
        """The first word of the routing key: receive, start, finish, heart, …"""
        return self.routing_key.partition(".")[0]

    @property
    def task(self) -> dict[str, Any]:
        """The task it tells of; empty for a heartbeat."""
        return json.loads(self.body) if self.body else {}

    @property
    def frames(self) -> list[int]:
        return sorted(int(frame) for frame in self.task["command"]["Blender"]["frame"])


class Bookkeeper:
    """Collects every report, in order, from `with` to its end, on a thread and a connection of its own.

    It comes back after the broker was away: its queue is durable, so what was reported meanwhile is not lost.
    """

    def __init__(self, url: str, *, queue: str = "worker", only: str = "#") -> None:
        """`only`: the pattern of the routing keys it reads; the rest stays in its queue."""
        self._url, self._queue, self._only = url, queue, only
        self._reports: list[Report] = []
        self._news = threading.Condition()
        self._listening, self._closing = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="bookkeeper")

    def __enter__(self) -> Self:
        self._thread.start()
        if not self._listening.wait(DEADLINE):
            self.__exit__()
            raise TimeoutError(f"The bookkeeper could not reach RabbitMQ within {DEADLINE:g} s")
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._thread.join()

    @property
    def reports(self) -> list[Report]:
        """All that came so far."""
        with self._news:
            return list(self._reports)

    def wait_for(self, wanted: Callable[[Report], bool], *, timeout: float, count: int = 1) -> list[Report]:
        """The first `count` reports that are `wanted`, as soon as they are there.

        Raises TimeoutError, which names what came instead, after `timeout` seconds.
        """
        found: list[Report] = []

        def enough() -> bool:
            found[:] = [report for report in self._reports if wanted(report)]
            return len(found) >= count

        with self._news:
            if self._news.wait_for(enough, timeout):
                return found[:count]
            came = ", ".join(report.routing_key for report in self._reports) or "nothing"
        raise TimeoutError(f"{len(found)} of {count} reports after {timeout:g} s; came: {came}")

    def follow(self, until: Callable[[], bool]) -> Iterator[Report]:
        """Each report from the first on, as it comes; ends once `until` is true and no report is left."""
        seen, ended, news = 0, False, list[Report]()
        while news or not ended:
            with self._news:
                ended = until()
                if len(self._reports) == seen:
                    self._news.wait(_LAST_NEWS if ended else 0.2)
                news = self._reports[seen:]
            yield from news
            seen += len(news)

    def _run(self) -> None:
        while not self._closing.is_set():
            try:
                self._listen()
            except _BROKER_ERRORS:
                self._closing.wait(0.2)

    def _listen(self) -> None:
        with _connection(self._url) as connection:
            channel = connection.channel()
            channel.exchange_declare(EXCHANGE, exchange_type="topic", durable=True)
            read = self._queue if self._only == "#" else f"{self._queue}.only"
            for queue, keys in {self._queue: "#", read: self._only}.items():
                channel.queue_declare(queue, durable=True)
                channel.queue_bind(queue, EXCHANGE, routing_key=keys)
            channel.basic_consume(read, self._keep)
            self._listening.set()
            while not self._closing.is_set():
                connection.process_data_events(time_limit=0.1)

    def _keep(self, channel: BlockingChannel, method: Any, properties: pika.BasicProperties, body: bytes) -> None:
        with self._news:
            self._reports.append(Report(method.routing_key, body, properties, time.monotonic()))
            self._news.notify_all()
        channel.basic_ack(method.delivery_tag)


def _connection(url: str) -> pika.BlockingConnection:
    parameters = pika.URLParameters(url)
    parameters.socket_timeout = parameters.blocked_connection_timeout = DEADLINE
    parameters.heartbeat = 30
    return pika.BlockingConnection(parameters)


def _declare(connection: pika.BlockingConnection, queue: str, queue_type: QueueType | None) -> None:
    try:
        connection.channel().queue_declare(queue, passive=True)
    except pika.exceptions.ChannelClosedByBroker:
        arguments = {"x-queue-type": queue_type} if queue_type else None
        connection.channel().queue_declare(queue, durable=True, arguments=arguments)
