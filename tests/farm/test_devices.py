# SPDX-License-Identifier: GPL-3.0-or-later
"""What Cycles renders on, on a machine without a graphics card: the processor if that is allowed, else nothing."""

import re
from pathlib import Path

from tests.farm.conftest import SceneMaker
from tests.farm.farmyard import Farm


def test_without_a_card_the_processor_is_used_and_told(farm: Farm, blend: Path) -> None:
    task = farm.task(farm.job(blend), 1)
    worker = farm.worker("--max-tasks", "1")
    assert worker.wait() == 0
    device = farm.wait_for("finish", task).task["data"]["device"]
    assert re.fullmatch(r"CPU \(.*\w.*\)", device)  # the processor's own name
    assert f"Cycles renders on {device}" in worker.log
    assert f"Cycles will render on {device}" in worker.log


def test_without_a_card_two_blenders_side_by_side_both_use_the_processor(farm: Farm, scene: SceneMaker) -> None:
    job = farm.job(scene("slow", seconds=4))
    tasks = [farm.task(job, number) for number in (1, 2)]
    worker = farm.worker("--max-tasks", "2", renderers=2)
    assert worker.wait() == 0
    (device,) = {farm.wait_for("finish", task).task["data"]["device"] for task in tasks}
    assert worker.log.count(f"Cycles renders on {device}") == 2
    assert worker.log.count("Cycles will render on") == 1


def test_without_a_card_and_without_leave_to_use_the_processor_the_task_is_given_back(farm: Farm, blend: Path) -> None:
    task = farm.task(farm.job(blend), 1)
    assert farm.worker("--max-tasks", "1", devices="OPTIX,CUDA,HIP").wait() == 0
    assert "none of OPTIX, CUDA, HIP is here" in farm.wait_for("error", task).task["data"]["error"]
    assert farm.steps(task)[-1] == "requeue"
    assert farm.ready() == 1
