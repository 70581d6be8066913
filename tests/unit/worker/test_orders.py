# SPDX-License-Identifier: GPL-3.0-or-later
"""Worker: what it tells its farm of itself, and what it does when the farm asks: on the farm's queue and on this
machine's."""

import json
import time
from contextlib import closing
from typing import Any

import pytest

from bender_worker_addon.core import orders
from bender_worker_addon.core.deliveries import Ordered
from bender_worker_addon.core.orders import Order, key_of, message
from bender_worker_addon.core.snapshot import State
from bender_worker_addon.farm import control, workers
from bender_worker_addon.farm.database import Database
from bender_worker_addon.worker.life.activity import Pause
from tests.unit.conftest import StartFarm
from tests.unit.gates import opened
from tests.unit.support import Farm
from tests.unit.support import message as task

TOKEN = "a token of its own"


def hellos(farm: Farm) -> list[dict[str, Any]]:
    return [json.loads(body) for key, body in farm.broker.told if key == "hello.w1"]


def ordered(farm: Farm, do: str, *, key: str = key_of(TOKEN), number: int = 0, late: float = 0.0, **more: str) -> None:
    """The farm asks for it."""
    run = hellos(farm)[-1]["run"]
    number = number or time.time_ns()
    body = message(Order(do, **more), worker="w1", run=run, number=number, keys=[key])
    farm.worker.inbox.put(Ordered(body, time.monotonic() - late))
    farm.worker.tick()


@pytest.fixture
def joined(start_farm: StartFarm) -> Farm:
    """A worker with a token of its farm, which knows it."""
    started = start_farm()
    started.worker.close()
    url = started.http.url.replace("://", f"://worker:{TOKEN.replace(' ', '%20')}@")
    farm = start_farm(bender_url=url, heart_rate_seconds=60.0)
    farm.until(lambda: hellos(farm))
    return farm


def test_it_says_who_it_is_at_once_and_what_it_does_when_that_changes(joined: Farm) -> None:
    gate = joined.gate()
    (first,) = hellos(joined)[:1]
    assert first["state"] == "Waiting"
    assert (first["beat"], first["signed"], first["renderers"]) == (60.0, True, 1)
    assert first["name"]
    assert TOKEN not in json.dumps(first)
    joined.add(wait={7: gate})
    joined.broker.deliver(task(frames=[7]))
    joined.until(lambda: hellos(joined)[-1].get("frame") == 7)
    assert (hellos(joined)[-1]["state"], hellos(joined)[-1]["job"]) == ("Rendering", "job-1")
    opened(gate)
    joined.until(lambda: hellos(joined)[-1]["state"] == "Waiting")
    assert "job" not in hellos(joined)[-1]
    assert hellos(joined)[-1]["frames"] == 1
    assert len(hellos(joined)) <= 5


def test_with_a_heartbeat_it_says_how_it_is(start_farm: StartFarm) -> None:
    farm = start_farm(heart_rate_seconds=0.2)
    farm.until(lambda: len(hellos(farm)) > 3)
    assert [key for key, _ in farm.broker.reports].count("heart.w1") > 2
    assert all(key.startswith("heart") for key, _ in farm.broker.reports)


def test_a_pause_of_the_farm_finishes_the_task_in_hand_and_takes_no_more(joined: Farm) -> None:
    gate = joined.gate()
    joined.add(wait={1: gate})
    joined.broker.deliver(task("a", frames=[1]))
    joined.until(lambda: joined.renders())
    ordered(joined, orders.PAUSE)
    assert joined.broker.prefetch == 0
    snapshot = joined.worker.snapshot()
    assert (snapshot.state, snapshot.detail) == (State.PAUSED, "by the farm")
    opened(gate)
    joined.until_settled()
    assert joined.broker.settled == [("ack", 1)]
    joined.until(lambda: hellos(joined)[-1]["state"] == "Paused")
    ordered(joined, orders.RESUME)
    assert joined.broker.prefetch > 0
    joined.broker.deliver(task("b", frames=[2]))
    joined.until_settled(2)


