# SPDX-License-Identifier: GPL-3.0-or-later
"""FarmLink: the farm's end of RabbitMQ, on a thread of its own: reports come from the queue `worker`, tasks go into the
queue `work`, those of pictures in tiles into one of their own. What is reported is entered before it is acknowledged,
what is to be done is marked before it is published: either side may be killed at any moment.
"""

import logging
import threading
import time
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, Protocol

import pika
from pika.adapters.blocking_connection import BlockingChannel, BlockingConnection
from pika.exceptions import ChannelClosedByBroker, UnroutableError
from pika.spec import Basic

from ...core.errors import FarmError
from ...core.orders import LIVES
from ...settings.tls import SYSTEM_TLS, Tls
from .backoff import Backoff
from .channels import (
    REPORT_EXCHANGE,
    WORK_QUEUE,
    channel_with,
    confirming_channel,
    parameters,
    report_channel,
    work_channel,
)
from .control import CONTROL_EXCHANGE, HELLO_EXCHANGE, ensure_exchanges
from .errors import CONNECTION_ERRORS, NOT_FOUND, close_quietly, in_words
from .feeder import Feeder, Message

log = logging.getLogger(__name__)

REPORT_QUEUE = "worker"

_AT_ONCE = 500  # reports that are entered in one transaction
_PATIENCE = 0.1  # seconds in which reports gather
_ORDERED = 5.0  # seconds in which an order is given
_FEED_EVERY = 0.25  # seconds, at most, between two looks at what is to be fed


class Farm(Protocol):
    """What the link serves. All methods are called from its thread and may take their time with a database; they raise
    FarmError where that can't be used, and then are called again."""

    def reported(self, reports: Sequence[tuple[str, bytes]]) -> None:
        """Routing key and body of reports, in their order. Entered for good when it returns."""

    def connected(self) -> Sequence[Message]:
        """What may not have reached RabbitMQ in an earlier session."""

    def emptied(self) -> None:
        """RabbitMQ knows this farm no more, if it ever did: whatever it was given is lost."""

    def tile_queues(self) -> Sequence[str]:
        """The queues of tiles out of which workers take any."""

    def abandoned(self) -> Collection[str]:
        """Queues of tiles that are to be emptied, after `wanted`."""

    def wanted(self, *, in_work: int, in_tiles: Mapping[str, int]) -> Sequence[Message]:
        """What is to be published now that so many tasks wait in the queue `work` and in those of tiles."""

    def published(self, numbers: Sequence[int]) -> None:
        """RabbitMQ has these."""


