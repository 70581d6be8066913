# SPDX-License-Identifier: GPL-3.0-or-later
"""Consumers: how many deliveries RabbitMQ sends ahead, out of which queues. It counts by consumer, and what a consumer
was told holds for as long as that lives: to be sent more there is one more of them, to be sent less they are canceled.
Canceled seldom, since what is on its way to a canceled one goes back into the queue and counts as having been out. Used
from the queue's thread only.

A worker that takes tiles too listens at two queues or three, and has one measure for what it holds. Of much each queue
has a share. Of little, as one task that takes an hour, any may send it all: the others' consumers are canceled then,
and what has come from two at the same moment goes back.
"""

import logging
import time
from collections.abc import Callable, Sequence
from typing import Any

import pika
from pika.adapters.blocking_connection import BlockingChannel, BlockingConnection
from pika.exceptions import ChannelClosedByBroker
from pika.spec import Basic

from .channels import WORK_QUEUE, channel_with
from .deliveries import Deliveries, Leased, Unacked
from .errors import PRECONDITION_FAILED, REFUSED

log = logging.getLogger(__name__)

_CONSUMER_TIMEOUT = 7 * 24 * 3600 * 1000  # ms a delivery may be held, where the broker lets a consumer say so
_WORTHWHILE = 0.25  # of the prefetch: so much has to be missing for one more consumer, which bounds their number
_SHARED = 4  # deliveries, of which each queue has a share
_OF_TILES = 0.25  # that of tiles, of whichever queue
_AGAIN = 600.0  # seconds until a user who might take no tiles is tried again

Deliver = Callable[[BlockingChannel, Basic.Deliver, pika.BasicProperties, bytes], None]


class Consumers:
    """Those of a session. `deliver` is called with what comes. `tiles`: the queues of those that are taken, too:
    what others take as well comes last, so that it keeps nobody from what no other takes."""

    def __init__(
        self, connection: BlockingConnection, deliveries: Deliveries, deliver: Deliver, *, tiles: Sequence[str] = ()
    ) -> None:
        self._connection = connection
        self._deliveries = deliveries
        self._deliver = deliver
        self._prefetch = 0
        self._work = _Lane(connection, WORK_QUEUE, deliver)
        self._tiles: dict[str, _Lane] = {}  # by their queues
        self._order = tiles
        self._look_at = dict.fromkeys(tiles, 0.0)  # queues of tiles at which there is no lane yet: when to try
        self.expects = False

    @property
    def are_lost(self) -> bool:
        """Whether RabbitMQ has ended them: the queue is gone, or a delivery was held for too long."""
        return any(lane.is_lost for lane in self._lanes)

    @property
    def hold_enough(self) -> bool:
        """Whether what comes now is too much."""
        return bool(self._tiles) and 0 < self._prefetch <= self._deliveries.counted(but_of=())

    def may_hold(self, prefetch: int) -> None:
        """From now on so many deliveries, at most: less at once, more with `provide`."""
        self._prefetch = prefetch
        self.keep_to_it()

    def keep_to_it(self) -> None:
        """Also after something has come: out of no queue comes more than may be held."""
        for lane in self._lanes:
            if self._missing(lane) < 0:
                lane.cancel()

    def will_settle(self) -> None:
        """To be called before one is settled: of little it is chosen anew what comes in its place."""
        if self._tiles and self._prefetch < _SHARED:
            self.cancel()

    def takes_tiles(self, queues: Sequence[str]) -> None:
        """Out of these, and no others from now on; what is held stays so."""
        for queue in [queue for queue in self._tiles if queue not in queues]:
            self._tiles.pop(queue).cancel()
        self._order = queues
        self._look_at = {queue: self._look_at.get(queue, 0.0) for queue in queues if queue not in self._tiles}
        self.keep_to_it()

    def set_aside(self, unsettled: Unacked | Leased) -> None:
        """It is held on without being counted."""
        unsettled.counts = False
        for lane in self._lanes:
            if isinstance(unsettled, Unacked) and unsettled.consumer in lane.sent_ahead:
                lane.cancel()

    def others(self) -> int:
        """How many consumers there are besides these."""
        there = sum(lane.ask()[1] for lane in self._lanes)
        return max(0, there - sum(len(lane.sent_ahead) for lane in self._lanes))

    def cancel(self) -> None:
        """None comes until `provide`. What is held stays so."""
        for lane in self._lanes:
            lane.cancel()

    def provide(self) -> None:
        """Sees to it that about as many are sent ahead as may be held. `expects` some, if those that wait among the
        tiles are enough: whether it gets them is to be seen soon."""
        self.expects = False
        if not self._prefetch or self.are_lost:
            return
        self._look_at_tiles()
        coming = 0
        for queue in [queue for queue in self._order if queue in self._tiles]:
            coming += self._tiles_that_come(queue, coming)
        if count := self._worthwhile(self._work, coming):
            self._work.consume(count)
        self.expects = bool(coming)

    @property
    def _lanes(self) -> list["_Lane"]:
        return [self._work, *self._tiles.values()]

    def _missing(self, lane: "_Lane") -> int:
        on_their_own = self._deliveries.counted(but_of=lane.sent_ahead)
        return min(self._share(lane), self._prefetch - on_their_own) - sum(lane.sent_ahead.values())

    def _worthwhile(self, lane: "_Lane", coming: int = 0) -> int:
        """How many are missing, if so many come from elsewhere; 0 for too few."""
        missing = self._missing(lane) - coming
        return missing if missing >= max(1, _WORTHWHILE * self._share(lane)) else 0

    def _share(self, lane: "_Lane") -> int:
        """How many may be sent ahead out of its queue."""
        if not self._tiles or self._prefetch < _SHARED:
            return self._prefetch
        of_tiles = max(1, int(_OF_TILES * self._prefetch / len(self._tiles)))
        return self._prefetch - of_tiles * len(self._tiles) if lane is self._work else of_tiles

    def _look_at_tiles(self) -> None:
        for queue in [queue for queue, at in self._look_at.items() if time.monotonic() >= at]:
            try:
                self._tiles[queue] = _Lane(self._connection, queue, self._deliver)
                del self._look_at[queue]
            except ChannelClosedByBroker as error:
                self._refused(queue, error)

    def _tiles_that_come(self, queue: str, coming: int) -> int:
        """Takes as many as may be held, if so many come from elsewhere; gives how many will come in place of what
        others would send."""
        lane = self._tiles[queue]
        waiting = lane.ask()[0] if self._prefetch < _SHARED and self._worthwhile(self._work, coming) else 0
        try:
            if count := self._worthwhile(lane, coming):
                lane.consume(count)
        except ChannelClosedByBroker as error:
            if lane.accepted:
                raise
            del self._tiles[queue]
            self._refused(queue, error)
            return 0
        return min(waiting, sum(lane.sent_ahead.values()))

    def _refused(self, queue: str, error: ChannelClosedByBroker) -> None:
        """Raises it if it is for another reason than that this user may take no tiles."""
        if error.reply_code != REFUSED:
            raise error
        log.debug("RabbitMQ lets this user take no tiles (%s)", error.reply_text)
        self._look_at[queue] = time.monotonic() + _AGAIN


