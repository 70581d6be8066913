# SPDX-License-Identifier: GPL-3.0-or-later
"""Worker: how it ends, by being asked to and by itself, and that nothing of it is left."""

import time

import pytest

from bender_worker_addon.worker.life.activity import Stop
from bender_worker_addon.worker.worker import StopRequested
from tests.unit.conftest import StartFarm
from tests.unit.gates import opened
from tests.unit.processes import is_gone
from tests.unit.support import Farm, message
from tools.servers import blend_server


@pytest.mark.both_queues
def test_a_stop_finishes_the_frame_in_hand_and_gives_back_what_is_not_begun(start_farm: StartFarm) -> None:
    farm = start_farm(workload=3)
    gate = farm.gate()
    farm.add(wait={1: gate})
    for name, frame in (("a", 1), ("b", 2), ("c", 3)):
        farm.broker.deliver(message(name, frames=[frame]))
    farm.until(lambda: "start" in farm.broker.history)
    farm.worker.inbox.put(StopRequested())
    farm.until(lambda: farm.broker.prefetch == 0)
    opened(gate)
    farm.until_over()
    assert sorted(farm.broker.settled) == [("ack", 1), ("requeued", 2), ("requeued", 3)]
    assert [farm.frame(number).exists() for number in (1, 2, 3)] == [True, False, False]


@pytest.mark.both_queues
def test_a_stop_in_the_middle_of_many_frames_gives_the_task_back(farm: Farm) -> None:
    gate = farm.gate()
    farm.add(wait={2: gate})
    farm.broker.deliver(message(frames=range(1, 300)))
    farm.until(lambda: len(farm.renders()) == 2)
    farm.worker.inbox.put(StopRequested())
    farm.until(lambda: farm.broker.prefetch == 0)
    opened(gate)
    farm.until_over()
    assert farm.broker.settled == [("requeued", 1)]
    assert len(farm.renders()) < 299
    assert farm.broker.tasks("requeue")[0]["status"] == "Waiting"


@pytest.mark.both_queues
def test_a_second_stop_ends_at_once_and_gives_everything_back(farm: Farm) -> None:
    farm.add(wait={1: farm.gate()})
    farm.broker.deliver(message())
    farm.until(lambda: farm.renders())
    farm.worker.inbox.put(StopRequested())
    farm.worker.inbox.put(StopRequested())
    farm.until_over()
    farm.worker.close()
    assert farm.broker.settled == [("requeued", 1)]
    assert is_gone(farm.renders()[0][0])


@pytest.mark.parametrize("when", Stop)
def test_a_stop_with_nothing_in_hand_is_over_at_once(farm: Farm, when: Stop) -> None:
    farm.until(lambda: farm.worker.inbox.empty())
    farm.worker.stop(when)
    farm.worker.tick()
    assert farm.worker.over


@pytest.mark.both_queues
def test_a_stop_after_the_task_renders_all_of_it(start_farm: StartFarm) -> None:
    farm = start_farm(workload=2)
    gate = farm.gate()
    farm.add(wait={1: gate})
    farm.broker.deliver(message("a", frames=[1, 2, 3]))
    farm.broker.deliver(message("b", frames=[7]))
    farm.until(lambda: farm.renders())
    farm.worker.stop(Stop.AFTER_TASK)
    opened(gate)
    farm.until_over()
    assert sorted(farm.broker.settled) == [("ack", 1), ("requeued", 2)]
    assert all(farm.frame(number).is_file() for number in (1, 2, 3))
    assert not farm.frame(7).exists()


def test_a_stop_while_the_blend_is_on_its_way_gives_the_task_back(farm: Farm) -> None:
    farm.http.add("job-1", b"", behaviour=blend_server.silent(60))
    farm.broker.deliver(message())
    farm.until(lambda: "construct" in farm.broker.history)
    farm.worker.stop(Stop.AFTER_FRAME)
    farm.until_over()
    assert farm.broker.settled == [("requeued", 1)]


def test_what_comes_after_a_stop_goes_straight_back(farm: Farm) -> None:
    farm.worker.stop(Stop.AFTER_FRAME)
    farm.broker.deliver(message())
    farm.until_settled()
    assert farm.broker.history == ["requeued"]


def test_a_stop_waits_for_the_last_reports_but_not_for_ever(farm: Farm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bender_worker_addon.worker.worker._LAST_REPORTS", 0.05)
    farm.broker.deliver(message())
    farm.until(lambda: "construct" in farm.broker.history)
    farm.broker.confirms = False
    farm.worker.stop(Stop.AFTER_FRAME)
    farm.worker.tick()
    assert not farm.worker.over
    farm.until_over()
    assert farm.broker.settled == []


def test_a_stop_without_a_connection_is_over_when_the_frame_is(farm: Farm) -> None:
    gate = farm.gate()
    farm.add(wait={1: gate})
    farm.broker.deliver(message())
    farm.until(lambda: farm.renders())
    farm.broker.disconnect()
    farm.until(lambda: farm.worker.inbox.empty())
    farm.worker.stop(Stop.AFTER_FRAME)
    opened(gate)
    farm.until_over()
    assert farm.frame(1).is_file()


def test_a_worker_ends_after_the_tasks_it_was_asked_for(start_farm: StartFarm) -> None:
    farm = start_farm(max_tasks=2)
    farm.add()
    for number in (1, 2, 3):
        farm.broker.deliver(message(f"t{number}", frames=[number]))
    farm.until_over()
    assert sorted(farm.broker.settled) == [("ack", 1), ("ack", 2), ("requeued", 3)]


def test_a_worker_takes_no_more_ahead_than_it_was_asked_for(start_farm: StartFarm) -> None:
    assert start_farm(max_tasks=1, workload=5).broker.prefetch == 1


@pytest.mark.both_queues
def test_a_worker_ends_when_nothing_came_for_long_enough(start_farm: StartFarm) -> None:
    farm = start_farm(idle_exit=1.5)  # to deliver takes a while, too
    farm.add()
    farm.broker.deliver(message())
    farm.until_over()
    assert farm.broker.settled == [("ack", 1)]


def test_a_worker_with_a_task_is_not_idle(start_farm: StartFarm) -> None:
    farm = start_farm(idle_exit=0.1)
    gate = farm.gate()
    farm.add(wait={1: gate})
    farm.broker.deliver(message())
    farm.until(lambda: farm.renders())
    deadline = time.monotonic() + 0.3
    while time.monotonic() < deadline:
        farm.worker.tick(0.05)
    assert not farm.worker.over
    opened(gate)
    farm.until_over()


@pytest.mark.both_queues
def test_nothing_of_a_closed_worker_is_left(farm: Farm) -> None:
    farm.add(wait={1: farm.gate()})
    farm.broker.deliver(message())
    farm.until(lambda: farm.renders())
    farm.worker.close()
    assert is_gone(farm.renders()[0][0])
    assert not (farm.folder / "frames" / ".rendering" / "w1").exists()
    assert farm.broker.closed


def test_what_fails_beside_the_loop_while_the_worker_closes_is_told(farm: Farm) -> None:
    farm.worker.stop(Stop.NOW)
    farm.until_over()

    def fail() -> None:
        raise ValueError("nobody foresaw this")

    farm.worker._assembly.beside(fail)
    with pytest.raises(ValueError, match="nobody foresaw this"):
        farm.worker.close()
