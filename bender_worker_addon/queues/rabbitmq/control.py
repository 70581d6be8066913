# SPDX-License-Identifier: GPL-3.0-or-later
"""Control: what passes between a worker and its farm's server besides tasks and their reports, on a channel of its own:
what the worker tells of itself, and the orders it gets. Where that can't be had, as on a farm that has no such server
and gives its workers no right to it, the worker works without. Used from the queue's thread only.

What a worker tells goes to an exchange of its own, not among the reports: bender's own bookkeeper reads those, and
takes whatever has a body for a task.
"""

import logging
import time
from collections.abc import Callable

import pika
from pika.adapters.blocking_connection import BlockingChannel, BlockingConnection
from pika.exceptions import ChannelClosed, ChannelClosedByBroker, ChannelWrongStateError
from pika.spec import Basic

from .errors import NOT_FOUND

log = logging.getLogger(__name__)

HELLO_EXCHANGE = "bender-hello"
CONTROL_EXCHANGE = "bender-control"

_AGAIN = 60.0  # seconds until a channel that was refused is asked for again
_CHANNEL_ERRORS = (ChannelClosed, ChannelWrongStateError)


class Control:
    """That of a session; `ordered` is called with each order that comes."""

    def __init__(self, connection: BlockingConnection, *, worker_id: str, ordered: Callable[[bytes], None]) -> None:
        self._connection = connection
        self._worker_id = worker_id
        self._ordered = ordered
        self._channel: BlockingChannel | None = None
        self._again_at = 0.0
        self._open()

    def tell(self, routing_key: str, body: bytes) -> None:
        if self._channel is None or not self._channel.is_open:
            self._open()
        if self._channel is not None:
            properties = pika.BasicProperties(content_type="application/json", app_id="bender-worker")
            try:
                self._channel.basic_publish(HELLO_EXCHANGE, routing_key, body, properties)
            except _CHANNEL_ERRORS as error:
                log.debug("the farm's server could not be told: %s", error)

    def _open(self) -> None:
        if time.monotonic() < self._again_at:
            return
        self._again_at = time.monotonic() + _AGAIN
        self._channel = None
        try:
            ensure_exchanges(self._connection)
            channel = self._connection.channel()
            queue = f"{CONTROL_EXCHANGE}.{self._worker_id}"
            channel.queue_declare(queue, exclusive=True, auto_delete=True)
            channel.queue_bind(queue, CONTROL_EXCHANGE, self._worker_id)
            channel.basic_consume(queue, self._came, auto_ack=True)
            self._channel = channel
        except _CHANNEL_ERRORS as error:
            log.debug("no orders can come from the farm's server, nor can it be told anything: %s", error)

    def _came(
        self, _channel: BlockingChannel, _method: Basic.Deliver, _properties: pika.BasicProperties, body: bytes
    ) -> None:
        self._ordered(body)


def ensure_exchanges(connection: BlockingConnection) -> None:
    """Both exchanges are there: used as they are found, made if missing. Raises ChannelClosed where neither may be."""
    for name, kind in ((HELLO_EXCHANGE, "topic"), (CONTROL_EXCHANGE, "direct")):
        channel = connection.channel()
        try:
            channel.exchange_declare(name, passive=True)
        except ChannelClosedByBroker as error:
            if error.reply_code != NOT_FOUND:
                raise
            channel = connection.channel()
            channel.exchange_declare(name, kind, durable=True)
        channel.close()
