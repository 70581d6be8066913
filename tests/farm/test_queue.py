# SPDX-License-Identifier: GPL-3.0-or-later
"""RabbitMQ as farms have it: queues of another kind, connections that end, messages that come twice."""

from pathlib import Path
from typing import Any

from tests.farm.conftest import SceneMaker
from tests.farm.farmyard import Farm
from tools.servers.farm import make_task

LIFE = ["receive", "construct", "blend", "start", "stat", "finish"]
KNOWN = ["receive", "construct", "stat", "finish"]


def test_a_quorum_queue_with_dead_lettering_is_used_as_it_is(farm: Farm, blend: Path) -> None:
    farm.declare_work(**{"x-queue-type": "quorum"})
    farm.publish(b"no task")
    task = farm.task(farm.job(blend), 1)
    assert farm.worker("--max-tasks", "2").wait() == 0
    farm.wait_for("finish", task)
    assert farm.take("dead") == [b"no task"]
    assert farm.ready() == 0
    assert "quorum" in _queue(farm, "type")[0]


def test_a_missing_queue_is_declared_durable_and_classic(farm: Farm, blend: Path) -> None:
    worker = farm.worker("--max-tasks", "1")
    worker.wait_for_line("connected to RabbitMQ")
    durable, kind = _queue(farm, "durable", "type")
    assert durable == "true"
    assert "classic" in kind
    task = farm.task(farm.job(blend), 1)
    assert worker.wait() == 0
    farm.wait_for("finish", task)


def test_a_connection_that_ends_in_mid_render_costs_nothing(farm: Farm, scene: SceneMaker) -> None:
    """The task is rendered once, its message acked when it has come again, and no report is lost."""
    job = farm.job(scene("slow", seconds=4))
    task = farm.task(job, 1)
    worker = farm.worker("--idle-exit", "2")
    with farm.mid_frame(worker, task):
        farm.close_connections()
        worker.wait_for_line("no connection to RabbitMQ")
        worker.wait_for_line("came again, it is in hand")
    farm.wait_for("finish", task)
    assert worker.wait() == 0
    assert farm.steps(task) == LIFE
    assert farm.ready() == 0
    assert farm.frames(job) == ["000001.png"]


def test_a_connection_that_ends_costs_a_worker_of_few_tasks_nothing_either(farm: Farm, scene: SceneMaker) -> None:
    job = farm.job(scene("slow", seconds=4))
    task = farm.task(job, 1)
    worker = farm.worker("--max-tasks", "1")
    with farm.mid_frame(worker, task):
        farm.close_connections()
        worker.wait_for_line("no connection to RabbitMQ")
    assert worker.wait() == 0
    farm.wait_for("finish", task)
    assert farm.steps(task) == LIFE
    assert farm.ready() == 0


def test_a_finished_task_that_comes_again_is_acked_without_being_rendered_again(farm: Farm, blend: Path) -> None:
    """As after a crash between the last report and the ack; here by another process on the same data."""
    task = _finished(farm, blend)
    stored = farm.frame(task["parent_id"], "000001.png").stat()
    farm.publish(task)
    worker = farm.worker("--max-tasks", "1")
    assert worker.wait() == 0
    farm.wait_for("finish", task, count=2)
    assert farm.steps(task) == LIFE + KNOWN
    assert farm.frame(task["parent_id"], "000001.png").stat().st_ino == stored.st_ino
    assert farm.reports(task)[-1].task["command"] == farm.reports(task)[len(LIFE) - 1].task["command"]


def test_a_finished_task_whose_frame_is_damaged_is_rendered_again(farm: Farm, blend: Path) -> None:
    task = _finished(farm, blend)
    frame = farm.frame(task["parent_id"], "000001.png")
    whole = len(frame.read_bytes())
    frame.write_bytes(frame.read_bytes()[:-1])
    farm.publish(task)
    assert farm.worker("--max-tasks", "1").wait() == 0
    farm.wait_for("finish", task, count=2)
    assert farm.steps(task) == LIFE + LIFE
    assert abs(frame.stat().st_size - whole) < 100  # a PNG holds the time it took


def test_a_task_sent_twice_at_once_is_rendered_once_and_both_messages_are_acked(farm: Farm, scene: SceneMaker) -> None:
    task = make_task(farm.job(scene("slow", seconds=2)), [1])
    farm.publish(task, task)
    assert farm.worker("--idle-exit", "2", "--workload", "2").wait() == 0
    assert farm.steps(task) == LIFE
    assert farm.ready() == 0


def test_two_workers_share_the_tasks_and_finish_each_once(farm: Farm, blend: Path) -> None:
    job = farm.job(blend)
    tasks = [make_task(job, [number]) for number in range(1, 13)]
    farm.publish(*tasks)
    workers = [farm.worker("--idle-exit", "2", data_dir=farm.folder / name, id=name) for name in ("one", "two")]
    assert [worker.wait() for worker in workers] == [0, 0]
    assert farm.frames(job) == [f"{number:06}.png" for number in range(1, 13)]
    assert [farm.steps(task).count("finish") for task in tasks] == [1] * 12
    assert farm.ready() == 0


def _finished(farm: Farm, blend: Path) -> dict[str, Any]:
    task = farm.task(farm.job(blend), 1)
    assert farm.worker("--max-tasks", "1").wait() == 0
    farm.wait_for("finish", task)
    return task


def _queue(farm: Farm, *columns: str) -> list[str]:
    """What RabbitMQ says of the queue `work`."""
    listed = farm.rabbit.ctl("list_queues", "-p", farm.vhost, "name", *columns)
    return next(line.split("\t")[1:] for line in listed.splitlines() if line.startswith("work\t"))
