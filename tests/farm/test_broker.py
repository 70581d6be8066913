# SPDX-License-Identifier: GPL-3.0-or-later
"""Broker on a real RabbitMQ, without a worker around it: how many deliveries it holds."""

from collections.abc import Iterator
from contextlib import contextmanager
from queue import SimpleQueue
from typing import Any, Literal

import pytest

from bender_worker_addon.worker.broker import Broker
from bender_worker_addon.worker.deliveries import Confirmed, Connected, Delivered, Delivery
from tests.worker.support import DEADLINE, event_from
from tools.farm import make_task, publish_tasks


class Taker:
    """A broker and what it has delivered."""

    def __init__(self, url: str) -> None:
        self.inbox: SimpleQueue[Any] = SimpleQueue()
        self.broker = Broker(url=url, worker_id="w1", inbox=self.inbox)
        self._session = 0

    def start(self, prefetch: int) -> None:
        self.broker.consume(prefetch)
        self.broker.start()
        self._session = event_from(self.inbox, Connected).session

    def takes(self, count: int) -> list[Delivery]:
        """The next deliveries: exactly so many. What comes was sent before the answer to a report comes, on another
        channel; a second report is answered after all that the first one let happen."""
        found = [event_from(self.inbox, Delivered).delivery for _ in range(count)]
        for number in (1, 2):
            self.broker.publish(self._session, number, "heart.w1", b"")
            assert self.inbox.get(timeout=DEADLINE) == Confirmed((number,))
        assert self.inbox.empty()
        return found


@contextmanager
def _taking(url: str, prefetch: int) -> Iterator[Taker]:
    taker = Taker(url)
    taker.start(prefetch)
    try:
        yield taker
    finally:
        taker.broker.close(timeout=10)


@pytest.mark.parametrize("queue_type", ["classic", "quorum"])
def test_what_is_set_aside_makes_room_and_is_still_held(
    amqp_url: str, queue_type: Literal["classic", "quorum"]
) -> None:
    publish_tasks(amqp_url, [make_task("job", [number]) for number in range(9)], queue_type=queue_type)
    with _taking(amqp_url, 2) as taker:
        first, second = taker.takes(2)
        taker.broker.set_aside(first)
        (third,) = taker.takes(1)
        taker.broker.ack(first)
        taker.takes(0)
        taker.broker.ack(second)
        (fourth,) = taker.takes(1)
        taker.broker.ack(third)
        taker.takes(1)
        taker.broker.ack(fourth)
        taker.takes(1)


def test_with_less_allowed_than_is_held_none_comes_until_there_is_room(amqp_url: str) -> None:
    publish_tasks(amqp_url, [make_task("job", [number]) for number in range(9)])
    with _taking(amqp_url, 3) as taker:
        held = taker.takes(3)
        taker.broker.consume(2)
        taker.takes(0)
        taker.broker.ack(held[0])
        taker.takes(0)
        taker.broker.ack(held[1])
        taker.takes(1)
