# SPDX-License-Identifier: GPL-3.0-or-later
"""Broker: the connection to RabbitMQ, on a thread of its own. The only module that knows pika.

The worker hands over what it has decided (ack, requeue, reject, publish, consume) and finds in its inbox what came of
it. A session is one connection: what was decided for an earlier session is never done in a later one, since delivery
tags lose their meaning with the channel they came on.
"""

import logging
import random
import ssl
import threading
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any

import pika
from pika.adapters.blocking_connection import BlockingChannel, BlockingConnection
from pika.exceptions import (
    AMQPConnectionError,
    AMQPError,
    ChannelClosedByBroker,
    ConnectionClosedByBroker,
    IncompatibleProtocolError,
    ProbableAccessDeniedError,
    ProbableAuthenticationError,
)

from .deliveries import Confirmed, Connected, Delivered, Delivery, Disconnected
from .errors import ConfigError

log = logging.getLogger(__name__)

WORK_QUEUE = "work"
REPORT_EXCHANGE = "worker-topic"

_RETRY_FIRST, _RETRY_LAST = 1.0, 30.0  # seconds between attempts to connect
_BLOCKED = 300.0  # seconds the broker may refuse to take reports before the session counts as lost
_IDLE = 5.0  # seconds without anything to do after which the channels are looked at
_STABLE = 10.0  # seconds after which a session counts as a good one
_CONSUMER_TIMEOUT = 7 * 24 * 3600 * 1000  # ms a delivery may be held, where the broker lets a consumer say so
_NOT_FOUND, _PRECONDITION_FAILED = 404, 406  # AMQP reply codes
_TROUBLE = (AMQPError, OSError, ValueError)  # pika raises ValueError for calls on a connection that just died


