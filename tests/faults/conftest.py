# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures: farms without Blender, some on a RabbitMQ of their own that may be broken. No tests."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.yard import Bare, BareFarm, BareLocalFarm
from tools.servers.rabbitmq import RabbitNode

logging.getLogger("pika").setLevel(logging.CRITICAL)  # pages of it, when a broker is away on purpose


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if metafunc.definition.get_closest_marker("both_queues"):
        metafunc.parametrize("queue", ["rabbitmq", "local"])


@pytest.fixture
def queue() -> str:
    """Where a farm's tasks come from; tests marked `both_queues` are run with each."""
    return "rabbitmq"


@pytest.fixture
def farm(request: pytest.FixtureRequest, tmp_path: Path, queue: str) -> Iterator[Bare]:
    """Over `rabbitmq`, a `classic` or `quorum` queue of it with a dead-letter exchange, or the `local` one."""
    if queue == "local":
        with BareLocalFarm(folder=tmp_path) as local:
            yield local
        return
    rabbit, vhost = request.getfixturevalue("rabbit"), request.getfixturevalue("vhost")
    with BareFarm(rabbit=rabbit, vhost=vhost, folder=tmp_path) as made:
        if queue != "rabbitmq":
            made.declare_work(**{"x-queue-type": queue})
        yield made


@pytest.fixture(scope="module")
def own_rabbit() -> Iterator[RabbitNode]:
    """A node for tests that stop, kill or starve it; it runs again when a test is over."""
    with RabbitNode() as node:
        yield node


@pytest.fixture
def mortal(own_rabbit: RabbitNode, tmp_path: Path) -> Iterator[BareFarm]:
    """A farm whose broker may be broken."""
    own_rabbit.add_vhosts(tmp_path.name)
    with BareFarm(rabbit=own_rabbit, vhost=tmp_path.name, folder=tmp_path) as made:
        yield made
