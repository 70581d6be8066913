# SPDX-License-Identifier: GPL-3.0-or-later
"""RabbitQueue on a real RabbitMQ: deliveries that are held for long. What becomes of a worker's frame meanwhile stands
in tests/faults/test_long_frames.py."""

import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pika
import pytest

from bender_worker_addon.core.deliveries import DeliveryLost
from bender_worker_addon.queues.rabbitmq.leases import LeaseTimes
from tests.farm.ground import eventually
from tests.farm.taker import Taker, connected, taking
from tests.unit.support import event_from
from tools.servers.farm import publish_tasks, queue_depth
from tools.servers.proxy import Proxy
from tools.servers.rabbitmq import RabbitNode

SOON = LeaseTimes(hold=0.1, live=6.0)
BRIEF = LeaseTimes(hold=0.1, live=3.0)
TASKS = [b"first", b"second", b"third"]

Leased = Callable[[Taker, int], list[str]]


@pytest.fixture
def leased(caplog: pytest.LogCaptureFixture) -> Leased:
    """The queues of so many leases, once RabbitMQ knows that they have taken their messages' place: a message that was
    not acknowledged yet when a connection is cut would come again beside its lease."""
    caplog.set_level(logging.INFO, "bender_worker_addon.queues.rabbitmq.leases")

    def names() -> list[str]:
        found = [re.search("kept in the queue (.*)", record.getMessage()) for record in caplog.records]
        return [match[1] for match in found if match]

    def wait_for(taker: Taker, count: int) -> list[str]:
        eventually(lambda: len(names()) >= count)
        taker.takes(0)
        return names()

    return wait_for


@pytest.fixture
def url(amqp_url: str) -> str:
    """Of a RabbitMQ with three tasks; what is rejected goes to the queue `dead`."""
    with connected(amqp_url) as channel:
        channel.queue_declare("dead", durable=True)
        dead = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "dead"}
        channel.queue_declare("work", durable=True, arguments=dead)
    publish_tasks(amqp_url, TASKS)
    return amqp_url


@contextmanager
def cuttable(rabbit: RabbitNode, url: str, lease_times: LeaseTimes) -> Iterator[tuple[Taker, Proxy]]:
    """One that takes three tasks, and what lies between it and RabbitMQ."""
    with (
        Proxy(rabbit.port) as proxy,
        taking(url.replace(f":{rabbit.port}/", f":{proxy.port}/"), 3, lease_times=lease_times) as taker,
    ):
        yield taker, proxy


def exists(url: str, queue: str) -> bool:
    try:
        queue_depth(url, queue)
    except pika.exceptions.ChannelClosedByBroker:
        return False
    return True


def taken_from(url: str, queue: str) -> list[bytes]:
    with connected(url) as channel:
        return list(iter(lambda: channel.basic_get(queue, auto_ack=True)[2], None))


@pytest.mark.parametrize("meanwhile", ["nothing", "the connection is lost", "their queues are deleted"])
def test_leases_are_settled_as_what_they_were_made_of(
    rabbit: RabbitNode, url: str, leased: Leased, meanwhile: str
) -> None:
    with cuttable(rabbit, url, SOON) as (taker, proxy):
        held = taker.takes(3)
        queues = leased(taker, 3)
        if meanwhile == "the connection is lost":
            proxy.cut()
            taker.comes_online()
            held = taker.takes(3)
            assert all(delivery.redelivered for delivery in held)
        elif meanwhile == "their queues are deleted":
            with connected(url) as channel:
                for queue in queues:
                    channel.queue_delete(queue)
            eventually(lambda: all(exists(url, queue) for queue in queues))
        taker.queue.ack(held[0])
        taker.queue.reject(held[1])
        eventually(lambda: queue_depth(url, "dead").ready == 1)
        taker.queue.requeue(held[2])
        (again,) = taker.takes(1)
        assert (again.body, again.redelivered) == (held[2].body, True)
        taker.queue.ack(again)
        taker.takes(0)
        assert not any(exists(url, queue) for queue in queues)
    assert taken_from(url, "dead") == [held[1].body]
    assert taken_from(url, "work") == []


def test_what_is_leased_is_held_like_what_is_not(url: str, leased: Leased) -> None:
    """None comes in its place until it is settled or set aside."""
    publish_tasks(url, [b"fourth", b"fifth"])
    with taking(url, 3, lease_times=SOON) as taker:
        first, second, _ = taker.takes(3)
        leased(taker, 3)
        taker.takes(0)
        taker.queue.ack(first)
        assert taker.takes(1)[0].body == b"fourth"
        taker.queue.set_aside(second)
        assert taker.takes(1)[0].body == b"fifth"


def test_leases_of_an_earlier_session_are_not_mixed_up_with_what_comes_in_this_one(
    rabbit: RabbitNode, url: str, leased: Leased
) -> None:
    with cuttable(rabbit, url, SOON) as (taker, proxy):
        taker.takes(3)
        queues = leased(taker, 3)
        proxy.cut()
        taker.comes_online()
        again = taker.takes(3)
        publish_tasks(url, [b"fourth"])
        taker.queue.consume(4)
        (fourth,) = taker.takes(1)
        taker.queue.ack(fourth)
        for delivery in again:
            taker.queue.ack(delivery)
        taker.takes(0)
        assert not any(exists(url, queue) for queue in queues)
    assert taken_from(url, "work") == []


