# SPDX-License-Identifier: GPL-3.0-or-later
"""Feeder: how tasks go into the queues of tasks. RabbitMQ confirms each in its own time, and neither the next nor any
report waits for that: workers by the thousand want tasks faster than a disk confirms one. For the link's thread."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import pika
from pika.adapters.blocking_connection import BlockingConnection
from pika.channel import Channel
from pika.exceptions import NackError, UnroutableError
from pika.frame import Method
from pika.spec import Basic

from .channels import WORK_QUEUE


@dataclass(frozen=True, slots=True)
class Message:
    """A task to be published, into this queue: `number` is how the farm's books know it."""

    number: int
    body: bytes
    queue: str = WORK_QUEUE


class Feeder:
    """Of one session."""

    def __init__(self, connection: BlockingConnection) -> None:
        self._tags = itertools.count(1)
        self._unconfirmed: dict[int, Message] = {}  # by delivery tag
        self._confirmed: list[int] = []
        self._refusal: Exception | None = None
        # A BlockingChannel waits for each confirmation; the channel it is made of doesn't.
        self._channel = connection.channel()._impl
        self._channel.confirm_delivery(self._answered)
        self._channel.add_on_return_callback(self._returned)
        self._channel.add_on_close_callback(self._closed)

    def on_the_way(self, queue: str) -> int:
        return sum(message.queue == queue for message in self._unconfirmed.values())

    def publish(self, messages: Sequence[Message]) -> None:
        properties = pika.BasicProperties(
            content_type="application/json", delivery_mode=pika.DeliveryMode.Persistent, app_id="bender-worker"
        )
        for message in messages:
            self._unconfirmed[next(self._tags)] = message
            self._channel.basic_publish("", message.queue, message.body, properties, mandatory=True)

    def taken(self) -> list[int]:
        """The numbers of those that RabbitMQ has confirmed since. Raises what it has refused any with: then all that
        are not confirmed are to be published in the next session."""
        if self._refusal is not None:
            raise self._refusal
        taken, self._confirmed = self._confirmed, []
        return taken

    def _answered(self, frame: Method) -> None:
        answer = frame.method
        if isinstance(answer, Basic.Nack):
            self._refused(NackError([]))
            return
        last, tags = answer.delivery_tag, [answer.delivery_tag]
        if answer.multiple:
            tags = list(itertools.takewhile(lambda tag: tag <= last, self._unconfirmed))
        self._confirmed += [self._unconfirmed.pop(tag).number for tag in tags]

    def _returned(self, *_: object) -> None:
        """Somebody has deleted the queue: the next session makes it again."""
        self._refused(UnroutableError([]))

    def _closed(self, _channel: Channel, reason: Exception) -> None:
        self._refused(reason)

    def _refused(self, reason: Exception) -> None:
        self._refusal = self._refusal or reason
