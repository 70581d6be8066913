# SPDX-License-Identifier: GPL-3.0-or-later
"""Blender 4.2, the oldest that is promised, as the Python module bpy."""

import os
from pathlib import Path

from tests.farm.farmyard import Farm
from tests.farm.pictures import SCRIPTS
from tools import places
from tools.build import wheels
from tools.servers.rabbitmq import RabbitNode


def test_the_worker_registers_and_renders(
    bpy_wheel_python: Path, rabbit: RabbitNode, vhost: str, blend: Path, tmp_path: Path
) -> None:
    env = dict(os.environ)
    with Farm(rabbit=rabbit, vhost=vhost, blender=bpy_wheel_python, env=env, folder=tmp_path) as farm:
        task = farm.task(farm.job(blend), 1)
        packages = os.pathsep.join(map(str, wheels.verified()))
        form = (str(SCRIPTS / "bpy_worker.py"), str(places.PROJECT), packages)
        worker = farm.worker("--max-tasks", "1", form=form)
        assert worker.wait() == 0
        assert farm.frames(task["parent_id"]) == ["000001.png"], worker.log
        report = farm.wait_for("finish", task)
        assert "it was saved by Blender 4.3, this one is 4.2" in report.task["data"]["warnings"]
        assert farm.ready() == 0
