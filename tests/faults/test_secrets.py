# SPDX-License-Identifier: GPL-3.0-or-later
"""Passwords: where a worker must not let them be seen, whatever happens to it. What breaks here on purpose is nothing
that anybody foresaw; it ends the worker, and the next one does its task."""

import pytest

from tests.faults.yard import BareFarm, opened
from tests.passwords import HTTP, addresses, files_with_passwords, passwords_in, processes_with_passwords


def test_no_password_is_seen_by_others(farm: BareFarm) -> None:
    """Through a task that goes well, one that fails, one that has no blend, and lost connections to all sides."""
    farm.declare_work()
    gate = farm.gate()
    well = farm.task(farm.scene(wait={1: gate}), 1)
    failing = [farm.task(farm.scene(die=[1]), 1), farm.task("nobodys-job", 1)]
    known = addresses(farm)
    worker = farm.worker("--idle-exit", "1", **known)
    farm.wait_for("start", well)
    farm.close_connections()
    worker.wait_for_line("came again, it is in hand")
    assert len(worker.living()) > 1
    assert processes_with_passwords(worker) == []
    opened(gate)
    assert worker.wait() == 0
    farm.wait_for("finish", well)
    for task in failing:
        farm.wait_for("reject", task)
    assert farm.server.requests
    assert all("authorization" in request.headers for request in farm.server.log)
    told = {
        "no connection to RabbitMQ": {"amqp_url": known["amqp_url"].replace("keeper", "nobody")},
        "flaskbender can't be reached": {"bender_url": f"http://artist:{HTTP}@127.0.0.1:1"},
    }
    for words, address in told.items():
        farm.task(farm.scene(), 1)
        refused = farm.worker(id="two", **(known | address))
        refused.wait_for_line(words)
        farm.stop(refused)
        assert not passwords_in(refused.log)
    assert not passwords_in(worker.log)
    assert files_with_passwords(farm.folder) == []
    for report in farm.bookkeeper.reports:
        assert not passwords_in(f"{report.routing_key} {report.properties}".encode() + report.body)


@pytest.mark.parametrize("step", ["receive", "fetch", "read", "store", "publish"])
def test_what_nobody_foresaw_ends_the_worker_without_a_password_and_costs_no_task(farm: BareFarm, step: str) -> None:
    task = farm.task(farm.scene(), 1)
    worker = farm.worker("--break", step, **addresses(farm))
    assert worker.wait() == 1
    worker.wait_until_none_lives()
    assert f"RuntimeError: {step} of Resolved(config=WorkerConfig(queue='rabbitmq'" in worker.log
    assert not passwords_in(worker.log)
    assert files_with_passwords(farm.folder) == []
    assert farm.worker("--max-tasks", "1").wait() == 0
    farm.wait_for("finish", task)
