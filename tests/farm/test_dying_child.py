# SPDX-License-Identifier: GPL-3.0-or-later
"""A Blender that dies or hangs in mid-frame: tried once more here, then by another worker, never for ever."""

import os
import re
import signal

from tests.farm.conftest import SceneMaker
from tests.farm.farmyard import Farm


def test_the_task_is_tried_again_in_a_fresh_blender_and_reported_rendered_once(farm: Farm, scene: SceneMaker) -> None:
    job = farm.job(scene("slow", seconds=4))
    first, second = farm.task(job, 1), farm.task(job, 2)
    worker = farm.worker("--max-tasks", "2")
    farm.wait_for("start", first)
    os.kill(worker.child(), signal.SIGKILL)
    farm.wait_for("finish", second)
    assert worker.wait() == 0
    assert "Blender died: it was ended by signal 9" in worker.log
    assert farm.steps(first)[3:] == ["start", "start", "stat", "finish"]
    assert farm.steps(second)[3:] == ["start", "stat", "finish"]
    assert farm.frames(job) == ["000001.png", "000002.png"]


def test_frames_that_were_stored_before_it_died_are_not_rendered_again(farm: Farm, scene: SceneMaker) -> None:
    job = farm.job(scene("slow", seconds=4))
    task = farm.task(job, 1, 2)
    worker = farm.worker("--max-tasks", "1")
    worker.wait_for_line("frame 1 stored")
    stored = farm.frame(job, "000001.png").stat()
    os.kill(worker.child(), signal.SIGKILL)
    farm.wait_for("finish", task)
    assert worker.wait() == 0
    assert farm.frame(job, "000001.png").stat().st_ino == stored.st_ino
    assert farm.frames(job) == ["000001.png", "000002.png"]


def test_a_task_that_always_kills_blender_is_given_up_and_the_next_is_rendered(farm: Farm, scene: SceneMaker) -> None:
    farm.declare_work()
    deadly = farm.task(farm.job(scene("slow", seconds=60)), 1)
    worker = farm.worker("--workload", "1", "--max-tasks", "3")
    for number in range(1, 5):
        farm.wait_for("start", deadly, count=number)
        os.kill(worker.child(number), signal.SIGKILL)
        if number == 1:
            good = farm.task(farm.job(scene("slow", seconds=1)), 1)
    farm.wait_for("finish", good)
    farm.wait_for("reject", deadly)
    assert worker.wait() == 0
    tried = ["receive", "construct", "blend", "start", "start", "error"]
    assert farm.steps(deadly) == [*tried, "requeue", *tried, "reject"]
    reason = farm.reports(deadly)[-1].task["data"]["error"]
    assert "it was ended by signal 9" in reason
    assert f"task {deadly['id']}: failed: {reason}" in worker.log
    assert len(farm.take("dead")) == 1
    assert farm.frames(good["parent_id"]) == ["000001.png"]


def test_a_blender_that_hangs_is_ended_and_its_task_tried_again(farm: Farm, scene: SceneMaker) -> None:
    job = farm.job(scene("slow", seconds=2))
    task = farm.task(job, 1)
    worker = farm.worker("--max-tasks", "1", stall_timeout=12)
    farm.wait_for("start", task)
    os.kill(worker.child(), signal.SIGSTOP)
    farm.wait_for("finish", task)
    assert worker.wait() == 0
    assert re.search(r"no progress for \d+ s; trying once more", worker.log)
    assert farm.steps(task)[3:] == ["start", "start", "stat", "finish"]