def test_a_fresh_copy_is_there_before_the_older_one_is_taken(rabbit: RabbitNode, url: str, leased: Leased) -> None:
    """And one comes back when nobody renews it any more."""
    with cuttable(rabbit, url, BRIEF) as (taker, proxy):
        taker.takes(3)
        queues = leased(taker, 3)
        proxy.hold_answers()
        eventually(lambda: any(queue_depth(url, queue).ready == 2 for queue in queues))
        proxy.heal()
        eventually(lambda: all(queue_depth(url, queue).ready == 1 for queue in queues))
        taker.takes(0)
    assert queue_depth(url).ready == 0
    eventually(lambda: all(queue_depth(url, queue).ready == 0 for queue in queues))
    assert sorted(taken_from(url, "work")) == sorted(TASKS)


def test_a_copy_is_what_the_message_was_but_goes_nowhere_else(amqp_url: str, leased: Leased) -> None:
    properties = pika.BasicProperties(
        headers={"sender": "a farm's own", "CC": ["elsewhere"], "x-anything": 1},
        expiration="600000",
        user_id="guest",
        reply_to="elsewhere",
        content_type="application/json",
        message_id="its id",
    )
    with connected(amqp_url) as channel:
        channel.queue_declare("work", durable=True)
        channel.basic_publish("", "work", b"a task", properties)
        channel.queue_declare("elsewhere", durable=True)
        with taking(amqp_url, 1, lease_times=SOON) as taker:
            (held,) = taker.takes(1)
            leased(taker, 1)
            taker.queue.consume(0)
            taker.queue.requeue(held)
            taker.takes(0)
        _, copy, body = channel.basic_get("work", auto_ack=True)
    assert body == b"a task"
    assert copy.headers == {"sender": "a farm's own", "bender-worker-out-before": True}
    assert (copy.content_type, copy.message_id, copy.delivery_mode) == ("application/json", "its id", 2)
    assert (copy.expiration, copy.user_id, copy.reply_to) == (None, None, None)
    assert queue_depth(amqp_url, "elsewhere").ready == 0


def test_a_lease_comes_well_before_rabbitmq_takes_the_message_back_and_lasts_through_a_lost_connection() -> None:
    times, by_default, lost = LeaseTimes(), 30 * 60.0, 3 * 60.0
    assert by_default / 2 < times.hold < by_default - lost
    assert 2 * lost < times.live - times.live / 3 < by_default


def test_a_lease_that_somebody_has_emptied_is_told_and_to_settle_it_does_nothing(url: str, leased: Leased) -> None:
    with taking(url, 3, lease_times=SOON) as taker:
        held = taker.takes(3)
        with connected(url) as channel:
            for queue in leased(taker, 3):
                channel.queue_purge(queue)
        assert [event_from(taker.inbox, DeliveryLost).delivery for _ in held] == held
        taker.queue.ack(held[0])
        taker.queue.requeue(held[1])
        taker.queue.reject(held[2])
        taker.queue.set_aside(held[2])
        taker.takes(0)
        publish_tasks(url, [b"fourth"])
        assert taker.takes(1)[0].body == b"fourth"


@pytest.mark.parametrize("session", [1, 2])
def test_leases_that_have_ended_are_told_and_their_tasks_come_again(
    rabbit: RabbitNode, url: str, leased: Leased, session: int
) -> None:
    """RabbitMQ was out of reach for longer than they live. Whatever is decided of them each task is there."""
    with cuttable(rabbit, url, BRIEF) as (taker, proxy):
        held = taker.takes(3)
        leased(taker, 3)
        if session == 2:
            proxy.cut()
            taker.comes_online()
            held = taker.takes(3)
        proxy.stall()
        eventually(lambda: queue_depth(url).ready >= 3)
        taker.queue.ack(held[0])
        taker.queue.requeue(held[1])
        taker.queue.reject(held[2])
        proxy.heal()
        assert [event_from(taker.inbox, DeliveryLost).delivery for _ in held] == held
        again = taker.acks_what_comes()
        assert {delivery.body for delivery in again} == set(TASKS)
        assert all(delivery.redelivered for delivery in again)
    assert queue_depth(url).ready == queue_depth(url, "dead").ready == 0


def test_leases_that_have_ended_without_a_connection_are_not_delivered_again(
    rabbit: RabbitNode, url: str, leased: Leased
) -> None:
    with cuttable(rabbit, url, BRIEF) as (taker, proxy):
        taker.takes(3)
        leased(taker, 3)
        proxy.refuse()
        eventually(lambda: queue_depth(url).ready == 3)
        proxy.heal()
        taker.comes_online()
        again = taker.acks_what_comes()
        assert sorted(delivery.body for delivery in again) == sorted(TASKS)
        assert all(delivery.redelivered for delivery in again)
    assert taken_from(url, "work") == []


def test_where_no_queue_may_be_made_a_delivery_stays_what_it_is(
    rabbit: RabbitNode, vhost: str, url: str, caplog: pytest.LogCaptureFixture
) -> None:
    rabbit.ctl("set_permissions", "-p", vhost, "guest", "^worker-topic$", ".*", ".*")
    with taking(url, 3, lease_times=SOON) as taker:
        held = taker.takes(3)
        eventually(lambda: "lets this user make no queue" in caplog.text)
        taker.queue.requeue(held[0])
        assert taker.takes(1)[0].body == held[0].body
        taker.queue.ack(held[1])
        taker.queue.ack(held[2])
        taker.takes(0)
    assert caplog.text.count("lets this user make no queue") == 1
    assert taken_from(url, "work") == [held[0].body]
