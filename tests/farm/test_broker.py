# SPDX-License-Identifier: GPL-3.0-or-later
"""Broker on a real RabbitMQ, without a worker around it: how many deliveries it holds."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from queue import SimpleQueue
from typing import Any, Literal

import pika
import pytest
from pika.adapters.blocking_connection import BlockingChannel

from bender_worker_addon.core.deliveries import Confirmed, Connected, Delivered, Delivery, Disconnected
from bender_worker_addon.queues.rabbitmq import Broker
from tests.unit.support import DEADLINE, event_from
from tools.servers.farm import EXCHANGE, Bookkeeper, make_task, publish_tasks
from tools.servers.proxy import Proxy
from tools.servers.rabbitmq import RabbitNode


class Taker:
    """A broker and what it has delivered."""

    def __init__(self, url: str) -> None:
        self.inbox: SimpleQueue[Any] = SimpleQueue()
        self.broker = Broker(url=url, worker_id="w1", inbox=self.inbox)
        self._session = 0
        self._reports = itertools.count(1)

    def start(self, prefetch: int) -> None:
        self.broker.consume(prefetch)
        self.broker.start()
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

    def reports(self, routing_key: str) -> int:
        """Publishes a report; gives its number, which is its body too."""
        report = next(self._reports)
        self.broker.publish(self._session, report, routing_key, b"%d" % report)
        return report

    def confirmed(self, count: int) -> list[int]:
        """So many reports, in the order in which they are confirmed."""
        found: list[int] = []
        while len(found) < count:
            found += event_from(self.inbox, Confirmed).report_ids
        return found


def arrived(bookkeeper: Bookkeeper, count: int) -> list[int]:
    """The numbers of the first so many reports on the step `stat`, as they came."""
    reports = bookkeeper.wait_for(lambda report: report.step == "stat", count=count, timeout=DEADLINE)
    return [int(report.body) for report in reports]


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


@pytest.mark.parametrize("queue_type", ["classic", "quorum"])
def test_to_hold_more_nothing_is_given_back(amqp_url: str, queue_type: Literal["classic", "quorum"]) -> None:
    publish_tasks(amqp_url, [make_task("job", [number]) for number in range(300)], queue_type=queue_type)
    with _taking(amqp_url, 1) as taker, connected(amqp_url) as channel:
        held = taker.takes(1)
        for prefetch in (5, 17, 49):
            taker.broker.consume(prefetch)
            held += taker.takes(prefetch - len(held))
        for taken in range(49, 300):
            taker.broker.ack(held.pop(0))
            held.append(event_from(taker.inbox, Delivered).delivery)
            assert not held[-1].redelivered, f"delivery {taken} was out before"
        assert channel.queue_declare("work", passive=True).method.consumer_count == 4


def test_after_a_cut_as_many_are_held_as_may_be(amqp_url: str) -> None:
    publish_tasks(amqp_url, [make_task("job", [number]) for number in range(99)])
    with _taking(amqp_url, 20) as taker:
        held = taker.takes(20)
        taker.broker.consume(16)
        for _ in range(4):
            taker.broker.ack(held.pop(0))
            taker.takes(0)
        for delivery in held:
            taker.broker.ack(delivery)
        taker.takes(16)


@contextmanager
def connected(url: str) -> Iterator[BlockingChannel]:
    """A channel of somebody else's."""
    with pika.BlockingConnection(pika.URLParameters(url)) as connection:
        yield connection.channel()


def test_no_report_waits_for_the_confirmation_of_the_one_before(rabbit: RabbitNode, amqp_url: str) -> None:
    with (
        Bookkeeper(amqp_url) as bookkeeper,
        Proxy(rabbit.port) as proxy,
        _taking(amqp_url.replace(f":{rabbit.port}/", f":{proxy.port}/"), 0) as taker,
    ):
        proxy.hold_answers()
        reports = [taker.reports("stat.job") for _ in range(50)]
        assert arrived(bookkeeper, 50) == reports
        assert taker.inbox.empty()
        proxy.heal()
        assert taker.confirmed(50) == reports


def test_reports_that_were_refused_are_published_once_more_in_their_order(amqp_url: str) -> None:
    """Somebody has deleted the exchange; it is made again."""
    with _taking(amqp_url, 0) as taker:
        with connected(amqp_url) as channel:
            channel.exchange_delete(EXCHANGE)
        reports = [taker.reports("stat.job") for _ in range(50)]
        assert taker.confirmed(50) == reports


def test_a_report_for_which_a_queue_has_no_room_is_told(amqp_url: str) -> None:
    with _taking(amqp_url, 0) as taker, connected(amqp_url) as channel:
        full = {"x-max-length": 1, "x-overflow": "reject-publish"}
        channel.queue_declare("full", arguments=full)
        channel.queue_bind("full", EXCHANGE, "stat.#")
        first = taker.reports("stat.job")
        assert taker.confirmed(1) == [first]
        taker.reports("stat.job")
        reason = event_from(taker.inbox, Disconnected).reason
        assert reason == "RabbitMQ refused a report: a queue it would go to is full, or its disk is"
