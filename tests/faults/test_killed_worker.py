# SPDX-License-Identifier: GPL-3.0-or-later
"""A worker that is killed at any step of a task's life: its next run ends the task, frames whole and all reported."""

import os
import signal

import pytest

from tests.faults.bare_worker import STEPS
from tests.faults.yard import Bare, opened

FRAMES = [1, 2]
NAMES = [f"{number:06}.png" for number in FRAMES]
MOMENTS = [("after", step) for step in STEPS] + [("before", step) for step in ("store", "remember", "finish", "ack")]


@pytest.mark.both_queues
@pytest.mark.parametrize(("when", "step"), MOMENTS)
def test_the_next_run_ends_the_task(farm: Bare, when: str, step: str) -> None:
    task = farm.task(farm.scene(), *FRAMES)
    killed = farm.worker("--die", when, step)
    assert killed.wait() == -signal.SIGKILL
    killed.wait_until_none_lives()
    assert set(farm.frames(task["parent_id"])) <= set(NAMES)
    assert farm.worker("--idle-exit", "0.3").wait() == 0
    farm.wait_for("finish", task)
    assert farm.frames(task["parent_id"]) == NAMES
    assert farm.left() == 0
    steps = farm.steps(task)
    assert steps.index("start") < steps.index("stat") < steps.index("finish")
    assert not {"error", "requeue", "reject"} & set(steps)


@pytest.mark.both_queues
def test_a_child_that_is_suspended_does_not_outlive_its_worker(farm: Bare) -> None:
    gate = farm.gate()
    task = farm.task(farm.scene(wait={1: gate}), 1)
    worker = farm.worker()
    farm.wait_for("start", task)
    os.kill(worker.child(), signal.SIGSTOP)
    worker.signal(signal.SIGKILL)
    worker.wait_until_none_lives(timeout=20)
    heir = farm.worker("--max-tasks", "1")
    farm.wait_for("start", task, count=2)
    opened(gate)
    assert heir.wait() == 0
