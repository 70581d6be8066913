# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures: farms without Blender, some on a RabbitMQ of their own that may be broken. No tests."""

import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults.yard import BareFarm
from tools.rabbitmq import RabbitNode

logging.getLogger("pika").setLevel(logging.CRITICAL)  # pages of it, when a broker is away on purpose

BareFarmMaker = Callable[[Path], BareFarm]


@pytest.fixture
def farm(rabbit: RabbitNode, vhost: str, tmp_path: Path) -> Iterator[BareFarm]:
    with BareFarm(rabbit=rabbit, vhost=vhost, folder=tmp_path) as made:
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
