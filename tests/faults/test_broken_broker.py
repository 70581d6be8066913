# SPDX-License-Identifier: GPL-3.0-or-later
"""RabbitMQ stopped, killed, out of reach, out of memory, set up wrongly: told once; the worker goes on by itself."""

import re
import signal

import pytest

from tests.farm.process import WorkerProcess
from tests.faults.yard import BareFarm, opened
from tools.servers.proxy import Proxy

LIFE = ["receive", "construct", "blend", "start", "stat", "finish"]
AGAIN = ("--idle-exit", "2")


def told(worker: WorkerProcess, words: str) -> list[str]:
    """The warnings in which these words stand; what is for a worker's makers only does not count."""
    return [line for line in worker.log.splitlines() if re.search(f"(WARNING|ERROR) .*{words}", line)]


def test_a_broker_that_is_stopped_and_started_costs_nothing(mortal: BareFarm) -> None:
    """One that is killed: tests/farm/test_broker_killed.py."""
    gate = mortal.gate()
    task = mortal.task(mortal.scene(wait={1: gate}), 1)
    worker = mortal.worker(*AGAIN)
    mortal.wait_for("start", task)
    mortal.rabbit.stop()
    worker.wait_for_line("no connection to RabbitMQ")
    opened(gate)
    worker.wait_for_line("frame 1 stored")
    mortal.rabbit.start()
    mortal.wait_for("finish", task)
    assert worker.wait() == 0
    assert mortal.renders() == 1
    assert mortal.ready() == 0
    assert mortal.steps(task)[: len(LIFE)] == LIFE


def test_a_black_hole_is_noticed_and_what_was_held_back_is_sent(farm: BareFarm) -> None:
    gate = farm.gate()
    task = farm.task(farm.scene(wait={1: gate}), 1)
    with Proxy(farm.rabbit.port) as proxy:
        url = farm.url.replace(str(farm.rabbit.port), str(proxy.port)) + "?heartbeat=2"
        worker = farm.worker(*AGAIN, amqp_url=url)
        farm.wait_for("start", task)
        proxy.stall()
        worker.wait_for_line("no connection to RabbitMQ")
        proxy.heal()
        opened(gate)
        farm.wait_for("finish", task)
        assert worker.wait() == 0
    assert farm.renders() == 1
    assert farm.ready() == 0


@pytest.mark.parametrize("lacks", ["memory", "disk"])
def test_a_broker_that_takes_no_messages_is_told_and_waited_for(mortal: BareFarm, lacks: str) -> None:
    gate = mortal.gate()
    task = mortal.task(mortal.scene(wait={1: gate}), 1)
    worker = mortal.worker(*AGAIN, amqp_url=f"{mortal.url}?blocked_connection_timeout=1")
    mortal.wait_for("start", task)
    with mortal.refusing_publishers(lacks=lacks):
        opened(gate)
        worker.wait_for_line("frame 1 stored")
        worker.wait_for_line("no connection to RabbitMQ: RabbitMQ takes no messages: its memory or its disk is nearly")
        assert "finish" not in mortal.steps(task)
    mortal.wait_for("finish", task)
    assert worker.wait() == 0
    assert mortal.renders() == 1
    assert mortal.ready() == 0
    assert mortal.steps(task)[: len(LIFE)] == LIFE


def test_a_vhost_that_is_missing_is_told_once_and_waited_for(mortal: BareFarm) -> None:
    worker = mortal.worker(amqp_url=mortal.rabbit.url_of("nowhere"))
    worker.wait_for_line("no connection to RabbitMQ: RabbitMQ refused the vhost of amqp_url", count=3)
    assert len(told(worker, "no connection")) == 1
    mortal.rabbit.add_vhosts("nowhere")
    worker.wait_for_line("connected to RabbitMQ")
    worker.signal(signal.SIGTERM)
    assert worker.wait() == 0


def test_a_missing_permission_is_told_once_and_waited_for(mortal: BareFarm) -> None:
    task = mortal.task(mortal.scene(), 1)
    mortal.rabbit.ctl("set_permissions", "-p", mortal.vhost, "guest", ".*", ".*", "^worker$")
    worker = mortal.worker("--max-tasks", "1")
    worker.wait_for_line("no connection to RabbitMQ: .*access to queue 'work'.*refused for user 'guest'", count=3)
    assert len(told(worker, "no connection")) == 1
    mortal.rabbit.ctl("set_permissions", "-p", mortal.vhost, "guest", ".*", ".*", ".*")
    assert worker.wait() == 0
    mortal.wait_for("finish", task)
    assert mortal.steps(task) == LIFE


def test_a_user_who_may_make_no_queues_can_work(mortal: BareFarm) -> None:
    task = mortal.task(mortal.scene(), 1)
    mortal.rabbit.ctl("set_permissions", "-p", mortal.vhost, "guest", "^$", ".*", ".*")
    assert mortal.worker("--max-tasks", "1").wait() == 0
    mortal.rabbit.ctl("set_permissions", "-p", mortal.vhost, "guest", ".*", ".*", ".*")
    mortal.wait_for("finish", task)


def test_the_queue_of_tasks_may_be_deleted_under_a_workers_feet(farm: BareFarm) -> None:
    gate = farm.gate()
    job = farm.scene(wait={1: gate})
    task = farm.task(job, 1)
    worker = farm.worker("--idle-exit", "3")
    farm.wait_for("start", task)
    farm.delete_work()
    worker.wait_for_line("no connection to RabbitMQ: RabbitMQ ended the delivery of tasks")
    worker.wait_for_line("connected to RabbitMQ", count=2)
    second = farm.task(job, 2)
    opened(gate)
    farm.wait_for("finish", task)
    farm.wait_for("finish", second)
    assert worker.wait() == 0
    assert farm.renders() == 2
