# SPDX-License-Identifier: GPL-3.0-or-later
"""Connection: the connection to RabbitMQ, on a thread of its own.

The worker hands over what it has decided (ack, requeue, reject, publish, consume) and finds in its inbox what came of
it. A session is one connection: what was decided for an earlier session is never done in a later one, since delivery
tags lose their meaning with the channel they came on.
"""

import logging
import math
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from queue import SimpleQueue
from typing import Any

import pika
from pika.adapters.blocking_connection import BlockingChannel, BlockingConnection
from pika.exceptions import AMQPError
from pika.spec import Basic

from ...core.deliveries import Confirmed, Connected, Delivered, Delivery, Disconnected, Unwelcome
from ...core.errors import ConfigError
from ...settings.tls import SYSTEM_TLS, Tls
from ...system.threads import Thread
from . import leases
from .channels import parameters, report_channel, take_id, work_channel
from .consumers import Consumers
from .errors import TROUBLE, IdTaken, close_quietly, in_words, root
from .leases import Leases, LeaseTimes
from .reports import Reports

log = logging.getLogger(__name__)

_RETRY_FIRST, _RETRY_LAST = 1.0, 30.0  # seconds between attempts to connect
_IDLE = 5.0  # seconds without anything to do after which the channels are looked at
_STABLE = 10.0  # seconds after which a session counts as a good one
_ID_TAKEN = 200.0  # seconds after which RabbitMQ has noticed that a worker is gone, however it went
_LAST_CONFIRMATIONS = 1.0  # seconds that RabbitMQ has for them when the worker ends
_LOOKS = 4  # at what is held, in the time it may be held


@dataclass(frozen=True, slots=True)
class _Unacked:
    """A delivery that is acknowledged only when it is settled, since when it is held, and what came with it."""

    delivery: Delivery
    properties: pika.BasicProperties
    since: float


