# SPDX-License-Identifier: GPL-3.0-or-later
"""RabbitQueue on a real RabbitMQ: a worker that takes tiles too, out of a queue of theirs, and never holds more than it
should."""

import logging

import pytest

from bender_worker_addon.core.deliveries import Delivered
from bender_worker_addon.queues.rabbitmq.channels import TILE_QUEUE, of_kind
from bender_worker_addon.queues.rabbitmq.leases import LeaseTimes
from tests.farm.ground import eventually
from tests.farm.taker import connected, taking
from tests.unit.support import event_from
from tools.servers.farm import publish_tasks, queue_depth

FRAMES, TILES = [b"frame 1", b"frame 2"], [b"tile 1", b"tile 2"]


def test_who_takes_none_sees_none(amqp_url: str) -> None:
    publish_tasks(amqp_url, TILES, queue=TILE_QUEUE)
    publish_tasks(amqp_url, FRAMES)
    with taking(amqp_url, 9) as taker:
        assert [delivery.body for delivery in taker.takes(2)] == FRAMES
        assert queue_depth(amqp_url, TILE_QUEUE) == (2, 0)


def test_who_may_hold_one_holds_one_out_of_whichever_queue(amqp_url: str) -> None:
    publish_tasks(amqp_url, TILES, queue=TILE_QUEUE)
    publish_tasks(amqp_url, FRAMES)
    seen = []
    with taking(amqp_url, 1, tiles=True) as taker:
        for _ in range(4):
            (delivery,) = taker.takes(1)
            seen.append(delivery.body)
            assert not delivery.redelivered
            taker.queue.ack(delivery)
        assert sorted(seen) == sorted(FRAMES + TILES)
        assert seen[:2] == TILES
        for body, queue in ((b"frame 3", "work"), (b"tile 3", TILE_QUEUE), (b"tile 4", TILE_QUEUE)):  # it waits at both
            publish_tasks(amqp_url, [body], queue=queue)
            (delivery,) = taker.takes(1)
            assert delivery.body == body
            taker.queue.ack(delivery)


def test_of_what_comes_out_of_both_at_one_moment_one_goes_back(amqp_url: str) -> None:
    with taking(amqp_url, 1, tiles=True) as taker, connected(amqp_url) as channel:
        eventually(lambda: queue_depth(amqp_url, TILE_QUEUE).consumers == queue_depth(amqp_url).consumers == 1)
        for round in range(20):
            for queue in ("work", TILE_QUEUE):
                channel._impl.basic_publish("", queue, f"{queue} {round}".encode())  # sent with the other one
            channel.connection.process_data_events(0)
            seen = set()
            for _ in range(2):
                delivery = event_from(taker.inbox, Delivered).delivery
                assert taker.takes(0) == []
                seen.add(delivery.body.decode())
                taker.queue.ack(delivery)
            assert seen == {f"{queue} {round}" for queue in ("work", TILE_QUEUE)}


def test_who_may_hold_many_holds_a_share_of_each(amqp_url: str) -> None:
    publish_tasks(amqp_url, [b"tile"] * 20, queue=TILE_QUEUE)
    publish_tasks(amqp_url, [b"frame"] * 20)
    with taking(amqp_url, 8, tiles=True) as taker:
        held = taker.takes(8)
        assert sorted(delivery.body for delivery in held) == [b"frame"] * 6 + [b"tile"] * 2
        taker.queue.consume(1)
        for delivery in held:
            taker.queue.ack(delivery)
        assert len(taker.acks_what_comes()) == 32


def test_who_is_of_one_kind_also_takes_what_is_for_that_alone(amqp_url: str) -> None:
    on_cpu = of_kind(TILE_QUEUE, "CPU on Linux")
    publish_tasks(amqp_url, [b"of kind"] * 20, queue=on_cpu)
    publish_tasks(amqp_url, [b"tile"] * 20, queue=TILE_QUEUE)
    publish_tasks(amqp_url, [b"frame"] * 20)
    with taking(amqp_url, 1, tiles=True) as taker:
        held = taker.takes(1)
        taker.queue.consume(0)
        taker.queue.renders_on("CPU on Linux")
        taker.queue.ack(held[0])
        taker.queue.consume(8)
        held = taker.takes(8)
        assert sorted(delivery.body for delivery in held) == [b"frame"] * 6 + [b"of kind"] + [b"tile"]
        taker.queue.consume(1)
        for delivery in held:
            taker.queue.ack(delivery)
        (held_one,) = taker.takes(1)
        assert held_one.body == b"of kind"
        taker.queue.renders_on("")
        taker.queue.ack(held_one)
        left = taker.acks_what_comes()
        assert b"of kind" not in [delivery.body for delivery in left]
        assert queue_depth(amqp_url, on_cpu) == (20 - 1 - (held_one.body == b"of kind"), 0)
        taker.queue.renders_on("CPU on Linux")
        assert {delivery.body for delivery in taker.acks_what_comes()} == {b"of kind"}


def test_a_tile_that_is_held_for_long_falls_back_among_the_tiles(
    amqp_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "bender_worker_addon.queues.rabbitmq.leases")
    publish_tasks(amqp_url, [b"tile"], queue=TILE_QUEUE)
    with taking(amqp_url, 1, tiles=True, lease_times=LeaseTimes(hold=0.1, live=3.0)) as taker:
        (held,) = taker.takes(1)
        eventually(lambda: "is kept in the queue" in caplog.text)
        taker.queue.requeue(held)
        (again,) = taker.takes(1)
        assert (again.body, again.redelivered) == (b"tile", True)
        eventually(lambda: caplog.text.count("is kept in the queue") == 2)
        taker.queue.consume(0)
        taker.takes(0)
    eventually(lambda: queue_depth(amqp_url, TILE_QUEUE).ready == 1)
    assert queue_depth(amqp_url).ready == 0
