# SPDX-License-Identifier: GPL-3.0-or-later
"""A frame from end to end on Windows' Blender 4.2; the farm's server, RabbitMQ and HTTP are beside it on Linux."""

import os
from pathlib import Path

import pytest

from tests.farm.conftest import SceneMaker
from tests.farm.farmyard import Farm
from tests.farm.local_yard import LocalYard
from tests.farm.serving import Farm as Serving
from tools.servers.rabbitmq import RabbitNode

SLOW = ("--idle-exit", "600")


@pytest.fixture
def far(windows_blender: Path, rabbit: RabbitNode, vhost: str, tmp_path: Path) -> Farm:
    return Farm(rabbit=rabbit, vhost=vhost, blender=windows_blender, env=dict(os.environ), folder=tmp_path)


def test_a_job_that_is_sent_and_rendered_on_this_machine(windows_blender: Path, blend: Path, tmp_path: Path) -> None:
    with LocalYard(blender=windows_blender, env=dict(os.environ), folder=tmp_path) as yard:
        job = yard.submit(blend, "--frames", "1-3", "--to", str(tmp_path / "out"))
        worker = yard.worker("--max-tasks", "3")
        assert worker.wait() == 0, worker.log
        shown = yard.show(job)
        assert shown["status"] == "Finished", shown
        assert len(list((tmp_path / "out").rglob("00000?.png"))) == 3, worker.log


def test_over_rabbitmq_and_http_a_frame_is_rendered_sent_back_and_the_worker_stopped(far: Farm, blend: Path) -> None:
    with far as farm:
        task = farm.task(farm.job(blend), 1)
        worker = farm.worker(*SLOW, upload="copy")
        farm.wait_for("finish", task)
        assert farm.frames(task["parent_id"]) == ["000001.png"], worker.log
        assert len(farm.server.uploads) == 1
        asked = farm.command("stop")
        assert asked.returncode == 0, asked.stderr
        assert worker.wait() == 0
        assert farm.ready() == 0


def test_a_worker_that_is_killed_in_mid_frame_loses_nothing_and_one_that_is_stopped_now_gives_back(
    far: Farm, scene: SceneMaker
) -> None:
    with far as farm:
        task = farm.task(farm.job(scene("trivial", width=640, height=360, samples=4096)), 1)
        first = farm.worker(*SLOW)
        farm.wait_for("start", task)
        first.end()
        first.wait_until_none_lives()
        second = farm.worker(*SLOW)
        farm.wait_for("start", task, count=2)
        asked = farm.command("stop", "--now")
        assert asked.returncode == 0, asked.stderr
        assert second.wait() == 0
        second.wait_until_none_lives()
        assert farm.ready() == 1


def test_a_machine_joins_a_farm_and_renders_for_it(
    windows_blender: Path, rabbit: RabbitNode, vhost: str, blend: Path, tmp_path: Path
) -> None:
    farm = Serving(tmp_path / "served", rabbit.url_of(vhost))
    try:
        farm.send("film", "1-2", content=blend.read_bytes())
        with LocalYard(blender=windows_blender, env=dict(os.environ), folder=tmp_path) as yard:
            joined = yard.command("join", farm.join, "--yes")
            assert joined.returncode == 0, joined.stdout + joined.stderr
            worker = yard.worker("--max-tasks", "2")
            assert worker.wait() == 0, worker.log
        farm.until_finished("film")
        assert farm.frames("film") == ["000001.png", "000002.png"]
    finally:
        farm.close()