class Broker:
    """A TaskQueue: one connection to RabbitMQ, made again whenever it is lost."""

    name = "RabbitMQ"

    def __init__(self, *, url: str, worker_id: str, inbox: SimpleQueue[Any]) -> None:
        """Raises ConfigError if `url` can't be understood."""
        self._parameters = _parameters(url, worker_id)
        self._worker_id = worker_id
        self._prefetch = 0
        self._inbox = inbox
        self._commands: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._closing = threading.Event()
        self._session = 0
        self._connection: BlockingConnection | None = None
        self._work: BlockingChannel
        self._reports: BlockingChannel
        self._consumer: str | None = None
        self._consumer_lost = False
        self._subscribed = 0
        self._counted: set[int] = set()  # tags of deliveries that are held and not set aside
        self._last_tag = self._consumer_since = 0
        self._consumer_arguments: dict[str, Any] = {"x-consumer-timeout": _CONSUMER_TIMEOUT}
        self._thread = threading.Thread(target=self._run, name="bender-broker", daemon=True)

    # What the worker decides

    def start(self) -> None:
        self._thread.start()

    def ack(self, delivery: Delivery) -> None:
        self._do(lambda: self._settle(delivery, lambda work: work.basic_ack(delivery.tag)))

    def requeue(self, delivery: Delivery) -> None:
        self._do(lambda: self._settle(delivery, lambda work: work.basic_nack(delivery.tag, requeue=True)))

    def reject(self, delivery: Delivery) -> None:
        self._do(lambda: self._settle(delivery, lambda work: work.basic_nack(delivery.tag, requeue=False)))

    def set_aside(self, delivery: Delivery) -> None:
        self._do(lambda: self._set_aside(delivery))

    def publish(self, session: int, report_id: int | None, routing_key: str, body: bytes) -> None:
        """Publishes a report; Confirmed follows where `report_id` is given."""
        self._do(lambda: self._publish(session, report_id, routing_key, body))

    def consume(self, prefetch: int) -> None:
        """From now on holds at most `prefetch` deliveries; 0 takes no more. Those already held are not touched."""
        self._prefetch = prefetch
        self._do(self._subscribe)

    def close(self, *, timeout: float) -> None:
        """Does what was decided so far, then disconnects; whatever is not settled the broker gives to others."""
        if self._connection is None:
            self._closing.set()
        self._do(self._closing.set)
        self._thread.join(timeout)

    def _do(self, command: Callable[[], None]) -> None:
        self._commands.put(command)
        connection = self._connection
        if connection is not None:
            try:
                connection.add_callback_threadsafe(_wake_up)
            except AMQPError:
                log.debug("the connection is going down; this is left to the next session")

    # What the thread does

    def _run(self) -> None:
        delay = _RETRY_FIRST
        while not self._closing.is_set():
            began = time.monotonic()
            reason = self._one_session()
            if self._closing.is_set():
                return
            if time.monotonic() - began > _STABLE:
                delay = _RETRY_FIRST
            retry_in = delay * random.uniform(0.8, 1.2)
            self._inbox.put(Disconnected(reason, retry_in))
            self._closing.wait(retry_in)
            delay = min(delay * 2, _RETRY_LAST)

    def _one_session(self) -> str:
        """Connects and serves until the connection is lost or to be closed; gives the reason of the loss."""
        connection = None
        try:
            connection = BlockingConnection(self._parameters)
            self._begin_session(connection)
            while not self._closing.is_set():
                connection.process_data_events(time_limit=_IDLE)
                self._carry_out()
                if self._consumer_lost or not self._work.is_open:
                    return "RabbitMQ ended the delivery of tasks (the queue is gone, or a task was held for too long)"
        except _TROUBLE as error:
            return _in_words(error)
        finally:
            self._connection = None
            if connection is not None:
                _close_quietly(connection)
        return ""

    def _begin_session(self, connection: BlockingConnection) -> None:
        self._session += 1
        self._reports = _report_channel(connection)
        self._work = _work_channel(connection)
        self._consumer, self._consumer_lost, self._subscribed = None, False, 0
        self._counted.clear()
        self._last_tag = self._consumer_since = 0
        self._inbox.put(Connected(self._session))
        self._connection = connection
        self._subscribe()

    def _carry_out(self) -> None:
        while True:
            try:
                command = self._commands.get_nowait()
            except Empty:
                return
            command()

    def _subscribe(self) -> None:
        """Consumes with the prefetch now in force, unless it does."""
        if self._subscribed != self._prefetch:
            self._subscribe_anew()

    def _subscribe_anew(self) -> None:
        """Makes room for as many deliveries as may be held, less those that are. RabbitMQ counts by consumer and a new
        prefetch holds for new ones only, hence cancel and consume."""
        self._subscribed = self._prefetch
        if self._consumer is not None:
            self._work.basic_cancel(self._consumer)
            self._consumer = None
        self._consumer_since = self._last_tag
        if self._prefetch <= len(self._counted):
            return
        try:
            self._consume()
        except ChannelClosedByBroker as error:
            if error.reply_code != _PRECONDITION_FAILED or not self._consumer_arguments:
                raise
            self._consumer_arguments = {}  # classic queues of RabbitMQ 4.3 refuse the argument
            self._work = _work_channel(self._live_connection())
            self._consume()

    def _consume(self) -> None:
        session = self._session

        def deliver(_channel: object, method: Any, _properties: object, body: bytes) -> None:
            self._last_tag = method.delivery_tag
            self._counted.add(method.delivery_tag)
            self._inbox.put(Delivered(Delivery(session, method.delivery_tag, body, method.redelivered)))

        def cancelled(_frame: object) -> None:
            self._consumer_lost = True

        self._work.basic_qos(prefetch_count=self._prefetch - len(self._counted))
        self._work.add_on_cancel_callback(cancelled)
        self._consumer = self._work.basic_consume(WORK_QUEUE, deliver, arguments=self._consumer_arguments)

    def _settle(self, delivery: Delivery, how: Callable[[BlockingChannel], None]) -> None:
        if delivery.session != self._session or not self._work.is_open:
            log.debug("delivery %d belonged to an earlier session; the broker will send it again", delivery.tag)
            return
        how(self._work)
        if delivery.tag in self._counted:
            self._counted.remove(delivery.tag)
            if delivery.tag <= self._consumer_since:  # it came on an earlier consumer: RabbitMQ sends none in its place
                self._subscribe_anew()

    def _set_aside(self, delivery: Delivery) -> None:
        if delivery.session == self._session and delivery.tag in self._counted:
            self._counted.remove(delivery.tag)
            self._subscribe_anew()

    def _publish(self, session: int, report_id: int | None, routing_key: str, body: bytes) -> None:
        if session != self._session:
            return
        properties = pika.BasicProperties(
            content_type="application/json",
            delivery_mode=pika.DeliveryMode.Persistent,
            message_id=f"{self._worker_id}.{report_id}" if report_id else None,
            timestamp=int(time.time()),
            app_id="bender-worker",
        )
        try:
            self._reports.basic_publish(REPORT_EXCHANGE, routing_key, body, properties)
        except ChannelClosedByBroker as error:
            log.warning("RabbitMQ refused a report (%s); trying once more", error.reply_text)
            self._reports = _report_channel(self._live_connection())
            self._reports.basic_publish(REPORT_EXCHANGE, routing_key, body, properties)
        if report_id is not None:
            self._inbox.put(Confirmed(report_id))

    def _live_connection(self) -> BlockingConnection:
        if self._connection is None:
            raise AMQPConnectionError("the connection is gone")
        return self._connection


