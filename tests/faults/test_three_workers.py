# SPDX-License-Identifier: GPL-3.0-or-later
"""Several workers on one job: nothing of it is stuck with one of them while the others have nothing to do."""

from collections import Counter

import pytest

from tests.farm.ground import eventually
from tests.faults.yard import Bare, BareFarm, opened

TASKS = 100
SECONDS = {"slow": 1.0, "medium": 0.2, "fast": 0.05}  # that a frame takes each of them
MOST_HELD = {"slow": 1 + 1, "medium": 1 + 4, "fast": 1 + 16}  # the one in hand, and those ahead


def test_when_the_queue_runs_dry_a_slow_worker_holds_the_task_in_hand_and_the_next(farm: BareFarm) -> None:
    job = farm.scene()
    workers = []
    for number, (name, seconds) in enumerate(SECONDS.items(), start=1):
        workers.append(farm.worker(id=name, environment={"SECONDS_A_FRAME": str(seconds)}))
        farm.wait_for("start", farm.task(job, number))
    for frame in range(len(SECONDS) + 1, TASKS + 1):
        farm.task(job, frame)
    farm.wait_for("finish", count=TASKS)
    for worker in workers:
        farm.stop(worker)
    steps = [tuple(report.routing_key.split(".")) for report in farm.bookkeeper.reports]
    dry = max(at for at, (step, _) in enumerate(steps) if step == "receive")
    before, after = Counter(steps[: dry + 1]), Counter(steps[dry + 1 :])
    for name, most in MOST_HELD.items():
        assert before["receive", name] - before["finish", name] - before["requeue", name] <= most
    assert after["start", "slow"] <= 1
    assert farm.renders() == TASKS


def test_a_long_frame_keeps_no_task_from_the_other_workers(farm: BareFarm) -> None:
    """Also where the frames before were so short that many were held ahead."""
    gate = farm.gate()
    job = farm.scene(wait={TASKS // 2: gate})
    workers = [farm.worker(id=name) for name in SECONDS]
    for worker in workers:
        worker.wait_for_line("frames go to")
    for frame in range(1, TASKS + 1):
        farm.task(job, frame)
    farm.wait_for("finish", count=TASKS - 1)
    opened(gate)
    farm.wait_for("finish", count=TASKS)
    eventually(lambda: farm.unacked() == 0)
    for worker in workers:
        farm.stop(worker)
    assert farm.renders() == TASKS


@pytest.mark.both_queues
def test_a_worker_whose_first_frame_is_long_leaves_all_others_to_those_that_come(farm: Bare) -> None:
    gate = farm.gate()
    long = farm.task(farm.scene(wait={1: gate}), 1)
    first = farm.worker(id="first")
    farm.wait_for("start", long)
    short = farm.task(farm.scene(), 1)
    second = farm.worker(id="second")
    farm.wait_for("finish", short)
    opened(gate)
    farm.wait_for("finish", long)
    for worker in (first, second):
        farm.stop(worker)
    assert farm.renders() == 2
