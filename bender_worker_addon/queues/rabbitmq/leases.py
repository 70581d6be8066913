# SPDX-License-Identifier: GPL-3.0-or-later
"""Leases: tasks held for longer than RabbitMQ lets a message stay unacknowledged (half an hour by default).

A lease is a confirmed copy of the message in a queue of its own, from which it falls back into the queue of tasks when
nobody has renewed it for its time to live; the message itself is acknowledged then. So a frame of ten hours stays with
its worker on a broker with default settings, and comes back soon when the worker is gone. At every moment the task is
in RabbitMQ at least once. Used from the broker's thread only.
"""

import copy
import logging
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pika
from pika.adapters.blocking_connection import BlockingChannel, BlockingConnection
from pika.exceptions import ChannelClosedByBroker, UnroutableError

from ...core.deliveries import Delivery
from .channels import WORK_QUEUE, confirming_channel
from .errors import REFUSED

log = logging.getLogger(__name__)

PREFIX = "bender-lease."

_OUT_BEFORE = "bender-worker-out-before"  # header of a copy: on its own it would look like a task nobody has tried
_REJECTED = "bender-worker-rejected"  # header of a copy that is only to be rejected, by whoever gets it


@dataclass(frozen=True, slots=True)
class LeaseTimes:
    """Seconds: a delivery held for `hold` becomes a lease; a lease that is not renewed ends after `live`."""

    hold: float = 20 * 60.0
    live: float = 10 * 60.0


@dataclass(slots=True)
class _Lease:
    queue: str
    delivery: Delivery
    properties: pika.BasicProperties
    renewed: float


class Leases:
    def __init__(self, *, worker_id: str, times: LeaseTimes) -> None:
        self._worker_id = worker_id
        self._times = times
        self._connection: BlockingConnection | None = None
        self._own_channel: BlockingChannel | None = None
        self._leases: dict[tuple[int, int], _Lease] = {}
        self._numbers = 0
        self._refused = False

    def __len__(self) -> int:
        return len(self._leases)

    @property
    def possible(self) -> bool:
        """Whether this user of RabbitMQ may have leases, as far as is known."""
        return not self._refused

    def take(self, delivery: Delivery, properties: pika.BasicProperties) -> bool:
        """Makes a lease of a delivery, which may be acknowledged then; False where the user has no right to."""
        queue = f"{PREFIX}{self._worker_id}.{uuid.uuid4().hex}"
        lease = _Lease(queue, delivery, _marked(properties, _OUT_BEFORE), time.monotonic())
        try:
            self._begin(lease)
        except ChannelClosedByBroker as error:
            if error.reply_code != REFUSED:
                raise
            self._refused = True
            words = (
                "RabbitMQ lets this user make no queue (%s): a frame that takes longer than its time-out comes again"
            )
            log.warning(words, error.reply_text)
            return False
        self._leases[delivery.session, delivery.tag] = lease
        log.info("a task is held for long: it is kept in the queue %s", queue)
        return True

    def renew(self) -> None:
        """Renews what is due."""
        for key, lease in list(self._leases.items()):
            if time.monotonic() - lease.renewed > self._times.live / 3 and not self._renewed(lease):
                del self._leases[key]

    def come_again(self, connection: BlockingConnection, session: int) -> Iterator[Delivery]:
        """Begins a new session: gives the deliveries of the leases that are still there, as they are known from now
        on. What the worker decided of them in an earlier session was not done."""
        self._connection, self._own_channel, self._refused = connection, None, False
        for key, lease in list(self._leases.items()):
            alive = self._renewed(lease)
            del self._leases[key]
            if alive:
                self._numbers += 1
                lease.delivery = Delivery(session, -self._numbers, lease.delivery.body, redelivered=True)
                self._leases[session, -self._numbers] = lease
                yield lease.delivery

    def ack(self, delivery: Delivery) -> bool:
        """Settles a lease; False if the delivery is none. So do the others."""
        return self._end(delivery)

    def requeue(self, delivery: Delivery) -> bool:
        return self._end(delivery, back_with=_OUT_BEFORE)

    def reject(self, delivery: Delivery) -> bool:
        """Only the queue of tasks itself dead-letters as the farm wants it: a copy goes there to be rejected."""
        return self._end(delivery, back_with=_REJECTED)

    def _end(self, delivery: Delivery, *, back_with: str = "") -> bool:
        lease = self._leases.get((delivery.session, delivery.tag))
        if lease is None:
            return False
        if back_with:
            properties = _marked(lease.properties, back_with)
            self._channel().basic_publish("", WORK_QUEUE, delivery.body, properties, mandatory=True)
        self._channel().queue_delete(lease.queue)
        del self._leases[delivery.session, delivery.tag]
        return True

    def _begin(self, lease: _Lease) -> None:
        live = int(self._times.live * 1000)
        arguments = {
            "x-message-ttl": live,
            "x-dead-letter-exchange": "",
            "x-dead-letter-routing-key": WORK_QUEUE,
            "x-expires": 3 * live,  # long after its message has left it
        }
        self._channel().queue_declare(lease.queue, durable=True, arguments=arguments)
        self._put(lease)

    def _renewed(self, lease: _Lease) -> bool:
        """Puts a fresh copy into a lease's queue and takes the older one out. False if that is in the queue of tasks
        already: somebody else's by now."""
        may_have_ended = time.monotonic() - lease.renewed > self._times.live
        try:
            self._put(lease)
        except UnroutableError:
            if not may_have_ended:  # somebody has deleted the queue, and the task with it
                self._begin(lease)
            return not may_have_ended
        older, _, _ = self._channel().basic_get(lease.queue, auto_ack=True)
        if older is not None and older.message_count:
            return True
        self._channel().queue_delete(lease.queue)
        log.warning("a task could not be kept: nobody renewed the queue %s in time", lease.queue)
        return False

    def _put(self, lease: _Lease) -> None:
        self._channel().basic_publish("", lease.queue, lease.delivery.body, lease.properties, mandatory=True)
        lease.renewed = time.monotonic()

    def _channel(self) -> BlockingChannel:
        assert self._connection is not None
        if self._own_channel is None or not self._own_channel.is_open:
            self._own_channel = confirming_channel(self._connection)
        return self._own_channel


def was_out_before(properties: Any) -> bool:
    return _OUT_BEFORE in (properties.headers or {})


def is_rejected(properties: Any) -> bool:
    """Whether the worker that had this message has rejected it already, and said why."""
    return _REJECTED in (properties.headers or {})


def _marked(properties: pika.BasicProperties, mark: str) -> pika.BasicProperties:
    """Properties for a copy. What would route it elsewhere, make it end or name another sender is left out."""
    marked = copy.copy(properties)
    kept = {key: value for key, value in (properties.headers or {}).items() if not _is_brokers_own(key)}
    marked.headers = {**kept, mark: True}
    marked.delivery_mode = pika.DeliveryMode.Persistent.value
    marked.expiration = marked.user_id = marked.reply_to = marked.cluster_id = None
    return marked


def _is_brokers_own(header: str) -> bool:
    return header in ("CC", "BCC") or header.startswith("x-")
