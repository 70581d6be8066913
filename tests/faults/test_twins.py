# SPDX-License-Identifier: GPL-3.0-or-later
"""Two workers that would take each other's place: the second one says so and ends. What they may share they can."""

import shutil

import pytest

from tests.faults.yard import Bare, BareFarm, opened


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


def test_a_second_worker_with_the_same_folder_of_blends_says_so_and_ends(farm: BareFarm) -> None:
    blends = farm.folder / "blends"
    first = farm.worker("--max-tasks", "1", blendpath=blends)
    first.wait_for_line("connected to RabbitMQ")
    second = farm.worker(id="two", blendpath=blends)
    assert second.wait() == 1
    assert f"another worker keeps its blends in {blends}; give this one its own" in second.log.splitlines()[-1]
    task = farm.task(farm.scene(), 1)
    farm.wait_for("finish", task)
    assert first.wait() == 0
    assert farm.worker("--idle-exit", "0.3", id="two", blendpath=blends).wait() == 0


def test_a_worker_that_was_killed_leaves_its_folder_of_blends_to_the_next(farm: BareFarm) -> None:
    blends = farm.folder / "blends"
    first = farm.worker(blendpath=blends)
    first.wait_for_line("connected to RabbitMQ")
    first.end()
    shutil.rmtree(farm.outpath / ".rendering")
    assert farm.worker("--idle-exit", "0.3", id="two", blendpath=blends).wait() == 0


def test_a_second_worker_of_the_same_id_spoils_no_frame_of_the_first(farm: BareFarm) -> None:
    """It has other folders but for the frames, and clears away what a killed worker of this id may have left."""
    gate = farm.gate()
    task = farm.task(farm.scene(wait={1: gate}), 1)
    first = farm.worker("--max-tasks", "1", id="one")
    farm.wait_for("start", task)
    making = list(farm.outpath.glob(".rendering/one/*/*"))
    second = farm.worker("--id-taken", "1", id="one", data_dir=farm.folder / "other")
    assert second.wait() == 1
    assert making
    assert all(path.exists() for path in making)
    opened(gate)
    assert first.wait() == 0
    farm.wait_for("finish", task)
    assert farm.renders() == 1


@pytest.mark.parametrize("upload", ["off", "move"])
def test_workers_may_share_the_folder_of_frames(farm: BareFarm, upload: str) -> None:
    """They render the same jobs in turn, and with `move` remove each job's folder again and again."""
    jobs = [farm.scene(), farm.scene()]
    tasks = [farm.task(job, frame) for frame in range(1, 101) for job in jobs]
    workers = [farm.worker("--idle-exit", "3", id=name, upload=upload) for name in ("one", "two", "three")]
    assert [worker.wait() for worker in workers] == [0, 0, 0]
    for task in tasks:
        farm.wait_for("finish", task)
        assert not {"error", "requeue", "reject"} & set(farm.steps(task))
    assert farm.renders() == len(tasks)
    names = [f"{frame:06}.png" for frame in range(1, 101)]
    assert [farm.frames(job) for job in jobs] == [names if upload == "off" else []] * 2
    if upload == "move":
        sent = sorted((frame.job_id, frame.filename) for frame in farm.server.uploads if frame.whole)
        assert sent == sorted((job, name) for job in jobs for name in names)
