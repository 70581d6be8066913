# SPDX-License-Identifier: GPL-3.0-or-later
"""Publishing: tasks into the queue `work`, for those who send jobs; a worker never does."""

from collections.abc import Iterable

import pika
from pika.adapters.blocking_connection import BlockingConnection

from ...core.errors import FarmError
from ...settings.tls import SYSTEM_TLS, Tls
from .channels import WORK_QUEUE, parameters, work_channel
from .errors import CONNECTION_ERRORS, close_quietly, in_words

_HIGHEST = 255  # AMQP's


def publish_tasks(url: str, tasks: Iterable[bytes], *, priority: int, tls: Tls = SYSTEM_TLS) -> None:
    """Queues tasks, each confirmed by RabbitMQ. `priority` counts where the queue was declared with priorities. Raises
    FarmError, which says how many of them are in the queue, and ConfigError if `url` can't be understood."""
    properties = pika.BasicProperties(
        content_type="application/json",
        delivery_mode=pika.DeliveryMode.Persistent,
        app_id="bender-worker",
        priority=min(max(priority, 0), _HIGHEST),
    )
    sent = 0
    connection = None
    try:
        connection = BlockingConnection(parameters(url, "sender", tls))
        channel = work_channel(connection)
        channel.confirm_delivery()
        for task in tasks:
            channel.basic_publish("", WORK_QUEUE, task, properties, mandatory=True)
            sent += 1
    except CONNECTION_ERRORS as error:
        words = f"; {sent} tasks are in its queue, the rest is not" if sent else ""
        raise FarmError(f"the job can't be sent to RabbitMQ: {in_words(error)}{words}") from error
    finally:
        if connection is not None:
            close_quietly(connection)
