# SPDX-License-Identifier: GPL-3.0-or-later
"""A worker over many tasks and jobs: when it ends, what it downloads, what it keeps and what it clears away."""

import signal
from pathlib import Path

import pytest

from tests.farm.farmyard import Farm
from tests.farm.ground import eventually
from tools.servers.farm import make_task


def test_it_ends_after_as_many_tasks_as_it_was_told(farm: Farm, blend: Path) -> None:
    job = farm.job(blend)
    farm.publish(*(make_task(job, [number]) for number in (1, 2, 3)))
    assert farm.worker("--max-tasks", "2").wait() == 0
    assert farm.frames(job) == ["000001.png", "000002.png"]
    assert farm.ready() == 1


def test_it_ends_when_no_task_has_come_for_as_long_as_it_was_told(farm: Farm) -> None:
    worker = farm.worker("--idle-exit", "1")
    assert worker.wait() == 0
    assert "no task for 1 s" in worker.log


def test_a_blend_is_downloaded_and_opened_once_for_all_tasks_that_wait_for_it(farm: Farm, blend: Path) -> None:
    job = farm.job(blend)
    farm.publish(*(make_task(job, [number]) for number in range(1, 7)))
    worker = farm.worker("--max-tasks", "6", "--workload", "4")
    assert worker.wait() == 0
    assert len(farm.frames(job)) == 6
    assert farm.server.requests[f"/job/worker/blend/{job}"] == 1
    asked = next(request for request in farm.server.log if request.path.endswith(f"/blend/{job}"))
    assert asked.headers["user-agent"] == "bender-worker"
    assert asked.body == b'{"request": "blendfile"}'
    assert worker.log.count("is process") == 1
    logs = [path.read_text(errors="replace") for path in (farm.folder / "data" / "logs").iterdir()]
    assert sum(log.count("Read blend: ") for log in logs) == 1


def test_jobs_that_alternate_are_all_rendered_with_one_download_each(farm: Farm, blend: Path) -> None:
    first, second = farm.job(blend), farm.job(blend)
    farm.publish(*(make_task(job, [number]) for number in (1, 2) for job in (first, second)))
    assert farm.worker("--max-tasks", "4").wait() == 0
    assert farm.frames(first) == farm.frames(second) == ["000001.png", "000002.png"]
    assert [farm.server.requests[f"/job/worker/blend/{job}"] for job in (first, second)] == [1, 1]


def test_where_blender_must_not_be_kept_each_task_has_its_own(farm: Farm, blend: Path) -> None:
    job = farm.job(blend)
    farm.publish(*(make_task(job, [number]) for number in (1, 2)))
    worker = farm.worker("--max-tasks", "2", keep_child="false")
    assert worker.wait() == 0
    assert worker.log.count("is process") == 2
    assert farm.frames(job) == ["000001.png", "000002.png"]


def test_a_second_worker_on_the_same_data_says_so_and_ends_with_1(farm: Farm, blend: Path) -> None:
    first = farm.worker()
    first.wait_for_line("connected to RabbitMQ")
    second = farm.worker()
    assert second.wait() == 1
    assert f"another worker is running on {farm.folder / 'data'}" in second.log
    assert "Traceback" not in second.log
    task = farm.task(farm.job(blend), 1)
    farm.wait_for("finish", task)
    first.signal(signal.SIGTERM)
    assert first.wait() == 0


def test_with_too_little_disk_it_takes_no_task_and_says_why(farm: Farm, blend: Path) -> None:
    task = farm.task(farm.job(blend), 1)
    worker = farm.worker(disklimit=1_000_000)
    worker.wait_for_line("disklimit is 1e.06: no tasks until there is room")
    worker.signal(signal.SIGTERM)
    assert worker.wait() == 0
    assert farm.ready() == 1
    assert "start" not in farm.steps(task)


@pytest.mark.parametrize("status", ["Finished", "Canceled"])
def test_the_blend_of_a_job_that_is_over_is_deleted_after_the_grace_period(
    farm: Farm, blend: Path, status: str
) -> None:
    job = farm.job(blend)
    task = farm.task(job, 1)
    worker = farm.worker(grace_period=1)
    farm.wait_for("finish", task)
    kept = farm.folder / "data" / "blends" / f"{job}.blend"
    eventually(lambda: farm.server.requests[f"/job/worker/status/{job}"] >= 2)
    assert kept.is_file()
    farm.server.set_status(job, status)
    worker.wait_for_line(f"the blend of job {job} is deleted: its job is over")
    assert not kept.exists()
    assert farm.frames(job) == ["000001.png"]
    worker.signal(signal.SIGTERM)
    assert worker.wait() == 0


@pytest.mark.parametrize("status", ["Errored", "Queued", "no such status"])
def test_the_blend_of_any_other_job_is_kept(farm: Farm, blend: Path, status: str) -> None:
    job = farm.job(blend, status=status)
    farm.task(job, 1)
    worker = farm.worker(grace_period=0)
    eventually(lambda: farm.server.requests[f"/job/worker/status/{job}"] >= 3)
    worker.signal(signal.SIGTERM)
    assert worker.wait() == 0
    assert (farm.folder / "data" / "blends" / f"{job}.blend").is_file()


def test_a_job_of_which_nobody_answers_is_not_taken_for_finished(farm: Farm, blend: Path) -> None:
    job = farm.job(blend)
    farm.task(job, 1)
    assert farm.worker("--max-tasks", "1").wait() == 0
    worker = farm.worker("--idle-exit", "3", grace_period=0, bender_url="http://127.0.0.1:9")
    assert worker.wait() == 0
    assert (farm.folder / "data" / "blends" / f"{job}.blend").is_file()
