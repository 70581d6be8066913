# SPDX-License-Identifier: GPL-3.0-or-later
"""Workers elsewhere tell the farm's server of themselves and do what it asks: over a real RabbitMQ and real HTTP, with
workers whose Blender is the stand-in child. On a farm without such a server they work as before."""

import json
import re
import time
import urllib.error
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pika
import pytest

from bender_worker_addon.core.orders import Order, key_of, message
from tests.farm.serving import PATIENCE, Farm, Machine
from tests.faults.yard import PROGRAM as WORKER
from tools.servers.rabbitmq import RabbitNode


@pytest.fixture
def farm(tmp_path: Path, amqp_url: str) -> Iterator[Farm]:
    made = Farm(tmp_path, amqp_url)
    yield made
    made.close()


def until(true: Callable[[], bool], say: Callable[[], object] = str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline, say()
        time.sleep(0.05)


def worker(farm: Farm, name: str = "otto") -> dict[str, Any]:
    found: dict[str, Any] = farm.ask("GET", f"/api/workers/{name}")
    return found


def until_state(farm: Farm, state: str, name: str = "otto") -> None:
    def is_so() -> bool:
        all_workers = {one["id"]: one for one in farm.ask("GET", "/api/workers")}
        return name in all_workers and all_workers[name]["hello"].get("state") == state

    until(is_so, lambda: farm.ask("GET", "/api/workers"))


def refused(farm: Farm, method: str, path: str) -> tuple[int, str]:
    with pytest.raises(urllib.error.HTTPError) as caught:
        farm.ask(method, path, {})
    return caught.value.code, json.loads(caught.value.read())["error"]


def test_a_worker_is_paused_resumed_and_stopped_from_afar(farm: Farm) -> None:
    machine = farm.worker("otto")
    until_state(farm, "Waiting")
    hello = worker(farm)["hello"]
    assert (hello["beat"], hello["signed"], worker(farm)["presence"]) == (1.0, True, "here")
    farm.ask("POST", "/api/workers/otto/pause", {})
    until_state(farm, "Paused")
    farm.send("job-1", "1-3")
    farm.ask("POST", "/api/workers/otto/resume", {})
    farm.until_finished("job-1")
    (first,) = farm.ask("GET", "/api/jobs/job-1/tasks?limit=1")
    assert (first["worker"], first["status"]) == ("otto", "Finished")
    log = farm.text("/api/jobs/job-1/tasks/1/log")
    assert "rendering frame 1 at " in log
    farm.ask("POST", "/api/workers/otto/stop", {})
    assert machine.exit_code() == 0
    until_state(farm, "Stopped")
    found = worker(farm)
    assert found["presence"] == "stopped"
    told = [(event["what"], event["frames"] or event["words"]) for event in found["events"]]
    assert sorted(event for event in told if event[0] == "finish") == [("finish", str(n)) for n in (1, 2, 3)]
    assert ("state", "Paused: by the farm") in told
    assert told[0] == ("state", "Stopped")
    assert refused(farm, "POST", "/api/workers/otto/pause") == (409, "worker otto is not there: it is stopped")


def test_who_is_not_there_or_is_nobody_is_told_in_a_sentence(farm: Farm) -> None:
    assert refused(farm, "POST", "/api/workers/emma/pause")[0] == 404
    assert refused(farm, "GET", "/api/workers/emma")[0] == 404
    machine = farm.worker("emma")
    until_state(farm, "Waiting", "emma")
    machine.kill()
    code, words = refused(farm, "POST", "/api/workers/emma/stop-now")
    assert (code, words.startswith("worker emma is not ")) == (409, True)
    until(lambda: worker(farm, "emma")["presence"] == "silent")
    assert refused(farm, "POST", "/api/workers/emma/stop-now") == (409, "worker emma is not there: it is silent")
    farm.send("job-1", "1")
    assert refused(farm, "GET", "/api/jobs/job-1/tasks/1/log")[0] == 404


def test_an_order_that_is_not_the_farm_s_does_nothing(farm: Farm, amqp_url: str) -> None:
    """Whoever has the farm's RabbitMQ, as every machine that has joined, can publish; and could listen before."""
    machine = farm.worker("otto")
    farm.worker("emma")
    for name in ("otto", "emma"):
        until_state(farm, "Waiting", name)
    run = worker(farm)["hello"]["run"]
    token = farm.tokens["emma"]
    with pika.BlockingConnection(pika.URLParameters(amqp_url)) as connection:
        channel = connection.channel()
        spy = channel.queue_declare("", exclusive=True).method.queue
        channel.queue_bind(spy, "bender-control", "otto")

        def publish(body: bytes) -> None:
            channel.basic_publish("bender-control", "otto", body)

        farm.ask("POST", "/api/workers/otto/pause", {})
        until_state(farm, "Paused")
        farm.ask("POST", "/api/workers/otto/resume", {})
        until_state(farm, "Waiting")
        until(lambda: channel.queue_declare(spy, passive=True).method.message_count == 2)
        _, _, heard = channel.basic_get(spy, auto_ack=True)
        assert heard is not None
        stop = Order("stop-now")
        for body in (
            heard,
            message(stop, worker="otto", run=run, number=time.time_ns(), keys=[]),
            message(stop, worker="otto", run=run, number=time.time_ns(), keys=[key_of(token)]),
            b"stop-now",
            b"{" * 100_000,
            b"",
        ):
            publish(body)
        farm.send("job-1", "1-20")
        farm.until_finished("job-1")
        assert worker(farm)["hello"]["state"] in ("Waiting", "Rendering")
    log = machine.log.read_text()
    assert log.count("is ignored") == 1, log


def test_a_server_that_was_killed_hears_of_its_workers_again_and_gives_orders(farm: Farm) -> None:
    farm.worker("otto")
    until_state(farm, "Waiting")
    farm.server.kill()
    farm.start()
    until(lambda: worker(farm)["presence"] == "here")
    until(lambda: _takes(farm, "/api/workers/otto/pause"))
    until_state(farm, "Paused")


def test_an_old_worker_takes_no_orders_and_that_is_said(farm: Farm) -> None:
    farm.send("job-1", "1-2")
    farm.old_worker(2)
    farm.until_finished("job-1")
    (old,) = farm.ask("GET", "/api/workers")
    assert (old["hello"], old["presence"]) == ({}, "here")
    code, words = refused(farm, "POST", f"/api/workers/{old['id']}/pause")
    assert (code, words) == (409, f"worker {old['id']} is of a version that takes no orders")
    events = worker(farm, old["id"])["events"]
    assert [event["what"] for event in events] == ["finish", "finish"]


def test_a_machine_with_a_token_gives_no_orders(farm: Farm) -> None:
    farm.worker("otto")
    until_state(farm, "Waiting")
    key, farm.key = farm.key, farm.tokens["otto"]
    assert farm.ask("GET", "/api/workers")
    assert refused(farm, "POST", "/api/workers/otto/stop-now")[0] == 403
    farm.key = key


@pytest.mark.parametrize("rights", [("^(work|bender-worker.*)$", "^(work|worker-topic|bender-worker.*)$", ".*"), ()])
def test_on_a_farm_without_that_server_a_worker_works_and_leaves_nothing(
    tmp_path: Path, amqp_url: str, rabbit: RabbitNode, vhost: str, rights: tuple[str, ...]
) -> None:
    """There the books are kept by bender-bookkeeper, which hears no word that it does not know; and a worker may have
    no right to anything else."""
    url = amqp_url
    if rights:
        rabbit.ctl("add_user", f"narrow-{vhost}", "narrow")
        rabbit.ctl("set_permissions", "-p", vhost, f"narrow-{vhost}", *rights)
        url = re.sub("//[^@]*@", f"//narrow-{vhost}:narrow@", amqp_url)
    with pika.BlockingConnection(pika.URLParameters(amqp_url)) as connection:
        channel = connection.channel()
        channel.exchange_declare("worker-topic", "topic", durable=True)
        channel.queue_declare("worker", durable=True)
        channel.queue_bind("worker", "worker-topic", "#")
        env = {
            "BENDER_WORKER_ID": "otto",
            "BENDER_WORKER_DATA_DIR": str(tmp_path / "otto"),
            "BENDER_WORKER_HEART_RATE_SECONDS": "1",
            "BENDER_WORKER_AMQP_URL": url,
            "BENDER_WORKER_MODE": "Server",
            "BENDER_WORKER_FARM_DIR": str(tmp_path / "farm"),
        }
        machine = Machine(tmp_path / "otto", [str(WORKER), "--idle-exit", "3"], env)
        assert machine.exit_code() == 0, machine.log.read_text()
        machine.end()
        steps = []
        while (got := channel.basic_get("worker", auto_ack=True))[0] is not None:
            steps.append((got[0].routing_key, got[2]))
    assert set(steps) == {("heart.otto", b"")}
    assert len(steps) >= 3
    assert "WARNING" not in machine.log.read_text()


def _takes(farm: Farm, path: str) -> bool:
    try:
        farm.ask("POST", path, {})
    except urllib.error.HTTPError:
        return False
    return True
