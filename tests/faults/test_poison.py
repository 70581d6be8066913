# SPDX-License-Identifier: GPL-3.0-or-later
"""Tasks that kill whoever touches them: none goes round for ever, on whatever queue, and the next task is rendered."""

import signal

import pytest

from tests.faults.yard import Bare, BareLocalFarm

QUEUES = pytest.mark.parametrize("queue", ["classic", "quorum", "local"])


@QUEUES
def test_a_task_that_kills_every_child_is_given_up(farm: Bare) -> None:
    task = farm.task(farm.scene(die=[1]), 1)
    good = farm.task(farm.scene(), 1)
    workers = [farm.worker("--idle-exit", "1", id=name) for name in ("one", "two")]
    assert [worker.wait() for worker in workers] == [0, 0]
    farm.wait_for("reject", task)
    farm.wait_for("finish", good)
    workers_that_try = 1 if isinstance(farm, BareLocalFarm) else 2  # on one machine no other would fare better
    assert farm.steps(task).count("start") == 2 * workers_that_try
    assert "exit code 11" in farm.reports(task)[-1].task["data"]["error"]
    assert (farm.left(), farm.given_up()) == (0, 1)


@QUEUES
def test_a_task_that_kills_every_worker_is_given_up(farm: Bare) -> None:
    task = farm.task(farm.scene(), 1)
    for _ in range(3):
        assert farm.worker("--die", "after", "start").wait() == -signal.SIGKILL
    assert farm.worker("--idle-exit", "0.5").wait() == 0
    farm.wait_for("reject", task)
    assert "blend" in farm.steps(task)  # what is reported in a worker's last moment may be lost with it
    assert "this worker ended 3 times" in farm.reports(task)[-1].task["data"]["error"]
    assert (farm.left(), farm.given_up()) == (0, 1)
