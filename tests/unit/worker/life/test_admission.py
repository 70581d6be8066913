# SPDX-License-Identifier: GPL-3.0-or-later
"""Admission: how many deliveries the broker is to send ahead, whatever happens in which order."""

from pathlib import Path
from queue import SimpleQueue

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bender_worker_addon.core.deliveries import Delivery
from bender_worker_addon.core.in_flight import InFlight, TasksInFlight
from bender_worker_addon.core.task import Task
from bender_worker_addon.system.disks import free_gigabytes
from bender_worker_addon.worker.life.admission import Admission
from tests.unit.support import StandInBroker, message


@pytest.fixture
def broker() -> StandInBroker:
    return StandInBroker(url="", worker_id="w1", inbox=SimpleQueue())


def admission(
    broker: StandInBroker, *, workload: int = 2, max_tasks: int | None = None, in_flight: TasksInFlight | None = None
) -> Admission:
    tasks = TasksInFlight() if in_flight is None else in_flight
    made = Admission(queue=broker, in_flight=tasks, workload=workload, max_tasks=max_tasks, disklimit=2.0)
    made.tell()
    return made


def held(tag: int) -> InFlight:
    body = message(f"task-{tag}")
    return InFlight(Task.from_json(body), [Delivery(1, tag, body, False)], redelivered=False)


def test_the_workload_is_taken(broker: StandInBroker) -> None:
    assert admission(broker, workload=3).is_open
    assert broker.prefetch == 3


def test_a_low_disk_stops_the_flow_until_there_is_room(broker: StandInBroker) -> None:
    tasks = admission(broker)
    tasks.disk_has(1.9)
    assert broker.prefetch == 0
    assert tasks.is_open
    assert tasks.trouble
    tasks.disk_has(2.0)
    assert broker.prefetch == 2
    assert not tasks.trouble


def test_no_more_are_taken_than_asked_for(broker: StandInBroker) -> None:
    in_flight = TasksInFlight()
    tasks = admission(broker, max_tasks=2, in_flight=in_flight)
    in_flight.add(held(1))
    tasks.took_one()
    assert broker.prefetch == 2
    in_flight.add(held(2))
    tasks.took_one()
    assert (broker.prefetch, tasks.is_open, tasks.is_done) == (0, False, True)
    tasks.disk_has(1.0)
    tasks.disk_has(9.0)
    assert broker.prefetch == 0


def test_one_that_went_back_with_its_connection_is_taken_again(broker: StandInBroker) -> None:
    tasks = admission(broker, max_tasks=1)
    tasks.took_one()
    tasks.lost_one()
    assert (broker.prefetch, tasks.is_open) == (1, True)


def test_a_lost_one_does_not_open_what_is_shut_or_full(broker: StandInBroker) -> None:
    tasks = admission(broker)
    tasks.took_one()
    tasks.disk_has(0.0)
    tasks.lost_one()
    assert broker.prefetch == 0
    tasks.disk_has(9.0)
    tasks.set_open(False)
    tasks.lost_one()
    tasks.disk_has(0.0)
    tasks.disk_has(9.0)
    assert (broker.prefetch, tasks.is_open) == (0, False)


def test_a_pause_ends_as_it_began(broker: StandInBroker) -> None:
    tasks = admission(broker)
    tasks.set_open(False)
    assert (broker.prefetch, tasks.is_open) == (0, False)
    tasks.set_open(True)
    assert (broker.prefetch, tasks.is_open) == (2, True)


def test_free_space_is_that_of_the_disk_where_a_folder_will_be(tmp_path: Path) -> None:
    assert free_gigabytes(tmp_path / "not" / "there") == pytest.approx(free_gigabytes(tmp_path), abs=1)


@given(workload=st.integers(1, 9), most=st.integers(1, 30), settles=st.lists(st.booleans(), max_size=200))
def test_no_more_comes_than_is_to_be_taken(workload: int, most: int, settles: list[bool]) -> None:
    """A queue sends as soon as something is settled. What comes when all are taken goes back, and another worker would
    take it for a task that has failed."""
    broker = StandInBroker(url="", worker_id="w1", inbox=SimpleQueue())
    in_flight = TasksInFlight()
    tasks = admission(broker, workload=workload, max_tasks=most, in_flight=in_flight)
    on_the_way, taken = broker.prefetch, 0
    choosing = iter([*settles, *[False] * 100])
    while not tasks.is_done:
        if in_flight and (not on_the_way or next(choosing)):
            in_flight.remove(next(iter(in_flight)))
            tasks.tell()
        else:
            taken += 1
            in_flight.add(held(taken))
            on_the_way -= 1
            tasks.took_one()
        on_the_way = max(on_the_way, broker.prefetch - len(in_flight))
        assert taken + on_the_way <= most
    assert (taken, broker.prefetch) == (most, 0)
