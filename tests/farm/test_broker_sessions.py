# SPDX-License-Identifier: GPL-3.0-or-later
"""RabbitQueue and its connection: made again when it is lost, ended whenever that is asked for."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pika
import pytest

from bender_worker_addon.core.deliveries import Connected, Delivered, Disconnected, Unwelcome
from bender_worker_addon.queues.rabbitmq import queue
from tests.farm.ground import eventually
from tests.farm.taker import Taker, connected, taking
from tests.unit.support import DEADLINE, event_from
from tools.servers.farm import publish_tasks, queue_depth
from tools.servers.proxy import Proxy
from tools.servers.rabbitmq import RabbitNode

NOWHERE = "amqp://guest:guest@127.0.0.1:1/%2F"


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "bender-rabbitmq"]


def through(proxy: Proxy, rabbit: RabbitNode, url: str) -> str:
    return url.replace(f":{rabbit.port}/", f":{proxy.port}/")


def test_each_attempt_to_connect_waits_longer_than_the_one_before() -> None:
    taker = Taker(NOWHERE)
    taker.queue.start()
    waits = [event_from(taker.inbox, Disconnected).retry_in for _ in range(3)]
    taker.queue.close(timeout=DEADLINE)
    assert 0.8 <= waits[0] <= 1.2
    assert 1.6 <= waits[1] <= 2.4
    assert 3.2 <= waits[2] <= 4.8
    assert not threads()


def test_what_is_decided_while_there_is_no_connection_is_done_in_the_next_one_but_for_what_belonged_to_the_last(
    rabbit: RabbitNode, amqp_url: str
) -> None:
    publish_tasks(amqp_url, [b"first", b"second"])
    with Proxy(rabbit.port) as proxy, taking(through(proxy, rabbit, amqp_url), 1) as taker:
        (held,) = taker.takes(1)
        proxy.refuse()
        event_from(taker.inbox, Disconnected)
        taker.queue.ack(held)
        taker.queue.consume(2)
        proxy.heal()
        taker.comes_online()
        again, other = taker.takes(2)
        assert (again.body, again.redelivered, other.body) == (held.body, True, b"second")
        taker.queue.ack(held)
        taker.takes(0)
    assert queue_depth(amqp_url).ready == 2


@contextmanager
def rival(url: str) -> Iterator[None]:
    """Another worker of the same id, that has it as soon as it is free."""
    with pika.BlockingConnection(pika.URLParameters(url)) as connection:

        def has_it() -> bool:
            try:
                connection.channel().queue_declare("bender-worker.w1", exclusive=True, auto_delete=True)
            except pika.exceptions.ChannelClosedByBroker:
                return False
            return True

        eventually(has_it)
        yield


def test_an_id_that_another_has_is_waited_for_as_it_may_be_free_soon(amqp_url: str) -> None:
    taker = Taker(amqp_url)
    with rival(amqp_url):
        taker.queue.start()
        assert "another worker with the id w1" in event_from(taker.inbox, Disconnected).reason
    event_from(taker.inbox, Connected)
    taker.queue.close(timeout=DEADLINE)


def test_an_id_that_another_has_for_long_is_anothers(amqp_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "_ID_TAKEN", 0.5)
    taker = Taker(amqp_url)
    with rival(amqp_url):
        taker.queue.start()
        assert "another worker with the id w1" in event_from(taker.inbox, Disconnected).reason
        assert "give this one an id of its own" in event_from(taker.inbox, Unwelcome).reason
        eventually(lambda: not threads())


def test_an_id_that_this_one_had_is_its_own_however_long_another_has_it(
    rabbit: RabbitNode, amqp_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "_ID_TAKEN", 0.0)
    with Proxy(rabbit.port) as proxy, taking(through(proxy, rabbit, amqp_url), 0) as taker:
        proxy.refuse()
        with rival(amqp_url):
            proxy.heal()
            while "another worker" not in event_from(taker.inbox, Disconnected).reason:
                pass
        taker.comes_online()


def test_it_may_be_closed_at_any_time_and_any_number_of_times(amqp_url: str) -> None:
    taker = Taker(amqp_url)
    taker.queue.close(timeout=DEADLINE)
    taker.queue.start()
    taker.queue.close(timeout=DEADLINE)
    assert taker.inbox.empty()
    with taking(amqp_url, 1) as other:
        other.queue.close(timeout=DEADLINE)
        other.queue.consume(2)
        other.queue.close(timeout=0)
    assert not threads()


def test_what_was_decided_before_it_is_closed_is_done(amqp_url: str) -> None:
    publish_tasks(amqp_url, [b"%d" % number for number in range(100)])
    with taking(amqp_url, 100) as taker:
        for delivery in taker.takes(100):
            taker.queue.ack(delivery)
        last = taker.reports("stat.job")
        taker.queue.close(timeout=DEADLINE)
        assert taker.confirmed(1) == [last]
    assert queue_depth(amqp_url).ready == 0


def test_one_that_is_closed_while_nothing_answers_ends_with_its_connection(rabbit: RabbitNode, amqp_url: str) -> None:
    with Proxy(rabbit.port) as proxy, taking(through(proxy, rabbit, amqp_url), 1) as taker:
        taker.takes(0)
        proxy.stall()
        taker.queue.consume(0)  # for which it waits for an answer
        taker.queue.close(timeout=0)
        assert threads()
        proxy.refuse()
        eventually(lambda: not threads())
        assert taker.inbox.empty()


def test_one_that_is_closed_while_it_tries_to_connect_ends() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        taker = Taker(f"amqp://guest:guest@127.0.0.1:{silent.getsockname()[1]}/%2F")
        taker.queue.start()
        connection, _ = silent.accept()
        taker.queue.close(timeout=0)
        connection.close()
    eventually(lambda: not threads())
    assert taker.inbox.empty()


def test_a_queue_that_is_deleted_ends_the_session_and_is_made_anew_in_the_next(amqp_url: str) -> None:
    with taking(amqp_url, 1) as taker:
        taker.takes(0)
        with connected(amqp_url) as channel:
            channel.queue_delete("work")
        assert "RabbitMQ ended the delivery of tasks" in event_from(taker.inbox, Disconnected).reason
        taker.comes_online()
        publish_tasks(amqp_url, [b"a task"])
        assert taker.takes(1)[0].body == b"a task"


@contextmanager
def impatient(rabbit: RabbitNode) -> Iterator[Callable[[], None]]:
    """Channels that are opened from now on are closed when a delivery on them is unacknowledged for a second; until
    this ends, or what it gives is called."""

    def look(*, every: int, timeout: int) -> None:
        settings = f"[{{channel_tick_interval, {every}}}, {{consumer_timeout, {timeout}}}]"
        rabbit.ctl("eval", f"[application:set_env(rabbit, Name, Value) || {{Name, Value}} <- {settings}].")

    def be_patient_again() -> None:
        look(every=60_000, timeout=1_800_000)

    look(every=3_000, timeout=1_000)
    try:
        yield be_patient_again
    finally:
        be_patient_again()


def test_a_channel_that_is_closed_ends_the_session(rabbit: RabbitNode, amqp_url: str) -> None:
    publish_tasks(amqp_url, [b"a task"])
    with impatient(rabbit), taking(amqp_url, 1) as taker:
        event_from(taker.inbox, Delivered)
        assert "RabbitMQ ended the delivery of tasks" in event_from(taker.inbox, Disconnected).reason


def test_so_it_does_when_that_is_noticed_on_a_call_for_more(rabbit: RabbitNode, amqp_url: str) -> None:
    """Tags of that channel mean others on the next one."""
    publish_tasks(amqp_url, [b"first", b"second", b"third"])
    with (
        impatient(rabbit) as be_patient_again,
        Proxy(rabbit.port) as proxy,
        taking(through(proxy, rabbit, amqp_url), 1) as taker,
    ):
        taker.queue.ack(event_from(taker.inbox, Delivered).delivery)
        second = event_from(taker.inbox, Delivered).delivery
        proxy.hold_answers()
        eventually(lambda: queue_depth(amqp_url).ready == 2)
        be_patient_again()
        taker.queue.consume(2)
        eventually(taker.queue._commands.empty)  # now it waits for an answer
        proxy.heal()
        assert isinstance(taker.inbox.get(timeout=DEADLINE), Disconnected)
        taker.queue.ack(second)
        taker.comes_online()
        again, third = taker.takes(2)
        assert (again.body, third.body) == (b"second", b"third")
        taker.queue.ack(second)
        taker.queue.ack(again)
        taker.queue.ack(third)
        taker.takes(0)
