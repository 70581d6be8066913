# SPDX-License-Identifier: GPL-3.0-or-later
"""What the farm hears of a task, in which order, and when its message is acked."""

import hashlib
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.farm.conftest import SceneMaker
from tests.farm.farmyard import Farm

LIFE = ["receive", "construct", "blend", "start", "stat", "finish"]


@pytest.mark.quick
@pytest.mark.both_blenders
def test_every_step_is_reported_in_order_and_the_task_leaves_the_queue(farm: Farm, blend: Path) -> None:
    task = farm.task(farm.job(blend), 1)
    worker = farm.worker("--max-tasks", "1", id="worker-7")
    assert worker.wait() == 0
    farm.wait_for("finish", task)
    reports = farm.reports(task)
    keys = [f"{step}.{task['parent_id'] if step == 'stat' else 'worker-7'}" for step in LIFE]
    assert [report.routing_key for report in reports] == keys
    statuses = ["Queued", "Queued", "Queued", "Running", "Finished", "Finished"]
    assert [report.task["status"] for report in reports] == statuses
    assert farm.ready() == 0


def test_a_report_is_persistent_json_with_an_id_of_its_own(farm: Farm, blend: Path) -> None:
    task = farm.task(farm.job(blend), 1)
    assert farm.worker("--max-tasks", "1").wait() == 0
    farm.wait_for("finish", task)
    reports = farm.reports(task)
    for report in reports:
        assert report.properties.content_type == "application/json"
        assert report.properties.delivery_mode == 2
        assert report.properties.app_id == "bender-worker"
        assert report.properties.timestamp
    assert len({report.properties.message_id for report in reports}) == len(reports)
    heart = farm.wait_for("heart")
    assert heart.body == b""


def test_the_finished_task_tells_size_and_hash_of_its_frames_and_keeps_the_rest(farm: Farm, blend: Path) -> None:
    job = farm.job(blend)
    task = farm.task(job, 2, 5, data={"task-delivery-tag": "9", "später": "ja"})
    assert farm.worker("--max-tasks", "1").wait() == 0
    finished = farm.wait_for("finish", task).task
    for number, name in ((2, "000002.png"), (5, "000005.png")):
        content = farm.frame(job, name).read_bytes()
        known = finished["command"]["Blender"]["frame"][str(number)]
        assert known["filesize"] == len(content)
        assert known["hash"] == hashlib.blake2b(content).hexdigest()
        assert known["uploaded"] is False
    assert task["data"].items() <= finished["data"].items()
    assert finished["time"]["creation"] == task["time"]["creation"]
    assert finished["time"]["queued"] <= finished["time"]["start"] <= finished["time"]["finish"]
    assert finished["command"]["Blender"]["outpath"] == str(farm.outpath / job)


def test_a_message_is_unacked_until_its_frame_is_in_place_and_reported(farm: Farm, scene: SceneMaker) -> None:
    job = farm.job(scene("slow", seconds=4))
    task = farm.task(job, 1)
    worker = farm.worker("--max-tasks", "1")
    with farm.mid_frame(worker, task):
        assert farm.unacked() == 1
        assert farm.frames(job) == []
        assert "finish" not in farm.steps(task)
    farm.wait_for("finish", task)
    assert farm.frames(job) == ["000001.png"]
    worker.wait_for_line(f"task {task['id']}: acked")
    assert worker.wait() == 0
    assert farm.ready() == 0


def test_a_message_is_not_acked_while_its_last_report_is_unconfirmed(farm: Farm, scene: SceneMaker) -> None:
    """The broker takes no report for a while, as it does when its disk is full."""
    job = farm.job(scene("slow", seconds=4))
    task = farm.task(job, 1)
    worker = farm.worker("--max-tasks", "1")
    with ExitStack() as refusing:
        with farm.mid_frame(worker, task):
            refusing.enter_context(farm.refusing_publishers())
        worker.wait_for_line(r"frame 1 stored")
        assert farm.unacked() == 1
        assert "finish" not in farm.steps(task)
    farm.wait_for("finish", task)
    assert worker.wait() == 0
    assert farm.ready() == 0
