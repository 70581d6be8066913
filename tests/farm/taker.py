# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of RabbitQueue share: one without a worker around it, and RabbitMQ as others see it. Holds no test."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from queue import SimpleQueue
from typing import Any

import pika
from pika.adapters.blocking_connection import BlockingChannel

from bender_worker_addon.core.deliveries import Confirmed, Connected, Delivered, Delivery
from bender_worker_addon.queues.rabbitmq import RabbitQueue
from bender_worker_addon.queues.rabbitmq.channels import TILE_QUEUE
from bender_worker_addon.queues.rabbitmq.leases import LeaseTimes
from tests.unit.support import DEADLINE, event_from


class Taker:
    """A queue and what it has delivered."""

    def __init__(
        self, url: str, *, lease_times: LeaseTimes | None = None, tiles: bool = False, worker_id: str = "w1"
    ) -> None:
        self.inbox: SimpleQueue[Any] = SimpleQueue()
        self.queue = RabbitQueue(
            url=url, worker_id=worker_id, inbox=self.inbox, lease_times=lease_times, tiles=TILE_QUEUE if tiles else ""
        )
        self._session = 0
        self._reports = itertools.count(1)

    def start(self, prefetch: int) -> None:
        self.queue.consume(prefetch)
        self.queue.start()
        self.comes_online()

    def comes_online(self) -> None:
        """Waits until the next session has begun."""
        self._session = event_from(self.inbox, Connected).session

    def takes(self, count: int) -> list[Delivery]:
        """The next deliveries: exactly so many. What comes was sent before the answer to a report comes, on another
        channel; a second report is answered after all that the first one let happen."""
        found = [event_from(self.inbox, Delivered).delivery for _ in range(count)]
        for _ in range(2):
            report = self.reports("heart.w1")
            assert self.inbox.get(timeout=DEADLINE) == Confirmed((report,))
        assert self.inbox.empty()
        return found

    def acks_what_comes(self) -> list[Delivery]:
        """Until no more does; nothing else may happen meanwhile."""
        acked: list[Delivery] = []
        quiet = 0
        while quiet < 2:
            quiet += 1
            end = Confirmed((self.reports("heart.w1"),))
            while (event := self.inbox.get(timeout=DEADLINE)) != end:
                assert isinstance(event, Delivered)
                self.queue.ack(event.delivery)
                acked.append(event.delivery)
                quiet = 0
        return acked

    def reports(self, routing_key: str) -> int:
        """Publishes a report; gives its number, which is its body too."""
        report = next(self._reports)
        self.queue.publish(self._session, report, routing_key, b"%d" % report)
        return report

    def confirmed(self, count: int) -> list[int]:
        """So many reports, in the order in which they are confirmed."""
        found: list[int] = []
        while len(found) < count:
            found += event_from(self.inbox, Confirmed).report_ids
        return found


@contextmanager
def taking(
    url: str, prefetch: int, *, lease_times: LeaseTimes | None = None, tiles: bool = False, worker_id: str = "w1"
) -> Iterator[Taker]:
    taker = Taker(url, lease_times=lease_times, tiles=tiles, worker_id=worker_id)
    try:
        taker.start(prefetch)
        yield taker
    finally:
        taker.queue.close(timeout=DEADLINE)


@contextmanager
def connected(url: str) -> Iterator[BlockingChannel]:
    """A channel of somebody else's."""
    with pika.BlockingConnection(pika.URLParameters(url)) as connection:
        yield connection.channel()
