# SPDX-License-Identifier: GPL-3.0-or-later
"""RabbitQueue on a real RabbitMQ, without a worker around it: how many deliveries it holds, and its reports."""

from typing import Literal

import pytest

from bender_worker_addon.core.deliveries import Delivered, Disconnected
from tests.farm.taker import connected, taking
from tests.unit.support import DEADLINE, event_from
from tools.servers.farm import EXCHANGE, Bookkeeper, make_task, publish_tasks, queue_depth
from tools.servers.proxy import Proxy
from tools.servers.rabbitmq import RabbitNode


def arrived(bookkeeper: Bookkeeper, count: int) -> list[int]:
    """The numbers of the first so many reports on the step `stat`, as they came."""
    reports = bookkeeper.wait_for(lambda report: report.step == "stat", count=count, timeout=DEADLINE)
    return [int(report.body) for report in reports]


@pytest.mark.parametrize("queue_type", ["classic", "quorum"])
def test_what_is_set_aside_makes_room_and_is_still_held(
    amqp_url: str, queue_type: Literal["classic", "quorum"]
) -> None:
    publish_tasks(amqp_url, [make_task("job", [number]) for number in range(9)], queue_type=queue_type)
    with taking(amqp_url, 2) as taker:
        first, second = taker.takes(2)
        taker.queue.set_aside(first)
        (third,) = taker.takes(1)
        taker.queue.ack(first)
        taker.takes(0)
        taker.queue.ack(second)
        (fourth,) = taker.takes(1)
        taker.queue.ack(third)
        taker.takes(1)
        taker.queue.ack(fourth)
        taker.takes(1)


def test_with_less_allowed_than_is_held_none_comes_until_there_is_room(amqp_url: str) -> None:
    publish_tasks(amqp_url, [make_task("job", [number]) for number in range(9)])
    with taking(amqp_url, 3) as taker:
        held = taker.takes(3)
        taker.queue.consume(2)
        taker.takes(0)
        taker.queue.ack(held[0])
        taker.takes(0)
        taker.queue.ack(held[1])
        taker.takes(1)


@pytest.mark.parametrize("queue_type", ["classic", "quorum"])
def test_to_hold_more_nothing_is_given_back(amqp_url: str, queue_type: Literal["classic", "quorum"]) -> None:
    publish_tasks(amqp_url, [make_task("job", [number]) for number in range(300)], queue_type=queue_type)
    with taking(amqp_url, 1) as taker, connected(amqp_url) as channel:
        held = taker.takes(1)
        for prefetch in (5, 17, 49):
            taker.queue.consume(prefetch)
            held += taker.takes(prefetch - len(held))
        for taken in range(49, 300):
            taker.queue.ack(held.pop(0))
            held.append(event_from(taker.inbox, Delivered).delivery)
            assert not held[-1].redelivered, f"delivery {taken} was out before"
        assert channel.queue_declare("work", passive=True).method.consumer_count == 4


def test_for_little_more_there_is_no_other_consumer_and_to_allow_the_same_again_changes_nothing(amqp_url: str) -> None:
    publish_tasks(amqp_url, [make_task("job", [number]) for number in range(99)])
    with taking(amqp_url, 16) as taker:
        taker.takes(16)
        for prefetch in (16, 20):
            taker.queue.consume(prefetch)
            taker.takes(0)
            assert queue_depth(amqp_url).consumers == 1
        taker.queue.consume(22)
        taker.takes(6)
        assert queue_depth(amqp_url).consumers == 2


def test_after_a_cut_as_many_are_held_as_may_be(amqp_url: str) -> None:
    publish_tasks(amqp_url, [make_task("job", [number]) for number in range(99)])
    with taking(amqp_url, 20) as taker:
        held = taker.takes(20)
        taker.queue.consume(16)
        for _ in range(4):
            taker.queue.ack(held.pop(0))
            taker.takes(0)
        for delivery in held:
            taker.queue.ack(delivery)
        taker.takes(16)


def test_no_report_waits_for_the_confirmation_of_the_one_before(rabbit: RabbitNode, amqp_url: str) -> None:
    with (
        Bookkeeper(amqp_url) as bookkeeper,
        Proxy(rabbit.port) as proxy,
        taking(amqp_url.replace(f":{rabbit.port}/", f":{proxy.port}/"), 0) as taker,
    ):
        proxy.hold_answers()
        reports = [taker.reports("stat.job") for _ in range(50)]
        assert arrived(bookkeeper, 50) == reports
        assert taker.inbox.empty()
        proxy.heal()
        assert taker.confirmed(50) == reports


def test_a_report_can_be_told_from_the_same_one_sent_again(amqp_url: str) -> None:
    with Bookkeeper(amqp_url) as bookkeeper, taking(amqp_url, 0) as taker:
        taker.queue.publish(1, None, "heart.w1", b"")
        taker.reports("stat.job")
        taker.reports("stat.job")
        came = bookkeeper.wait_for(lambda report: True, count=3, timeout=DEADLINE)
    assert [report.properties.message_id for report in came] == [None, "w1.1", "w1.2"]
    assert {report.properties.delivery_mode for report in came} == {2}
    assert {report.properties.content_type for report in came} == {"application/json"}


def test_reports_that_were_refused_are_published_once_more_in_their_order(amqp_url: str) -> None:
    """Somebody has deleted the exchange; it is made again, as often as that happens."""
    with taking(amqp_url, 0) as taker:
        for _ in range(2):
            with connected(amqp_url) as channel:
                channel.exchange_delete(EXCHANGE)
            reports = [taker.reports("stat.job") for _ in range(50)]
            assert taker.confirmed(50) == reports


def test_reports_that_are_refused_again_end_the_session(rabbit: RabbitNode, vhost: str, amqp_url: str) -> None:
    with taking(amqp_url, 0) as taker:
        rabbit.ctl("set_permissions", "-p", vhost, "guest", ".*", "^$", ".*")
        taker.reports("stat.job")
        assert f"access to exchange '{EXCHANGE}'" in event_from(taker.inbox, Disconnected).reason


def test_a_report_for_which_a_queue_has_no_room_is_told(amqp_url: str) -> None:
    with taking(amqp_url, 0) as taker, connected(amqp_url) as channel:
        full = {"x-max-length": 1, "x-overflow": "reject-publish"}
        channel.queue_declare("full", arguments=full)
        channel.queue_bind("full", EXCHANGE, "stat.#")
        first = taker.reports("stat.job")
        assert taker.confirmed(1) == [first]
        taker.reports("stat.job")
        reason = event_from(taker.inbox, Disconnected).reason
        assert reason == "RabbitMQ refused a report: a queue it would go to is full, or its disk is"