class _Lane:
    """What is sent out of a queue, on a channel of its own. `sent_ahead`, by consumer: deliveries that it holds or will
    be sent. `accepted`: whether RabbitMQ has taken a consumer."""

    def __init__(self, connection: BlockingConnection, queue: str, deliver: Deliver) -> None:
        self._connection = connection
        self._queue = queue
        self._deliver = deliver
        self._arguments: dict[str, Any] = {"x-consumer-timeout": _CONSUMER_TIMEOUT}
        self._canceled_by_broker = False
        self._channel = self._open()
        self.accepted = False
        self.sent_ahead: dict[str, int] = {}

    @property
    def is_lost(self) -> bool:
        return self._canceled_by_broker or not self._channel.is_open

    def ask(self) -> tuple[int, int]:
        """How many wait in the queue, and how many consumers it has."""
        told = self._channel.queue_declare(self._queue, passive=True).method
        return told.message_count, told.consumer_count

    def consume(self, count: int) -> None:
        try:
            self._consume(count)
        except ChannelClosedByBroker as error:
            if error.reply_code != PRECONDITION_FAILED or self.accepted:
                raise
            self._arguments = {}  # classic queues of RabbitMQ 4.3 refuse the argument
            self._channel = self._open()
            self._consume(count)

    def cancel(self) -> None:
        if not self.is_lost:
            for consumer in self.sent_ahead:
                self._channel.basic_cancel(consumer)
        self.sent_ahead.clear()

    def _open(self) -> BlockingChannel:
        channel = channel_with(self._connection, self._queue)
        channel.add_on_cancel_callback(self._canceled)
        return channel

    def _consume(self, count: int) -> None:
        self._channel.basic_qos(prefetch_count=count)
        consumer = self._channel.basic_consume(self._queue, self._deliver, arguments=self._arguments)
        self.sent_ahead[consumer] = count
        self.accepted = True

    def _canceled(self, _frame: object) -> None:
        self._canceled_by_broker = True
