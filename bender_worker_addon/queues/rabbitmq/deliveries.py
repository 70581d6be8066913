# SPDX-License-Identifier: GPL-3.0-or-later
"""Deliveries: what the worker has not settled yet. Whatever settles, counts or leases a delivery finds it in here: none
is acknowledged that is settled already, was lost or came on a channel that is closed. Used from the queue's thread
only.
"""

import time
from collections.abc import Container
from dataclasses import dataclass, field, replace

import pika
from pika.adapters.blocking_connection import BlockingChannel

from ...core.deliveries import Delivery


@dataclass(slots=True, eq=False)
class Unacked:
    """A delivery that RabbitMQ keeps for the worker as long as it is not acknowledged on the channel it came on, by the
    `tag` it has there. `source`: which queue of tasks it came out of. `counts`: against what the worker may hold; so
    does that of a lease."""

    delivery: Delivery
    properties: pika.BasicProperties
    channel: BlockingChannel
    tag: int
    consumer: str
    source: str
    since: float = field(default_factory=time.monotonic)
    counts: bool = True

    def ack(self) -> None:
        self.channel.basic_ack(self.tag)

    def requeue(self) -> None:
        self.channel.basic_nack(self.tag, requeue=True)

    def reject(self) -> None:
        self.channel.basic_nack(self.tag, requeue=False)


@dataclass(slots=True, eq=False)
class Leased:
    """A delivery that is acknowledged already: a copy in a queue of its own, last `renewed` (time.monotonic), keeps it
    for the worker; it came out of the `source`. `properties` are the copy's."""

    delivery: Delivery
    properties: pika.BasicProperties
    source: str
    queue: str
    renewed: float
    counts: bool = True


class Deliveries:
    """Those of this session, by the number that each has as its tag: channels count their own."""

    def __init__(self) -> None:
        self._unsettled: dict[int, Unacked | Leased] = {}

    def begin_session(self, number: int) -> None:
        """What is leased is the worker's still, under a tag that no channel knows; the rest is in the queue again."""
        leased = self.leased
        self._unsettled.clear()
        for tag, lease in enumerate(leased, start=1):
            lease.delivery = replace(lease.delivery, session=number, tag=-tag, redelivered=True)
            lease.counts = True
            self.add(lease)

    def add(self, unsettled: Unacked | Leased) -> None:
        """A lease takes the place of the delivery it was made of."""
        self._unsettled[unsettled.delivery.tag] = unsettled

    def remove(self, unsettled: Unacked | Leased) -> None:
        del self._unsettled[unsettled.delivery.tag]

    def find(self, delivery: Delivery) -> Unacked | Leased | None:
        """None if there is nothing to settle any more."""
        match self._unsettled.get(delivery.tag):
            case Unacked(delivery=known, channel=channel) as unacked if known == delivery and channel.is_open:
                return unacked
            case Leased(delivery=known) as leased if known == delivery:
                return leased
        return None

    @property
    def unacked(self) -> list[Unacked]:
        return [unsettled for unsettled in self._unsettled.values() if isinstance(unsettled, Unacked)]

    @property
    def leased(self) -> list[Leased]:
        return [unsettled for unsettled in self._unsettled.values() if isinstance(unsettled, Leased)]

    def counted(self, *, but_of: Container[str]) -> int:
        """How many count against what the worker may hold, but for those that came on some consumers."""
        return sum(
            unsettled.counts and not (isinstance(unsettled, Unacked) and unsettled.consumer in but_of)
            for unsettled in self._unsettled.values()
        )
