# SPDX-License-Identifier: GPL-3.0-or-later
"""What can go wrong with RabbitMQ, in words for people."""

import logging
import ssl

from pika.adapters.blocking_connection import BlockingConnection
from pika.adapters.utils.connection_workflow import AMQPConnectorException, AMQPConnectorStackTimeout
from pika.exceptions import (
    AMQPError,
    AMQPHeartbeatTimeout,
    ChannelClosedByBroker,
    ConnectionBlockedTimeout,
    ConnectionClosedByBroker,
    IncompatibleProtocolError,
    NackError,
    ProbableAccessDeniedError,
    ProbableAuthenticationError,
    StreamLostError,
    UnroutableError,
)

from ...system.error_words import strerror

log = logging.getLogger(__name__)

# pika raises ValueError on a connection that has just died.
CONNECTION_ERRORS = (AMQPError, AMQPConnectorException, OSError, ValueError)
REFUSED, NOT_FOUND, LOCKED, PRECONDITION_FAILED = 403, 404, 405, 406  # AMQP reply codes


class IdTaken(ValueError):
    """Another worker of this id is connected."""


class ConsumersLost(ValueError):
    """RabbitMQ has ended the delivery of tasks."""


def in_words(error: BaseException) -> str:
    error = root(error)
    match error:
        case AMQPConnectorStackTimeout():
            return "RabbitMQ took the connection and then said nothing"
        case ProbableAuthenticationError():
            return "RabbitMQ refused the user or the password of amqp_url"
        case ProbableAccessDeniedError():
            return "RabbitMQ refused the vhost of amqp_url: it is missing, or this user has no right to it"
        case StreamLostError():
            return "it broke off"
        case AMQPHeartbeatTimeout():
            return "RabbitMQ has said nothing for too long"
        case IncompatibleProtocolError():
            return "what answers at amqp_url is no RabbitMQ, or it wants another certificate"
        case IdTaken():
            return str(error)
        case ConsumersLost():
            return "RabbitMQ ended the delivery of tasks (the queue is gone, or a task was held for too long)"
        case ConnectionBlockedTimeout():
            return "RabbitMQ takes no messages: its memory or its disk is nearly full"
        case UnroutableError():
            return "RabbitMQ has no queue for a task that goes back"
        case NackError():
            return "RabbitMQ refused a report: a queue it would go to is full, or its disk is"
        case ConnectionClosedByBroker() | ChannelClosedByBroker():
            return f"RabbitMQ says: {error.reply_text}"
        case ssl.SSLError():
            return f"the secure connection failed: {error.reason or error}"
        case OSError(errno=int(number)) if number > 0:  # pika asks C for the words, which has none on Windows
            return strerror(number)
        case OSError():
            return error.strerror or str(error)
        case _:
            return f"{type(error).__name__} {error}".strip()


def root(error: BaseException) -> BaseException:
    """What pika's errors of connecting are wrapped around, some in `exception`, some in their first argument."""
    while True:
        inner = getattr(error, "exception", None) or (error.args[0] if error.args else None)
        if not isinstance(inner, BaseException):
            return error
        error = inner


def close_quietly(connection: BlockingConnection) -> None:
    try:
        if connection.is_open:
            connection.close()
    except CONNECTION_ERRORS as error:
        log.debug("closing the connection: %s", error)
