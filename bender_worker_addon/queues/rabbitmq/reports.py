# SPDX-License-Identifier: GPL-3.0-or-later
"""Reports: how they are published. RabbitMQ confirms each in its own time, and the next does not wait for that: a farm
may be far away, and of short frames there are many reports a second. Used from the queue's thread only.
"""

import itertools
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

import pika
from pika.adapters.blocking_connection import BlockingConnection
from pika.channel import Channel
from pika.exceptions import ChannelClosedByBroker, NackError
from pika.frame import Method
from pika.spec import Basic

from .channels import REPORT_EXCHANGE, report_channel

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Report:
    id: int | None
    routing_key: str
    body: bytes


class Reports:
    """Those of a session, which arrive in the order in which they are published. Calls `confirmed` with the ids of
    reports that RabbitMQ has; whoever keeps the others has to publish them in the next session."""

    def __init__(
        self, connection: BlockingConnection, *, worker_id: str, confirmed: Callable[[tuple[int, ...]], None]
    ) -> None:
        self._connection = connection
        self._worker_id = worker_id
        self._confirmed = confirmed
        self._channel: Channel
        self._tags = itertools.count(1)
        self._unconfirmed: dict[int, _Report] = {}  # by delivery tag
        self._refusal: Exception | None = None
        self._tried_again = False
        self._open()

    @property
    def are_unconfirmed(self) -> bool:
        return bool(self._unconfirmed)

    def publish(self, report_id: int | None, routing_key: str, body: bytes) -> None:
        """`report_id`: None if nobody wants to know whether it arrives. Raises what `publish_refused` does."""
        self.publish_refused()
        self._publish(_Report(report_id, routing_key, body))

    def publish_refused(self) -> None:
        """Publishes on a new channel what RabbitMQ has refused on this one, as when its exchange was gone: once. Raises
        NackError or ChannelClosedByBroker if it refuses again."""
        if self._refusal is None:
            return
        if self._tried_again or not isinstance(self._refusal, ChannelClosedByBroker):
            raise self._refusal
        log.warning("RabbitMQ refused a report (%s); trying once more", self._refusal.reply_text)
        refused = list(self._unconfirmed.values())
        self._tried_again = True
        self._open()
        for report in refused:
            self._publish(report)

    def _open(self) -> None:
        self._tags = itertools.count(1)
        self._unconfirmed.clear()
        self._refusal = None
        # A BlockingChannel waits for each confirmation; the channel it is made of doesn't.
        self._channel = report_channel(self._connection)._impl
        self._channel.confirm_delivery(self._answered)
        self._channel.add_on_close_callback(self._closed)

    def _publish(self, report: _Report) -> None:
        properties = pika.BasicProperties(
            content_type="application/json",
            delivery_mode=pika.DeliveryMode.Persistent,
            message_id=f"{self._worker_id}.{report.id}" if report.id else None,
            timestamp=int(time.time()),
            app_id="bender-worker",
        )
        self._unconfirmed[next(self._tags)] = report
        self._channel.basic_publish(REPORT_EXCHANGE, report.routing_key, report.body, properties)

    def _answered(self, frame: Method) -> None:
        answer = frame.method
        if isinstance(answer, Basic.Nack):
            self._refused(NackError([]))
            return
        self._tried_again = False
        last, tags = answer.delivery_tag, [answer.delivery_tag]
        if answer.multiple:
            tags = list(itertools.takewhile(lambda tag: tag <= last, self._unconfirmed))
        reports = [self._unconfirmed.pop(tag) for tag in tags]
        self._confirmed(tuple(report.id for report in reports if report.id is not None))

    def _closed(self, _channel: Channel, reason: Exception) -> None:
        self._refused(reason)

    def _refused(self, reason: Exception) -> None:
        self._refusal = self._refusal or reason
