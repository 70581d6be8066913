# SPDX-License-Identifier: GPL-3.0-or-later
"""Leases: tasks held for longer than RabbitMQ lets a message stay unacknowledged (half an hour by default).

A lease is a confirmed copy of the message in a queue of its own, from which it falls back into that of tasks from which
it came when nobody has renewed it for its time to live; the message itself is acknowledged then. So a frame of ten
hours stays with its worker on a broker with default settings, and comes back soon when the worker is gone. At every
moment the task is in RabbitMQ at least once. Used from the queue's thread only.
"""

import copy
import logging
import time
import uuid
from dataclasses import dataclass
from typing import Any

import pika
from pika.adapters.blocking_connection import BlockingChannel, BlockingConnection
from pika.exceptions import ChannelClosedByBroker, UnroutableError

from .channels import confirming_channel
from .deliveries import Leased, Unacked
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


class Leases:
    """How they are made, renewed and settled in a session. `possible`: whether this user of RabbitMQ may have any, as
    far as is known."""

    def __init__(self, connection: BlockingConnection, *, worker_id: str, times: LeaseTimes) -> None:
        self.possible = True
        self._connection = connection
        self._worker_id = worker_id
        self._times = times
        self._open_channel: BlockingChannel | None = None

    def take(self, unacked: Unacked) -> Leased | None:
        """Makes a lease of a delivery, which may be acknowledged then; None where the user has no right to."""
        queue = f"{PREFIX}{self._worker_id}.{uuid.uuid4().hex}"
        copied = _marked(unacked.properties, _OUT_BEFORE)
        leased = Leased(unacked.delivery, copied, unacked.source, queue, time.monotonic())
        try:
            self._begin(leased)
        except ChannelClosedByBroker as error:
            if error.reply_code != REFUSED:
                raise
            self.possible = False
            words = (
                "RabbitMQ lets this user make no queue (%s): a frame that takes longer than its time-out comes again"
            )
            log.warning(words, error.reply_text)
            return None
        log.info("a task is held for long: it is kept in the queue %s", queue)
        return leased

    def is_due(self, leased: Leased) -> bool:
        """Whether it is time to renew it."""
        return time.monotonic() - leased.renewed > self._times.live / 3

    def renew(self, leased: Leased) -> bool:
        """Puts a fresh copy into a lease's queue and takes the older one out. False if that is gone, and the lease with
        it: as nobody has renewed it in time it is in the queue of tasks, or with another worker by now."""
        renewed = leased.renewed
        try:
            self._put(leased)
        except UnroutableError:
            if time.monotonic() - renewed <= self._times.live:  # somebody has deleted the queue, and the task with it
                self._begin(leased)
                return True
        else:
            older, _, _ = self._channel().basic_get(leased.queue, auto_ack=True)
            if older is not None and older.message_count:
                return True
            self._channel().queue_delete(leased.queue)
        words = "a task could not be kept: its copy in the queue %s was not renewed in time, or somebody has removed it"
        log.warning(words, leased.queue)
        return False

    def ack(self, leased: Leased) -> None:
        self._channel().queue_delete(leased.queue)

    def requeue(self, leased: Leased) -> None:
        self._put_back(leased, _OUT_BEFORE)

    def put_back(self, unacked: Unacked) -> None:
        """Nobody here has looked at it: it goes to another as if it had never been out, if the user has the right to
        publish it."""
        properties = _marked(unacked.properties)
        try:
            self._channel().basic_publish("", unacked.source, unacked.delivery.body, properties, mandatory=True)
        except ChannelClosedByBroker as error:
            if error.reply_code != REFUSED:
                raise
            unacked.requeue()
        else:
            unacked.ack()

    def reject(self, leased: Leased) -> None:
        """Only the queue of tasks itself dead-letters as the farm wants it: a copy goes there to be rejected."""
        self._put_back(leased, _REJECTED)

    def _put_back(self, leased: Leased, mark: str) -> None:
        properties = _marked(leased.properties, mark)
        self._channel().basic_publish("", leased.source, leased.delivery.body, properties, mandatory=True)
        self.ack(leased)

    def _begin(self, leased: Leased) -> None:
        live = int(self._times.live * 1000)
        arguments = {
            "x-message-ttl": live,
            "x-dead-letter-exchange": "",
            "x-dead-letter-routing-key": leased.source,
            "x-expires": 3 * live,  # long after its message has left it
        }
        self._channel().queue_declare(leased.queue, durable=True, arguments=arguments)
        self._put(leased)

    def _put(self, leased: Leased) -> None:
        put_at = time.monotonic()
        self._channel().basic_publish("", leased.queue, leased.delivery.body, leased.properties, mandatory=True)
        leased.renewed = put_at

    def _channel(self) -> BlockingChannel:
        if self._open_channel is None or not self._open_channel.is_open:
            self._open_channel = confirming_channel(self._connection)
        return self._open_channel


def was_out_before(properties: Any) -> bool:
    return _OUT_BEFORE in (properties.headers or {})


def is_rejected(properties: Any) -> bool:
    """Whether the worker that had this message has rejected it already, and said why."""
    return _REJECTED in (properties.headers or {})


def _marked(properties: pika.BasicProperties, *marks: str) -> pika.BasicProperties:
    """Properties for a copy. What would route it elsewhere, make it end or name another sender is left out."""
    marked = copy.copy(properties)
    kept = {key: value for key, value in (properties.headers or {}).items() if not _is_brokers_own(key)}
    marked.headers = kept | dict.fromkeys(marks, True)
    marked.delivery_mode = pika.DeliveryMode.Persistent.value
    marked.expiration = marked.user_id = marked.reply_to = marked.cluster_id = None
    return marked


def _is_brokers_own(header: str) -> bool:
    return header in ("CC", "BCC") or header.startswith("x-")