class Broker:
    """A TaskQueue: one connection to RabbitMQ, made again whenever it is lost."""

    name = "RabbitMQ"

    def __init__(
        self,
        *,
        url: str,
        worker_id: str,
        inbox: SimpleQueue[Any],
        tls: Tls = SYSTEM_TLS,
        lease_times: LeaseTimes | None = None,
    ) -> None:
        """Raises ConfigError if `url` can't be understood or a file of `tls` can't be used."""
        self._parameters = parameters(url, worker_id, tls)
        self._worker_id = worker_id
        self._inbox = inbox
        self._commands: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._closing = threading.Event()
        self._session = 0
        self._taken: IdTaken | None = None
        self._started = math.inf
        self._connection: BlockingConnection | None = None
        self._consumers = Consumers(self._received)
        self._reports = Reports(worker_id=worker_id, confirmed=self._confirmed)
        self._is_called = False  # to carry out what was decided
        self._lease_times = lease_times or LeaseTimes()
        self._leases = Leases(worker_id=worker_id, times=self._lease_times)
        self._unacked: dict[int, _Unacked] = {}
        self._thread = Thread(self._run, name="bender-broker", inbox=inbox)

    # What the worker decides

    def start(self) -> None:
        self._thread.start()

    def ack(self, delivery: Delivery) -> None:
        self._do(lambda: self._settle(delivery, self._leases.ack, lambda work: work.basic_ack(delivery.tag)))

    def requeue(self, delivery: Delivery) -> None:
        plainly = partial(_nack, delivery.tag, requeue=True)
        self._do(lambda: self._settle(delivery, self._leases.requeue, plainly))

    def reject(self, delivery: Delivery) -> None:
        plainly = partial(_nack, delivery.tag, requeue=False)
        self._do(lambda: self._settle(delivery, self._leases.reject, plainly))

    def set_aside(self, delivery: Delivery) -> None:
        self._do(lambda: self._set_aside(delivery))

    def publish(self, session: int, report_id: int | None, routing_key: str, body: bytes) -> None:
        """Publishes a report; Confirmed follows where `report_id` is given."""
        self._do(lambda: self._publish(session, report_id, routing_key, body))

    def consume(self, prefetch: int) -> None:
        """From now on holds at most `prefetch` deliveries; 0 takes no more. Those already held are not touched."""
        self._do(lambda: self._consumers.may_hold(prefetch))

    def close(self, *, timeout: float) -> None:
        """Does what was decided so far, then disconnects; whatever is not settled the broker gives to others."""
        if self._connection is None:
            self._closing.set()
        self._do(self._closing.set)
        self._thread.join(timeout)

    def _do(self, command: Callable[[], None]) -> None:
        self._commands.put(command)
        connection = self._connection
        if connection is not None and not self._is_called:
            self._is_called = True
            try:
                connection.add_callback_threadsafe(_wake_up)
            except AMQPError:
                log.debug("the connection is going down; this is left to the next session")

    # What the thread does

    def _run(self) -> None:
        delay, self._started = _RETRY_FIRST, time.monotonic()
        while not self._closing.is_set():
            began = time.monotonic()
            reason = self._one_session()
            if self._closing.is_set() or self._has_no_id():
                return
            if time.monotonic() - began > _STABLE:
                delay = _RETRY_FIRST
            retry_in = delay * random.uniform(0.8, 1.2)
            self._inbox.put(Disconnected(reason, retry_in))
            self._closing.wait(retry_in)
            delay = min(delay * 2, _RETRY_LAST)

    def _has_no_id(self) -> bool:
        """Whether another has this worker's id, and not only a connection that RabbitMQ has not noticed to be dead."""
        if self._taken is None or self._session or time.monotonic() - self._started < _ID_TAKEN:
            return False
        self._inbox.put(Unwelcome(str(self._taken)))
        return True

    def _one_session(self) -> str:
        """Connects and serves until the connection is lost or to be closed; gives the reason of the loss."""
        connection = None
        try:
            connection = BlockingConnection(self._parameters)
            self._begin_session(connection)
            while not self._closing.is_set():
                connection.process_data_events(time_limit=min(_IDLE, self._lease_times.hold / _LOOKS))
                self._reports.look_after()
                self._carry_out()
                if self._consumers.are_lost:
                    return "RabbitMQ ended the delivery of tasks (the queue is gone, or a task was held for too long)"
                self._hold_on()
            self._await_confirmations(connection)
        except TROUBLE as error:
            self._taken = error if isinstance(error, IdTaken) else None
            return in_words(error)
        finally:
            self._connection = None
            if connection is not None:
                close_quietly(connection)
        return ""

    def _await_confirmations(self, connection: BlockingConnection) -> None:
        """What is not confirmed when the connection is closed would be reported once more at the next start."""
        until = time.monotonic() + _LAST_CONFIRMATIONS
        while self._reports.are_unconfirmed and (left := until - time.monotonic()) > 0:
            connection.process_data_events(time_limit=left)
            self._reports.look_after()

    def _begin_session(self, connection: BlockingConnection) -> None:
        take_id(connection, self._worker_id)
        self._session += 1
        self._reports.begin_session(connection)
        self._consumers.begin_session(connection)
        self._is_called = False
        self._unacked.clear()
        self._connection = connection
        leased = list(self._leases.come_again(connection, self._session))
        for delivery in leased:
            self._consumers.holds(delivery.tag)
        self._carry_out()
        self._inbox.put(Connected(self._session))
        for delivery in leased:
            self._inbox.put(Delivered(delivery))

    def _carry_out(self) -> None:
        self._is_called = False
        while not self._commands.empty():
            self._commands.get()()
        if not self._consumers.are_lost:
            self._consumers.provide()

    def _received(self, method: Basic.Deliver, properties: pika.BasicProperties, body: bytes) -> None:
        tag = method.delivery_tag
        if leases.is_rejected(properties):
            _nack(tag, self._consumers.channel, requeue=False)
            self._consumers.no_longer_holds(tag)
            return
        out_before = method.redelivered or leases.was_out_before(properties)
        delivery = Delivery(self._session, tag, body, out_before)
        self._unacked[tag] = _Unacked(delivery, properties, time.monotonic())
        self._inbox.put(Delivered(delivery))

    def _hold_on(self) -> None:
        """Makes leases of all that is held, once one of them is held for long, and renews those there are."""
        self._leases.renew()
        longest = min((unacked.since for unacked in self._unacked.values()), default=math.inf)
        if time.monotonic() - longest < self._lease_times.hold or not self._leases.possible:
            return
        leased = [tag for tag, it in self._unacked.items() if self._leases.take(it.delivery, it.properties)]
        self._consumers.cancel()  # in the place of what is acknowledged here others would be sent
        for tag in leased:
            self._consumers.channel.basic_ack(tag)
            del self._unacked[tag]
        self._consumers.provide()

    def _settle(
        self, delivery: Delivery, leased: Callable[[Delivery], bool], plainly: Callable[[BlockingChannel], None]
    ) -> None:
        if delivery.session != self._session or not self._consumers.channel.is_open:
            log.debug("delivery %d belonged to an earlier session; the broker will send it again", delivery.tag)
            return
        if not leased(delivery):
            plainly(self._consumers.channel)
        self._unacked.pop(delivery.tag, None)
        self._consumers.no_longer_holds(delivery.tag)

    def _set_aside(self, delivery: Delivery) -> None:
        if delivery.session == self._session and not self._consumers.are_lost:
            self._consumers.set_aside(delivery.tag)

    def _publish(self, session: int, report_id: int | None, routing_key: str, body: bytes) -> None:
        if session == self._session:
            self._reports.publish(report_id, routing_key, body)

    def _confirmed(self, report_ids: tuple[int, ...]) -> None:
        if report_ids:
            self._inbox.put(Confirmed(report_ids))


def why_unreachable(url: str, tls: Tls) -> str:
    """Connects to `url` and looks for the queue of tasks; gives what is wrong, or nothing if a worker could work."""
    try:
        connection = BlockingConnection(parameters(url, "test", tls))
    except ConfigError as error:
        return str(error)
    except TROUBLE as error:
        advice = "; is RabbitMQ running there, and is the address right?" if isinstance(root(error), OSError) else ""
        return f"{in_words(error)}{advice}"
    try:
        work_channel(connection)
        report_channel(connection)
    except TROUBLE as error:
        return in_words(error)
    finally:
        close_quietly(connection)
    return ""


def _nack(tag: int, channel: BlockingChannel, *, requeue: bool) -> None:
    channel.basic_nack(tag, requeue=requeue)


def _wake_up() -> None:
    """Makes process_data_events return."""
