# SPDX-License-Identifier: GPL-3.0-or-later
"""Consumers: how many deliveries RabbitMQ sends ahead. It counts by consumer, and what a consumer was told holds for as
long as that lives: to be sent more there is one more of them, to be sent less they are canceled. Canceled seldom, since
what is on its way to a canceled one goes back into the queue and counts as having been out. Used from the broker's
thread only.
"""

from collections.abc import Callable
from typing import Any

import pika
from pika.adapters.blocking_connection import BlockingChannel, BlockingConnection
from pika.exceptions import ChannelClosedByBroker
from pika.spec import Basic

from .channels import WORK_QUEUE, work_channel
from .errors import PRECONDITION_FAILED

_CONSUMER_TIMEOUT = 7 * 24 * 3600 * 1000  # ms a delivery may be held, where the broker lets a consumer say so
_WORTHWHILE = 0.25  # of the prefetch: so much has to be missing for one more consumer, which bounds their number

Deliver = Callable[[Basic.Deliver, pika.BasicProperties, bytes], None]


class Consumers:
    """Those of a worker. `channel` is the one on which deliveries come and are settled."""

    channel: BlockingChannel

    def __init__(self, deliver: Deliver) -> None:
        self._prefetch = 0
        self._deliver = deliver
        self._connection: BlockingConnection
        self._arguments: dict[str, Any] = {"x-consumer-timeout": _CONSUMER_TIMEOUT}
        self._lost = False
        self._sent_ahead: dict[str, int] = {}  # by consumer: deliveries that it holds or will be sent
        self._held: dict[int, str] = {}  # by delivery tag: the consumer it came on

    @property
    def are_lost(self) -> bool:
        """Whether RabbitMQ has ended them: the queue is gone, or a delivery was held for too long."""
        return self._lost or not self.channel.is_open

    def begin_session(self, connection: BlockingConnection) -> None:
        self._connection = connection
        self._lost = False
        self._held.clear()
        self._open()

    def may_hold(self, prefetch: int) -> None:
        """From now on so many deliveries, at most: less at once, more with `provide`."""
        self._prefetch = prefetch
        if self._missing() < 0 and not self.are_lost:
            self.cancel()

    def holds(self, tag: int) -> None:
        """A delivery that came on no consumer is held too."""
        self._held[tag] = ""

    def no_longer_holds(self, tag: int) -> None:
        """It is settled: another is sent in its place if its consumer is still there."""
        self._held.pop(tag, None)

    def set_aside(self, tag: int) -> None:
        """It is held on without being counted."""
        if self._held.pop(tag, None) in self._sent_ahead:
            self.cancel()

    def cancel(self) -> None:
        """None comes until `provide`. What is held stays so."""
        for consumer in self._sent_ahead:
            self.channel.basic_cancel(consumer)
        self._sent_ahead.clear()

    def provide(self) -> None:
        """Sees to it that about as many are sent ahead as may be held."""
        missing = self._missing()
        if missing <= 0 or missing < _WORTHWHILE * self._prefetch:
            return
        try:
            self._consume(missing)
        except ChannelClosedByBroker as error:
            if error.reply_code != PRECONDITION_FAILED or not self._arguments:
                raise
            self._arguments = {}  # classic queues of RabbitMQ 4.3 refuse the argument
            self._open()
            self._consume(missing)

    def _missing(self) -> int:
        on_their_own = sum(consumer not in self._sent_ahead for consumer in self._held.values())
        return self._prefetch - sum(self._sent_ahead.values()) - on_their_own

    def _open(self) -> None:
        self._sent_ahead.clear()
        self.channel = work_channel(self._connection)
        self.channel.add_on_cancel_callback(self._canceled)

    def _consume(self, count: int) -> None:
        self.channel.basic_qos(prefetch_count=count)
        consumer = self.channel.basic_consume(WORK_QUEUE, self._came, arguments=self._arguments)
        self._sent_ahead[consumer] = count

    def _came(
        self, _channel: BlockingChannel, method: Basic.Deliver, properties: pika.BasicProperties, body: bytes
    ) -> None:
        self._held[method.delivery_tag] = method.consumer_tag
        self._deliver(method, properties, body)

    def _canceled(self, _frame: object) -> None:
        self._lost = True
