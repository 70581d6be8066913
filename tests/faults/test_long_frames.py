# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames that take longer than RabbitMQ lets a message stay unacknowledged: its time-out is a few seconds here.

`--rabbitmq 4.0` and `4.3` try the same on newer ones.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.farm.ground import eventually
from tests.faults.yard import BareFarm, opened
from tools.servers.rabbitmq import RabbitNode

TIMEOUT = 2.0  # seconds a message may stay unacknowledged
LEASE = ("--lease", "1", "3")  # seconds after which a task is leased, and that a lease lives
LIFE = ["receive", "construct", "blend", "start", "stat", "finish"]
QUEUES = pytest.mark.parametrize("queue", ["classic", "quorum"])
CLASSIC = pytest.mark.parametrize("queue", ["classic"])
QUORUM = pytest.mark.parametrize("queue", ["quorum"])


@pytest.fixture(scope="module")
def impatient(request: pytest.FixtureRequest) -> Iterator[RabbitNode]:
    """A node that looks twice a second for messages held for too long, not once a minute."""
    version: str | None = request.config.getoption("--rabbitmq")
    with RabbitNode(version=version, config=f"consumer_timeout = {TIMEOUT * 1000:.0f}\n") as node:
        node.ctl("eval", "application:set_env(rabbit, channel_tick_interval, 500).")
        yield node


@pytest.fixture
def hasty(impatient: RabbitNode, tmp_path: Path, queue: str) -> Iterator[BareFarm]:
    impatient.add_vhosts(tmp_path.name)
    with BareFarm(rabbit=impatient, vhost=tmp_path.name, folder=tmp_path) as farm:
        farm.declare_work(**{"x-queue-type": queue})
        yield farm


def leases(farm: BareFarm) -> list[str]:
    listed = farm.rabbit.ctl("list_queues", "-p", farm.vhost, "name")
    return [line for line in listed.splitlines() if line.startswith("bender-lease.")]


@QUEUES
def test_a_long_frame_is_rendered_once_while_another_worker_is_idle(hasty: BareFarm) -> None:
    gate = hasty.gate()
    task = hasty.task(hasty.scene(wait={1: gate}), 1)
    worker = hasty.worker(*LEASE, "--max-tasks", "1")
    hasty.wait_for("start", task)
    idle = hasty.worker(*LEASE, "--idle-exit", "6", id="two")
    worker.wait_for_line("it is kept in the queue")
    assert idle.wait() == 0  # it was idle for longer than a message may be held, and than a lease lives
    assert len(leases(hasty)) == 1
    opened(gate)
    hasty.wait_for("finish", task)
    eventually(lambda: leases(hasty) == [])
    assert worker.wait() == 0
    assert hasty.steps(task) == LIFE
    assert hasty.renders() == 1
    assert hasty.ready() == 0
    assert "no connection" not in worker.log


@CLASSIC
def test_the_task_of_a_worker_that_is_killed_comes_back_and_is_rendered(hasty: BareFarm) -> None:
    gate = hasty.gate()
    task = hasty.task(hasty.scene(wait={1: gate}), 1)
    killed = hasty.worker(*LEASE)
    killed.wait_for_line("it is kept in the queue")
    killed.end()
    other = hasty.worker("--max-tasks", "1")
    hasty.wait_for("start", task, count=2)
    opened(gate)
    hasty.wait_for("finish", task)
    assert other.wait() == 0
    assert hasty.steps(task) == LIFE[:4] + LIFE
    assert hasty.ready() == 0


@QUORUM
def test_a_lost_connection_costs_a_leased_task_nothing(hasty: BareFarm) -> None:
    gate = hasty.gate()
    task = hasty.task(hasty.scene(wait={1: gate}), 1)
    worker = hasty.worker(*LEASE, "--max-tasks", "1")
    worker.wait_for_line("it is kept in the queue")
    hasty.close_connections()
    worker.wait_for_line("came again, it is in hand")
    opened(gate)
    assert worker.wait() == 0
    hasty.wait_for("finish", task)
    assert hasty.steps(task) == LIFE
    assert hasty.ready() == 0
    assert leases(hasty) == []


@CLASSIC
def test_a_task_whose_lease_somebody_has_emptied_is_finished_all_the_same(hasty: BareFarm) -> None:
    gate = hasty.gate()
    task = hasty.task(hasty.scene(wait={1: gate}), 1)
    worker = hasty.worker(*LEASE, "--idle-exit", "2")
    worker.wait_for_line("it is kept in the queue")
    hasty.close_connections()
    worker.wait_for_line("came again, it is in hand")
    hasty.take(leases(hasty)[0])
    worker.wait_for_line("a task could not be kept")
    opened(gate)
    hasty.wait_for("finish", task)
    other = hasty.task(hasty.scene(), 1)
    hasty.wait_for("finish", other)
    assert worker.wait() == 0
    assert hasty.steps(task) == LIFE
    assert hasty.ready() == 0
    assert leases(hasty) == []
    assert worker.log.count("no connection") == 1


@CLASSIC
def test_a_long_task_that_fails_is_tried_by_others_and_then_dead_lettered(hasty: BareFarm) -> None:
    gate = hasty.gate()
    task = hasty.task(hasty.scene(wait={1: gate}, broken=[1]), 1)
    worker = hasty.worker(*LEASE, "--idle-exit", "2")
    worker.wait_for_line("it is kept in the queue")
    for number in range(1, 5):  # tried twice, given back, tried twice again
        hasty.wait_for("start", task, count=number)
        opened(gate)
    hasty.wait_for("reject", task)
    assert worker.wait() == 0
    assert [step for step in hasty.steps(task) if step in ("requeue", "reject")] == ["requeue", "reject"]
    eventually(lambda: hasty.ready("dead") == 1)
    assert hasty.ready() == 0
    assert leases(hasty) == []


@QUORUM
def test_a_channel_that_the_broker_closes_with_acks_pending_costs_nothing(hasty: BareFarm) -> None:
    """This worker makes no leases. RabbitMQ 4.3 lets it say how long it may hold a task, and closes nothing."""
    gate = hasty.gate()
    task = hasty.task(hasty.scene(wait={1: gate}), 1)
    worker = hasty.worker("--max-tasks", "1")
    if hasty.rabbit.version == "4.3":
        hasty.wait_for("start", task)
        assert hasty.worker("--idle-exit", "6", id="two").wait() == 0
        assert "ended the delivery of tasks" not in worker.log
    else:
        worker.wait_for_line("RabbitMQ ended the delivery of tasks")
        worker.wait_for_line("came again, it is in hand")
    opened(gate)
    assert worker.wait() == 0
    hasty.wait_for("finish", task)
    assert hasty.steps(task) == LIFE
    assert hasty.ready() == 0
