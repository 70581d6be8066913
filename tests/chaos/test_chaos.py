# SPDX-License-Identifier: GPL-3.0-or-later
"""A short chaos; the long one is `python3 build.py chaos`."""

import logging
from pathlib import Path

import pytest

from tests.chaos import chaos, farm
from tools.errors import ToolError

logging.getLogger("pika").setLevel(logging.CRITICAL)  # pages of it, when a broker is away on purpose


WORST = {"rabbitmq": "brokers killed", "local": "times all were killed while the queue was written"}


@pytest.mark.parametrize("seed", [1])
@pytest.mark.parametrize("queue", WORST)
def test_nothing_is_lost_whatever_breaks(tmp_path: Path, queue: str, seed: int) -> None:
    outcome = chaos.stand_in(tmp_path, queue=queue, seed=seed, tasks=50, jobs=5)
    assert outcome.tasks == 50
    assert outcome.survived["workers killed"]
    assert outcome.survived[WORST[queue]]


@pytest.mark.parametrize("seed", [1])
def test_nothing_is_lost_on_a_farm_of_many_machines(tmp_path: Path, seed: int) -> None:
    try:
        outcome = farm.stand_in(tmp_path, seed=seed, jobs=3, frames=8, breaks=11)
    except ToolError as error:
        pytest.skip(f"no hosts on this machine: {error}")
    assert outcome.frames == 24
    for survived in ("RabbitMQ killed", "RabbitMQ emptied", "server killed", "workers killed", "links cut"):
        assert outcome.survived[survived], outcome
