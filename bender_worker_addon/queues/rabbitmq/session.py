# SPDX-License-Identifier: GPL-3.0-or-later
"""Session: all that is done on one connection. Delivery tags lose their meaning with the channel they came on: what was
decided for an earlier session is never done in a later one. Used from the queue's thread only.
"""

import itertools
import logging
import time
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from typing import Any

import pika
from pika.adapters.blocking_connection import BlockingChannel, BlockingConnection
from pika.spec import Basic

from ...core.deliveries import Confirmed, Connected, Delivered, Delivery, DeliveryLost, Ordered, OthersSeen
from .channels import WORK_QUEUE
from .consumers import Consumers
from .control import Control
from .deliveries import Deliveries, Leased, Unacked
from .errors import ConsumersLost
from .leases import Leases, LeaseTimes, is_rejected, was_out_before
from .reports import Reports

log = logging.getLogger(__name__)

_IDLE = 5.0  # seconds without anything to do after which the channels are looked at
_SOON = 0.2  # seconds until it is looked whether what was expected has come
_LOOKS = 4  # at what is held, in the time it may be held
_LAST_CONFIRMATIONS = 1.0  # seconds that RabbitMQ has for them when the worker ends


class Session:
    """Any of its methods raises one of CONNECTION_ERRORS once the session is over."""

    def __init__(
        self,
        connection: BlockingConnection,
        number: int,
        *,
        deliveries: Deliveries,
        worker_id: str,
        lease_times: LeaseTimes,
        inbox: SimpleQueue[Any],
        tiles: Sequence[str],
    ) -> None:
        """`deliveries` are those of the session before; what is leased of them is delivered again. `tiles`: the queues
        of those that are taken, too."""
        self._connection = connection
        self._number = number
        self._deliveries = deliveries
        self._lease_times = lease_times
        self._inbox = inbox
        self._reports = Reports(connection, worker_id=worker_id, confirmed=self._confirmed)
        self._control = Control(connection, worker_id=worker_id, ordered=self._ordered)
        self._leases = Leases(connection, worker_id=worker_id, times=lease_times)
        deliveries.begin_session(number)
        for leased in deliveries.leased:
            if not self._leases.renew(leased):
                deliveries.remove(leased)
        self._consumers = Consumers(connection, deliveries, self._received, tiles=tiles)
        self._sources = {WORK_QUEUE, *tiles}
        self._tags = itertools.count(1)
        self._too_many: list[Unacked] = []
        inbox.put(Connected(number))
        for leased in deliveries.leased:
            inbox.put(Delivered(leased.delivery))

    def serve(self) -> None:
        """Waits for what comes, or until it is woken, and deals with what is due."""
        wait = _SOON if self._consumers.expects else _IDLE
        self._connection.process_data_events(time_limit=min(wait, self._lease_times.hold / _LOOKS))
        self._reports.publish_refused()
        if self._consumers.are_lost:
            raise ConsumersLost
        self._put_back_what_is_too_much()
        self._renew_leases()
        self._lease_what_is_held_long()

    def may_hold(self, prefetch: int) -> None:
        self._consumers.may_hold(prefetch)

    def takes_tiles(self, queues: Sequence[str]) -> None:
        """Out of these queues, and of no others from now on."""
        self._sources.update(queues)
        self._consumers.takes_tiles(queues)

    def provide(self) -> None:
        """Sees to it that as many deliveries come as may be held, after all that was decided at once is done."""
        self._consumers.provide()

    def ack(self, delivery: Delivery) -> None:
        self._settle(delivery, Unacked.ack, self._leases.ack)

    def requeue(self, delivery: Delivery) -> None:
        self._settle(delivery, Unacked.requeue, self._leases.requeue)

    def reject(self, delivery: Delivery) -> None:
        self._settle(delivery, Unacked.reject, self._leases.reject)

    def set_aside(self, delivery: Delivery) -> None:
        unsettled = self._deliveries.find(delivery)
        if unsettled is not None:
            self._consumers.set_aside(unsettled)

    def look_for_others(self) -> None:
        self._inbox.put(OthersSeen(self._consumers.others()))

    def publish(self, session: int, report_id: int | None, routing_key: str, body: bytes) -> None:
        if session == self._number:
            self._reports.publish(report_id, routing_key, body)

    def tell(self, session: int, routing_key: str, body: bytes) -> None:
        if session == self._number:
            self._control.tell(routing_key, body)

    def await_confirmations(self) -> None:
        """What is not confirmed when the connection is closed would be reported once more at the next start."""
        until = time.monotonic() + _LAST_CONFIRMATIONS
        while self._reports.are_unconfirmed and (left := until - time.monotonic()) > 0:
            self._connection.process_data_events(time_limit=left)
            self._reports.publish_refused()

    def _settle(self, delivery: Delivery, unacked: Callable[[Unacked], None], leased: Callable[[Leased], None]) -> None:
        unsettled = self._deliveries.find(delivery)
        match unsettled:
            case None:
                log.debug("delivery %d of session %d is no longer held here", delivery.tag, delivery.session)
                return
            case Unacked():
                self._consumers.will_settle()
                unacked(unsettled)
            case Leased():
                leased(unsettled)
        self._deliveries.remove(unsettled)

    def _received(
        self, channel: BlockingChannel, method: Basic.Deliver, properties: pika.BasicProperties, body: bytes
    ) -> None:
        out_before = method.redelivered or was_out_before(properties)
        delivery = Delivery(self._number, next(self._tags), body, out_before)
        source = method.routing_key if method.routing_key in self._sources else WORK_QUEUE
        unacked = Unacked(delivery, properties, channel, method.delivery_tag, method.consumer_tag, source)
        if is_rejected(properties):
            unacked.reject()
            return
        if self._consumers.hold_enough:
            self._too_many.append(unacked)
            return
        self._deliveries.add(unacked)
        self._inbox.put(Delivered(delivery))

    def _ordered(self, body: bytes) -> None:
        self._inbox.put(Ordered(body, time.monotonic()))

    def _confirmed(self, report_ids: tuple[int, ...]) -> None:
        if report_ids:
            self._inbox.put(Confirmed(report_ids))

    def _put_back_what_is_too_much(self) -> None:
        self._consumers.keep_to_it()
        while self._too_many:
            self._leases.put_back(self._too_many.pop())

    def _renew_leases(self) -> None:
        for leased in self._deliveries.leased:
            if self._leases.is_due(leased) and not self._leases.renew(leased):
                self._deliveries.remove(leased)
                self._inbox.put(DeliveryLost(leased.delivery))

    def _lease_what_is_held_long(self) -> None:
        """Makes leases of all that is held, once one of it is held for long."""
        unacked = self._deliveries.unacked
        held_since = min((one.since for one in unacked), default=time.monotonic())
        if time.monotonic() - held_since < self._lease_times.hold or not self._leases.possible:
            return
        self._consumers.cancel()  # in the place of what is acknowledged here others would be sent
        for one in unacked:
            leased = self._leases.take(one)
            if leased is None:
                break
            self._deliveries.add(leased)
            one.ack()
        self._consumers.provide()