class FarmLink:
    """`trouble`: why there is no connection, or "" while there is one."""

    def __init__(self, url: str, farm: Farm, *, tls: Tls = SYSTEM_TLS) -> None:
        """Raises ConfigError if `url` can't be understood."""
        self._parameters = parameters(url, "farm", tls)
        self._farm = farm
        self._closing = threading.Event()
        self._reports: list[tuple[int, str, bytes]] = []
        self._orders: SimpleQueue[tuple[str, bytes, Future[str]]] = SimpleQueue()
        self._feed_at = 0.0
        self._known: set[str] = set()  # queues of tasks that are there, in this session
        self._thread = threading.Thread(target=self._run, name="bender-farm-link", daemon=True)
        self.trouble = "not connected yet"

    def start(self) -> None:
        self._thread.start()

    def feed_soon(self) -> None:
        """There is something new to be done; any thread may say so."""
        self._feed_at = 0.0

    def order(self, worker: str, body: bytes) -> None:
        """Gives an order to a worker, as `orders.message` writes it; any thread may. Raises FarmError if it does not
        get it."""
        if self.trouble:
            raise FarmError(f"there is no connection to RabbitMQ: {self.trouble}")
        given: Future[str] = Future()
        self._orders.put((worker, body, given))
        try:
            trouble = given.result(_ORDERED)
        except TimeoutError as error:
            given.cancel()
            raise FarmError(f"worker {worker} could not be reached: RabbitMQ does not answer") from error
        if trouble:
            raise FarmError(trouble)

    def close(self, *, timeout: float) -> None:
        self._closing.set()
        if self._thread.ident is not None:
            self._thread.join(timeout)

    def _run(self) -> None:
        backoff = Backoff()
        while not self._closing.is_set():
            began = time.monotonic()
            reason = self._one_session()
            if self._closing.is_set():
                return
            if reason != self.trouble:
                log.warning("%s; trying again", reason)
            self.trouble = reason
            self._closing.wait(backoff.after(time.monotonic() - began))

    def _one_session(self) -> str:
        """Connects and serves until the connection is lost or to be closed; gives the reason of the loss."""
        connection = None
        try:
            connection = BlockingConnection(self._parameters)
            reports, feeder = self._consume(connection), Feeder(connection)
            depths = connection.channel()
            log.info("connected to RabbitMQ")
            self.trouble = ""
            self._known = {WORK_QUEUE}
            self._publish(feeder, depths, self._farm.connected())
            orders = confirming_channel(connection)
            while not self._closing.is_set():
                connection.process_data_events(time_limit=_PATIENCE)
                self._enter(reports)
                self._farm.published(feeder.taken())
                self._feed(feeder, depths)
                self._give(orders)
        except CONNECTION_ERRORS as error:
            return f"no connection to RabbitMQ: {in_words(error)}"
        except FarmError as error:
            return str(error)
        except Exception as error:
            log.exception("what nobody foresaw")
            return f"{type(error).__name__}: {error}"
        finally:
            if connection is not None:
                close_quietly(connection)
        return ""

    def _consume(self, connection: BlockingConnection) -> BlockingChannel:
        """A channel on which reports come; queue, exchange and their binding are used as they are found, and made if
        missing."""
        work_channel(connection).close()
        self._reports.clear()
        report_channel(connection).close()
        ensure_exchanges(connection)
        try:
            channel = connection.channel()
            channel.queue_declare(REPORT_QUEUE, passive=True)
        except ChannelClosedByBroker as error:
            if error.reply_code != NOT_FOUND:
                raise
            self._farm.emptied()  # only we make this queue, and before anything is published
            channel = connection.channel()
            channel.queue_declare(REPORT_QUEUE, durable=True)
        for exchange in (REPORT_EXCHANGE, HELLO_EXCHANGE):
            channel.queue_bind(REPORT_QUEUE, exchange, "#")
        channel.basic_qos(prefetch_count=2 * _AT_ONCE)
        channel.add_on_cancel_callback(self._canceled)
        channel.basic_consume(REPORT_QUEUE, self._came)
        return channel

    def _canceled(self, _frame: object) -> None:
        """Somebody has deleted the queue: the next session makes it again."""
        raise FarmError(f"the queue {REPORT_QUEUE} of RabbitMQ was deleted")

    def _came(
        self, _channel: BlockingChannel, method: Basic.Deliver, _properties: pika.BasicProperties, body: bytes
    ) -> None:
        key: str | bytes = method.routing_key  # pika gives bytes where it is no UTF-8
        self._reports.append((method.delivery_tag, key if isinstance(key, str) else "", body))

    def _enter(self, channel: BlockingChannel) -> None:
        while batch := self._reports[:_AT_ONCE]:
            self._farm.reported([(routing_key, body) for _, routing_key, body in batch])
            channel.basic_ack(batch[-1][0], multiple=True)
            del self._reports[: len(batch)]
            self.feed_soon()

    def _feed(self, feeder: Feeder, depths: BlockingChannel) -> None:
        if time.monotonic() < self._feed_at:
            return
        self._feed_at = time.monotonic() + _FEED_EVERY
        queues = self._farm.tile_queues()
        in_work, *in_tiles = (
            self._look(depths, queue).message_count + feeder.on_the_way(queue) for queue in (WORK_QUEUE, *queues)
        )
        wanted = self._farm.wanted(in_work=in_work, in_tiles=dict(zip(queues, in_tiles, strict=True)))
        for queue in self._farm.abandoned():
            self._look(depths, queue)
            depths.queue_purge(queue)
        self._publish(feeder, depths, wanted)

    def _publish(self, feeder: Feeder, depths: BlockingChannel, messages: Sequence[Message]) -> None:
        for queue in {message.queue for message in messages}:
            self._look(depths, queue)
        feeder.publish(messages)

    def _look(self, channel: BlockingChannel, queue: str) -> Any:
        """How full it is; the first time it is made, if it is not there."""
        if queue not in self._known:
            channel_with(channel.connection, queue).close()
            self._known.add(queue)
        return channel.queue_declare(queue, passive=True).method

    def _give(self, channel: BlockingChannel) -> None:
        properties = pika.BasicProperties(content_type="application/json", expiration=str(int(LIVES * 1000)))
        while not self._orders.empty():
            worker, body, given = self._orders.get()
            if not given.set_running_or_notify_cancel():
                continue
            try:
                channel.basic_publish(CONTROL_EXCHANGE, worker, body, properties, mandatory=True)
                given.set_result("")
            except UnroutableError:
                given.set_result(f"worker {worker} is not connected, or is of a version that takes no orders")
