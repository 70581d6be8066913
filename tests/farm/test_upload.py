# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames that go back to flaskbender, and jobs that are canceled, on a real farm."""

import signal
from http import HTTPStatus
from pathlib import Path

from tests.farm.conftest import SceneMaker
from tests.farm.farmyard import Farm
from tests.farm.ground import eventually
from tools.servers.farm import make_task


def test_frames_are_uploaded_and_a_crash_in_between_loses_and_renders_none_again(farm: Farm, blend: Path) -> None:
    """More tasks than the worker may hold are rendered while flaskbender takes nothing; it is killed, and the next run
    uploads them all."""
    farm.server.upload_answers = [HTTPStatus.SERVICE_UNAVAILABLE] * 10_000
    job = farm.job(blend)
    tasks = [make_task(job, [number]) for number in range(1, 6)]
    farm.publish(*tasks)
    worker = farm.worker(upload="move", workload=2)
    for task in tasks:
        farm.wait_for("stat", task)
    worker.end()
    assert len(farm.frames(job)) == 5
    farm.server.upload_answers.clear()
    second = farm.worker("--idle-exit", "1", upload="move", workload=2)
    for task in tasks:
        report = farm.wait_for("finish", task)
        assert [frame["uploaded"] for frame in report.task["command"]["Blender"]["frame"].values()] == [True]
    assert second.wait() == 0
    assert ": rendering" not in second.log
    assert sorted(upload.filename for upload in farm.server.uploads if upload.whole) == [
        f"{number:06d}.png" for number in range(1, 6)
    ]
    assert farm.frames(job) == []
    assert farm.ready() == farm.unacked() == 0


def test_a_render_whose_job_is_canceled_is_stopped_reported_and_acked(farm: Farm, scene: SceneMaker) -> None:
    job = farm.job(scene("slow", seconds=4))
    task = farm.task(job, 1)
    worker = farm.worker(grace_period=1)
    with farm.mid_frame(worker, task):
        farm.server.set_status(job, "Canceled")
        aborted = farm.wait_for("abort", task).task
    assert aborted["status"] == "Aborted"
    eventually(lambda: farm.unacked() == 0)
    later = farm.task(job, 2)
    farm.wait_for("abort", later)
    worker.signal(signal.SIGTERM)
    assert worker.wait() == 0
    assert farm.frames(job) == []
    assert farm.ready() == 0
