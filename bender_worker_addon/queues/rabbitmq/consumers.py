# SPDX-License-Identifier: GPL-3.0-or-later
"""Consumers: how many deliveries RabbitMQ sends ahead. It counts by consumer, and what a consumer was told holds for as
long as that lives: to be sent more there is one more of them, to be sent less they are canceled. Canceled seldom, since
what is on its way to a canceled one goes back into the queue and counts as having been out. Used from the queue's
thread only.
"""

from collections.abc import Callable
from typing import Any

import pika
from pika.adapters.blocking_connection import BlockingChannel, BlockingConnection
from pika.exceptions import ChannelClosedByBroker
from pika.spec import Basic

from .channels import WORK_QUEUE, work_channel
from .deliveries import Deliveries, Leased, Unacked
from .errors import PRECONDITION_FAILED

_CONSUMER_TIMEOUT = 7 * 24 * 3600 * 1000  # ms a delivery may be held, where the broker lets a consumer say so
_WORTHWHILE = 0.25  # of the prefetch: so much has to be missing for one more consumer, which bounds their number

Deliver = Callable[[BlockingChannel, Basic.Deliver, pika.BasicProperties, bytes], None]


class Consumers:
    """Those of a session. `deliver` is called with what comes."""

    def __init__(self, connection: BlockingConnection, deliveries: Deliveries, deliver: Deliver) -> None:
        self._connection = connection
        self._deliveries = deliveries
        self._deliver = deliver
        self._prefetch = 0
        self._arguments: dict[str, Any] = {"x-consumer-timeout": _CONSUMER_TIMEOUT}
        self._accepted = False  # whether RabbitMQ has taken a consumer of this session
        self._canceled_by_broker = False
        self._sent_ahead: dict[str, int] = {}  # by consumer: deliveries that it holds or will be sent
        self._channel = self._open()

    @property
    def are_lost(self) -> bool:
        """Whether RabbitMQ has ended them: the queue is gone, or a delivery was held for too long."""
        return self._canceled_by_broker or not self._channel.is_open

    def may_hold(self, prefetch: int) -> None:
        """From now on so many deliveries, at most: less at once, more with `provide`."""
        self._prefetch = prefetch
        if self._missing() < 0:
            self.cancel()

    def set_aside(self, unsettled: Unacked | Leased) -> None:
        """It is held on without being counted."""
        unsettled.counts = False
        if isinstance(unsettled, Unacked) and unsettled.consumer in self._sent_ahead:
            self.cancel()

    def others(self) -> int:
        """How many consumers there are besides these."""
        there: int = self._channel.queue_declare(WORK_QUEUE, passive=True).method.consumer_count
        return max(0, there - len(self._sent_ahead))

    def cancel(self) -> None:
        """None comes until `provide`. What is held stays so."""
        if not self.are_lost:
            for consumer in self._sent_ahead:
                self._channel.basic_cancel(consumer)
        self._sent_ahead.clear()

    def provide(self) -> None:
        """Sees to it that about as many are sent ahead as may be held."""
        missing = self._missing()
        if missing <= 0 or missing < _WORTHWHILE * self._prefetch or self.are_lost:
            return
        try:
            self._consume(missing)
        except ChannelClosedByBroker as error:
            if error.reply_code != PRECONDITION_FAILED or self._accepted:
                raise
            self._arguments = {}  # classic queues of RabbitMQ 4.3 refuse the argument
            self._channel = self._open()
            self._consume(missing)

    def _missing(self) -> int:
        on_their_own = self._deliveries.counted(but_of=self._sent_ahead)
        return self._prefetch - sum(self._sent_ahead.values()) - on_their_own

    def _open(self) -> BlockingChannel:
        channel = work_channel(self._connection)
        channel.add_on_cancel_callback(self._canceled)
        return channel

    def _consume(self, count: int) -> None:
        self._channel.basic_qos(prefetch_count=count)
        consumer = self._channel.basic_consume(WORK_QUEUE, self._deliver, arguments=self._arguments)
        self._sent_ahead[consumer] = count
        self._accepted = True

    def _canceled(self, _frame: object) -> None:
        self._canceled_by_broker = True
