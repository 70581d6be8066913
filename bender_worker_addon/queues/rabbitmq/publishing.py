# SPDX-License-Identifier: GPL-3.0-or-later
"""Publishing: tasks into the queue `work`, for those who send jobs; a worker never does."""

from collections.abc import Iterable

import pika
from pika.adapters.blocking_connection import BlockingConnection
from pika.exceptions import NackError

from ...core.errors import FarmError
from ...settings.tls import SYSTEM_TLS, Tls
from .channels import WORK_QUEUE, parameters, work_channel
from .errors import CONNECTION_ERRORS, close_quietly, in_words

_HIGHEST = 255  # AMQP's


def publish_tasks(url: str, tasks: Iterable[bytes], *, priority: int, tls: Tls = SYSTEM_TLS) -> None:
    """Queues tasks; the next of them is asked for once RabbitMQ has confirmed the one before. `priority` counts where
    the queue was declared with priorities. Raises FarmError, and ConfigError if `url` can't be understood."""
    properties = pika.BasicProperties(
        content_type="application/json",
        delivery_mode=pika.DeliveryMode.Persistent,
        app_id="bender-worker",
        priority=min(max(priority, 0), _HIGHEST),
    )
    connection = None
    try:
        connection = BlockingConnection(parameters(url, "sender", tls))
        channel = work_channel(connection)
        channel.confirm_delivery()
        for task in tasks:
            channel.basic_publish("", WORK_QUEUE, task, properties, mandatory=True)
    except NackError as error:
        words = "the job can't be sent to RabbitMQ: it refused a task, since the queue is full, or its disk is"
        raise FarmError(words) from error
    except CONNECTION_ERRORS as error:
        raise FarmError(f"the job can't be sent to RabbitMQ: {in_words(error)}") from error
    finally:
        if connection is not None:
            close_quietly(connection)