def why_unreachable(url: str) -> str:
    """Connects to `url` and looks for the queue of tasks; gives what is wrong, or nothing if a worker could work."""
    try:
        connection = BlockingConnection(_parameters(url, "test"))
    except ConfigError as error:
        return str(error)
    except _TROUBLE as error:
        advice = "; is RabbitMQ running there, and is the address right?" if isinstance(_root(error), OSError) else ""
        return f"{_in_words(error)}{advice}"
    try:
        _work_channel(connection)
        _report_channel(connection)
    except _TROUBLE as error:
        return _in_words(error)
    finally:
        _close_quietly(connection)
    return ""


def _parameters(url: str, worker_id: str) -> pika.URLParameters:
    """The vhost of `amqp://host//`, the default of bender-worker, is `/` (pika would read it as an empty name)."""
    if url.endswith("//"):
        url = f"{url[:-1]}%2F"
    try:
        parameters = pika.URLParameters(url)
    except Exception as error:  # pika raises IndexError, TypeError, ValueError and more for what it can't read
        raise ConfigError("amqp_url can't be understood; it should be amqp://user:password@host:port/vhost") from error
    parameters.client_properties = {"connection_name": f"bender-worker {worker_id}"}
    parameters.blocked_connection_timeout = _BLOCKED
    return parameters


def _work_channel(connection: BlockingConnection) -> BlockingChannel:
    """A channel on which the queue of tasks exists: used as the farm declared it, declared only if missing."""
    try:
        channel = connection.channel()
        channel.queue_declare(WORK_QUEUE, passive=True)
    except ChannelClosedByBroker as error:
        if error.reply_code != _NOT_FOUND:
            raise
        channel = connection.channel()
        channel.queue_declare(WORK_QUEUE, durable=True)
    return channel


def _report_channel(connection: BlockingConnection) -> BlockingChannel:
    """A channel with publisher confirms on which the exchange of reports exists. Apart from the channel of tasks: a
    refused report would close it and take the pending acks along."""
    try:
        channel = connection.channel()
        channel.exchange_declare(REPORT_EXCHANGE, passive=True)
    except ChannelClosedByBroker as error:
        if error.reply_code != _NOT_FOUND:
            raise
        channel = connection.channel()
        channel.exchange_declare(REPORT_EXCHANGE, "topic", durable=True)
    channel.confirm_delivery()
    return channel


def _wake_up() -> None:
    """Makes process_data_events return."""


def _close_quietly(connection: BlockingConnection) -> None:
    try:
        if connection.is_open:
            connection.close()
    except _TROUBLE as error:
        log.debug("closing the connection: %s", error)


def _in_words(error: BaseException) -> str:
    error = _root(error)
    match error:
        case ProbableAuthenticationError():
            return "RabbitMQ refused the user or the password of amqp_url"
        case ProbableAccessDeniedError():
            return "RabbitMQ refused the vhost of amqp_url: it is missing, or this user has no right to it"
        case IncompatibleProtocolError():
            return "what answers at amqp_url is no RabbitMQ, or it wants another certificate"
        case ConnectionClosedByBroker() | ChannelClosedByBroker():
            return f"RabbitMQ says: {error.reply_text}"
        case ssl.SSLError():
            return f"the secure connection failed: {error.reason or error}"
        case OSError():
            return error.strerror or str(error)
        case _:
            return f"{type(error).__name__} {error}".strip()


def _root(error: BaseException) -> BaseException:
    """What pika's errors of connecting are wrapped around, some in `exception`, some in their first argument."""
    while True:
        inner = getattr(error, "exception", None) or (error.args[0] if error.args else None)
        if not isinstance(inner, BaseException):
            return error
        error = inner
