# SPDX-License-Identifier: GPL-3.0-or-later
"""A broker that takes the connection and then says nothing, as a frozen one does: told, and tried again."""

import socket
from collections.abc import Iterator
from queue import SimpleQueue
from typing import Any

import pytest

from bender_worker_addon.core.deliveries import Disconnected
from bender_worker_addon.queues.rabbitmq import RabbitQueue, why_unreachable
from bender_worker_addon.settings.tls import SYSTEM_TLS
from tests.unit.support import DEADLINE

SILENT = "RabbitMQ took the connection and then said nothing"


@pytest.fixture
def url() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        yield f"amqp://127.0.0.1:{silent.getsockname()[1]}/%2F?stack_timeout=0.2"


def test_it_is_told_and_tried_again(url: str) -> None:
    inbox: SimpleQueue[Any] = SimpleQueue()
    queue = RabbitQueue(url=url, worker_id="w", inbox=inbox)
    queue.start()
    event = inbox.get(timeout=DEADLINE)
    queue.close(timeout=DEADLINE)
    assert isinstance(event, Disconnected)
    assert event.reason == SILENT


def test_a_test_of_the_connection_says_so(url: str) -> None:
    assert why_unreachable(url, SYSTEM_TLS).startswith(SILENT)
