# SPDX-License-Identifier: GPL-3.0-or-later
"""Passwords: where a worker must not let them be seen, whatever happens to it. What breaks here on purpose is nothing
that anybody foresaw; it ends the worker, and the next one does its task."""

from pathlib import Path

import pytest

from tests.faults.yard import BareFarm, opened

AMQP, HTTP = "hush-amqp", "hush-http"


@pytest.fixture
def addresses(farm: BareFarm) -> dict[str, str]:
    """Those of the farm, with a password each."""
    if "keeper" not in farm.rabbit.ctl("list_users"):
        farm.rabbit.ctl("add_user", "keeper", AMQP)
    farm.rabbit.ctl("set_permissions", "-p", farm.vhost, "keeper", ".*", ".*", ".*")
    return {
        "amqp_url": f"amqp://keeper:{AMQP}@127.0.0.1:{farm.rabbit.port}/{farm.vhost}",
        "bender_url": farm.server.url.replace("http://", f"http://artist:{HTTP}@"),
    }


def passwords_in(text: str | bytes) -> list[str]:
    content = text.encode() if isinstance(text, str) else text
    return [password for password in (AMQP, HTTP) if password.encode() in content]


def files_with_passwords(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and passwords_in(path.read_bytes())]


def test_no_password_is_seen_by_others(farm: BareFarm, addresses: dict[str, str]) -> None:
    """Through a task that goes well, one that fails, one that has no blend, and lost connections to all sides."""
    farm.declare_work()
    gate = farm.gate()
    well = farm.task(farm.scene(wait={1: gate}), 1)
    failing = [farm.task(farm.scene(die=[1]), 1), farm.task("nobodys-job", 1)]
    worker = farm.worker("--idle-exit", "1", **addresses)
    farm.wait_for("start", well)
    farm.close_connections()
    worker.wait_for_line("came again, it is in hand")
    for process in worker.living():
        assert not passwords_in(Path(f"/proc/{process}/cmdline").read_bytes())
    for child in worker.children():
        assert not passwords_in(Path(f"/proc/{child}/environ").read_bytes())
    opened(gate)
    assert worker.wait() == 0
    farm.wait_for("finish", well)
    for task in failing:
        farm.wait_for("reject", task)
    assert farm.server.requests
    assert all("authorization" in request.headers for request in farm.server.log)
    told = {
        "no connection to RabbitMQ": {"amqp_url": addresses["amqp_url"].replace("keeper", "nobody")},
        "flaskbender can't be reached": {"bender_url": f"http://artist:{HTTP}@127.0.0.1:1"},
    }
    for words, address in told.items():
        farm.task(farm.scene(), 1)
        refused = farm.worker(id="two", **(addresses | address))
        refused.wait_for_line(words)
        farm.stop(refused)
        assert not passwords_in(refused.log)
    assert not passwords_in(worker.log)
    assert files_with_passwords(farm.folder) == []
    for report in farm.bookkeeper.reports:
        assert not passwords_in(f"{report.routing_key} {report.properties}".encode() + report.body)


@pytest.mark.parametrize("step", ["receive", "fetch", "read", "store", "publish"])
def test_what_nobody_foresaw_ends_the_worker_without_a_password_and_costs_no_task(
    farm: BareFarm, addresses: dict[str, str], step: str
) -> None:
    task = farm.task(farm.scene(), 1)
    worker = farm.worker("--break", step, **addresses)
    assert worker.wait() == 1
    worker.wait_until_none_lives()
    assert f"RuntimeError: {step} of Resolved(config=WorkerConfig(queue='rabbitmq'" in worker.log
    assert not passwords_in(worker.log)
    assert files_with_passwords(farm.folder) == []
    assert farm.worker("--max-tasks", "1").wait() == 0
    farm.wait_for("finish", task)
