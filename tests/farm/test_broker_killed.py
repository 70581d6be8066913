# SPDX-License-Identifier: GPL-3.0-or-later
"""A RabbitMQ that is killed while a frame is rendered and comes back: on a node of its own."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.farm.conftest import SceneMaker
from tests.farm.farmyard import Farm
from tools.servers.rabbitmq import RabbitNode

if TYPE_CHECKING:
    from tests.conftest import Installed

LIFE = ["receive", "construct", "blend", "start", "stat", "finish"]


@pytest.fixture
def mortal(installed: "Installed", tmp_path: Path) -> Iterator[Farm]:
    """A farm whose broker may be killed."""
    with (
        RabbitNode() as node,
        Farm(rabbit=node, vhost="%2F", blender=installed.blender, env=installed.env, folder=tmp_path) as farm,
    ):
        yield farm


def test_the_render_goes_on_and_every_report_comes_once_it_is_back(mortal: Farm, scene: SceneMaker) -> None:
    job = mortal.job(scene("slow", seconds=4))
    task = mortal.task(job, 1)
    worker = mortal.worker("--max-tasks", "1")
    with mortal.mid_frame(worker, task):
        mortal.rabbit.kill()
        worker.wait_for_line("no connection to RabbitMQ")
    worker.wait_for_line("frame 1 stored")
    mortal.rabbit.start()
    assert worker.wait() == 0
    mortal.wait_for("finish", task)
    assert mortal.frames(job) == ["000001.png"]
    assert mortal.ready() == 0
    steps = mortal.steps(task)
    assert steps.count("start") == 1
    assert steps[: len(LIFE)] == LIFE
