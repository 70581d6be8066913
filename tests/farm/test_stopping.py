# SPDX-License-Identifier: GPL-3.0-or-later
"""Signals: the frame in hand is finished, what is not begun is given back, and no process is left."""

import signal
import time
from pathlib import Path

import pytest

from tests.farm.conftest import SceneMaker
from tests.farm.farmyard import Farm

PROMISED = 20.0  # seconds in which a second signal ends a worker, on a busy machine too; the frame takes 60
SIGNALS = [signal.SIGTERM, signal.SIGINT]


@pytest.mark.both_blenders
@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_lets_the_frame_in_hand_finish_and_gives_the_rest_back(
    farm: Farm, scene: SceneMaker, number: signal.Signals
) -> None:
    job = farm.job(scene("slow", seconds=4))
    first, second, third = farm.task(job, 1), farm.task(job, 2), farm.task(job, 3)
    worker = farm.worker("--workload", "2")
    farm.wait_for("start", first)
    worker.signal(number)
    assert worker.wait() == 0
    farm.wait_for("finish", first)
    assert farm.frames(job) == ["000001.png"]
    assert farm.steps(second)[-1] == "requeue"
    assert "receive" not in farm.steps(third)
    assert farm.ready() == 2
    assert farm.reports(second)[-1].task["status"] == "Waiting"


def test_a_signal_in_the_middle_of_a_task_gives_it_back_after_the_frame(farm: Farm, scene: SceneMaker) -> None:
    job = farm.job(scene("slow", seconds=4))
    task = farm.task(job, 1, 2, 3)
    worker = farm.worker()
    farm.wait_for("start", task)
    worker.signal(signal.SIGTERM)
    assert worker.wait() == 0
    farm.wait_for("requeue", task)
    assert farm.frames(job) == ["000001.png"]
    assert farm.ready() == 1


@pytest.mark.both_blenders
@pytest.mark.parametrize("number", SIGNALS)
def test_a_second_signal_ends_the_worker_at_once_and_gives_its_task_back(
    farm: Farm, scene: SceneMaker, number: signal.Signals
) -> None:
    job = farm.job(scene("slow", seconds=60))
    task = farm.task(job, 1)
    worker = farm.worker()
    farm.wait_for("start", task)
    worker.signal(number)
    worker.wait_for_line("stopping")
    began = time.monotonic()
    worker.signal(number)
    assert worker.wait() == 0
    assert time.monotonic() - began < PROMISED
    assert worker.living() == []
    farm.wait_for("requeue", task)
    assert farm.steps(task)[-1] == "requeue"
    assert farm.ready() == 1
    assert farm.frames(job) == []


def test_an_idle_worker_ends_on_the_first_signal(farm: Farm) -> None:
    worker = farm.worker()
    worker.wait_for_line("connected to RabbitMQ")
    worker.signal(signal.SIGTERM)
    assert worker.wait() == 0


def test_a_worker_without_a_broker_ends_on_the_first_signal(farm: Farm) -> None:
    worker = farm.worker(amqp_url="amqp://guest:guest@127.0.0.1:9/%2F")
    worker.wait_for_line("no connection to RabbitMQ")
    worker.signal(signal.SIGINT)
    assert worker.wait() == 0


def test_a_worker_that_waits_for_a_blend_gives_its_task_back(farm: Farm, blend: Path) -> None:
    task = farm.task(farm.job(blend), 1)
    worker = farm.worker(bender_url="http://127.0.0.1:9")
    worker.wait_for_line("flaskbender can't be reached")
    worker.signal(signal.SIGTERM)
    assert worker.wait() == 0
    farm.wait_for("requeue", task)
    assert farm.ready() == 1


def test_the_child_of_a_killed_worker_ends_by_itself_and_the_task_is_rendered_by_the_next(
    farm: Farm, scene: SceneMaker
) -> None:
    job = farm.job(scene("slow", seconds=5))
    task = farm.task(job, 1)
    killed = farm.worker()
    farm.wait_for("start", task)
    killed.signal(signal.SIGKILL)
    killed.wait()
    killed.wait_until_none_lives()
    assert farm.frames(job) == []
    assert farm.worker("--max-tasks", "1").wait() == 0
    farm.wait_for("finish", task)
    assert farm.frames(job) == ["000001.png"]
    assert farm.ready() == 0
    assert [step for step in farm.steps(task) if step in ("start", "finish")] == ["start", "start", "finish"]