def test_the_farm_s_pause_and_her_own_each_count_until_taken_back(joined: Farm) -> None:
    worker = joined.worker
    ordered(joined, orders.PAUSE, by="Ada")
    worker.pause(Pause.SUSPEND, reason="while you are here")
    assert worker.snapshot().detail == "by the farm (Ada), while you are here"
    worker.resume()
    assert (worker.snapshot().state, worker.is_paused_by_farm, worker.paused_here) == (State.PAUSED, True, None)
    worker.pause(Pause.SUSPEND)
    ordered(joined, orders.RESUME)
    assert (worker.snapshot().state, worker.is_paused_by_farm, worker.paused_here) == (
        State.PAUSED,
        False,
        Pause.SUSPEND,
    )
    worker.resume()
    assert worker.snapshot().state is State.WAITING


@pytest.mark.parametrize("do, outcome", [(orders.STOP, "ack"), (orders.STOP_NOW, "requeued")])
def test_a_stop_ends_it_and_it_says_goodbye(joined: Farm, do: str, outcome: str) -> None:
    gate = joined.gate()
    joined.add(wait={1: gate})
    joined.broker.deliver(task("a", frames=[1]))
    joined.until(lambda: joined.renders())
    ordered(joined, do)
    assert joined.worker.snapshot().detail.endswith(", as the farm asked")
    if do == orders.STOP:
        opened(gate)
    joined.until_over()
    assert joined.broker.settled == [(outcome, 1)]
    assert hellos(joined)[-1]["state"] == "Stopped"


def test_forged_and_late_orders_do_nothing_and_are_told_once(joined: Farm, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(5):
        ordered(joined, orders.STOP_NOW, key=key_of("another machine's"))
        joined.worker.inbox.put(Ordered(b"garbage", time.monotonic()))
        joined.worker.tick()
    ordered(joined, orders.STOP, late=31.0)
    assert joined.worker.snapshot().state is State.WAITING
    warnings = [record for record in caplog.records if record.levelname == "WARNING"]
    assert ["is ignored" in record.getMessage() for record in warnings] == [True]
    ordered(joined, orders.PAUSE)
    assert joined.worker.snapshot().state is State.PAUSED


def test_the_log_of_a_task_is_told(joined: Farm) -> None:
    joined.add()
    joined.broker.deliver(task("a", frames=[1]))
    joined.until_settled()
    for name in ("a", "never-here", "../../etc/passwd"):
        ordered(joined, orders.LOG, job="job-1", task=name)

    def logs() -> list[dict[str, Any]]:
        return [json.loads(body) for key, body in joined.broker.told if key == "log.w1"]

    joined.until(lambda: len(logs()) == 3)
    assert [(log["job"], log["task"]) for log in logs()] == [
        ("job-1", "a"),
        ("job-1", "never-here"),
        ("job-1", "../../etc/passwd"),
    ]
    assert "rendering frame 1 at " in logs()[0]["text"]  # what was printed just before may come after it has begun
    assert [log["text"] for log in logs()[1:]] == ["", ""]


@pytest.mark.both_queues
def test_it_can_be_told_to_stop_before_it_is_connected(farm: Farm) -> None:
    farm.worker.inbox.put(Ordered(b"{}", time.monotonic()))
    farm.worker.tick()
    assert not farm.worker.stopping


@pytest.mark.parametrize("queue", ["local"])
def test_on_one_machine_hellos_and_orders_go_by_the_database(farm: Farm, queue: str) -> None:
    with closing(Database(farm.folder / "farm")) as database:

        def known() -> workers.Worker | None:
            with database.looking() as connection:
                return workers.worker(connection, "w1")

        def has_said(state: str) -> bool:
            found = known()
            return found is not None and found.hello.get("state") == state

        def give(do: str) -> None:
            with database.changing() as connection:
                control.give(connection, "w1", control.order_for(connection, "w1", Order(do)))

        farm.until(lambda: has_said("Waiting"))
        give(orders.PAUSE)
        farm.until(lambda: has_said("Paused"))
        give(orders.RESUME)
        farm.until(lambda: has_said("Waiting"))
        give(orders.STOP)
        farm.until_over()
        farm.worker.close()
        found = known()
        assert found is not None
        assert found.presence == workers.STOPPED
        with database.looking() as connection:
            told = [event.words for event in workers.events(connection, "w1")]
            assert connection.execute("SELECT count(*) FROM command").fetchone() == (0,)
    assert told[0] == "Stopped"
    assert "Paused: by the farm" in told
