# SPDX-License-Identifier: GPL-3.0-or-later
"""Two workers that would take each other's place: the second one says so and ends."""

import pytest

from tests.faults.yard import Bare, BareFarm


def test_a_second_worker_of_the_same_id_says_so_and_ends(farm: BareFarm) -> None:
    first = farm.worker("--max-tasks", "1", id="one")
    first.wait_for_line("connected to RabbitMQ")
    second = farm.worker("--id-taken", "2", id="one", data_dir=farm.folder / "other", outpath=farm.folder / "other")
    second.wait_for_line("no connection to RabbitMQ: another worker with the id one is connected")
    assert second.wait() == 1
    assert "give this one an id of its own" in second.log.splitlines()[-1]
    task = farm.task(farm.scene(), 1)
    farm.wait_for("finish", task)
    assert first.wait() == 0


def test_a_worker_that_was_killed_leaves_its_id_to_the_next(farm: BareFarm) -> None:
    first = farm.worker()
    first.wait_for_line("connected to RabbitMQ")
    first.end()
    task = farm.task(farm.scene(), 1)
    assert farm.worker("--max-tasks", "1").wait() == 0
    farm.wait_for("finish", task)


@pytest.mark.both_queues
def test_a_second_worker_on_the_same_folder_says_so_and_ends(farm: Bare) -> None:
    first = farm.worker()
    first.wait_for_line("connected to")
    second = farm.worker(id="two", data_dir=farm.folder / "one")
    assert second.wait() == 1
    assert "another worker is running on" in second.log
    farm.stop(first)
