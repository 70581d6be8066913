# SPDX-License-Identifier: GPL-3.0-or-later
"""Worker: which child renders what. One serves as long as it may; pausing and low disks are honoured."""

from pathlib import Path

import pytest

from bender_worker_addon.system.awake import AwakeClock
from bender_worker_addon.worker import assembly
from bender_worker_addon.worker.life.activity import Pause
from tests.unit.conftest import StartFarm
from tests.unit.gates import opened
from tests.unit.processes import is_stopped
from tests.unit.support import Farm, linked, message
from tools.servers.blend_server import failing


def render_all(farm: Farm, *tasks: tuple[str, str, list[int]]) -> list[int]:
    """Renders these tasks (id, job, frames) and gives the processes that did, in order."""
    for name, job, frames in tasks:
        farm.broker.deliver(message(name, job=job, frames=frames))
    farm.until_settled(len(tasks))
    assert {how for how, _ in farm.broker.settled} == {"ack"}
    return [process for process, _ in farm.renders()]


def test_one_child_renders_all_tasks_of_a_job(farm: Farm) -> None:
    farm.add()
    processes = render_all(farm, ("a", "job-1", [1]), ("b", "job-1", [2]), ("c", "job-1", [3, 4]))
    assert len(set(processes)) == 1


def test_a_child_that_waits_for_work_gets_the_next_task_of_its_job(farm: Farm) -> None:
    farm.add()
    render_all(farm, ("a", "job-1", [1]))
    farm.broker.deliver(message("b", frames=[2]))
    farm.until_settled(2)
    assert len({process for process, _ in farm.renders()}) == 1


def test_a_child_has_its_next_task_before_the_present_one_is_done(farm: Farm) -> None:
    gate = farm.gate()
    farm.add(wait={2: gate})
    farm.broker.deliver(message("a", frames=[1, 2]))
    farm.until(lambda: len(farm.renders()) == 2)
    farm.broker.deliver(message("b", frames=[3]))
    farm.until(lambda: len(farm.broker.tasks("blend")) == 2)
    farm.worker.tick()
    opened(gate)
    farm.until(lambda: len(farm.renders()) == 3)
    farm.until_settled(2)


def test_another_job_gets_another_child(farm: Farm) -> None:
    farm.add("job-1")
    farm.add("job-2")
    processes = render_all(farm, ("a", "job-1", [1]), ("b", "job-2", [1]))
    assert len(set(processes)) == 2


def test_a_child_starts_while_the_blend_comes(farm: Farm) -> None:
    """One that is kept for another job stays, and what failed to start is not started again and again."""
    farm.add("job-1")
    farm.add("job-2", behaviour=failing(times=3))
    render_all(farm, ("a", "job-1", [1]))
    farm.broker.deliver(message("b", job="job-2"))
    farm.until(lambda: len(farm.children()) == 2)
    assert len(farm.renders()) == 1
    farm.until_settled(2)
    farm.broker.deliver(message("c", frames=[2]))
    farm.until_settled(3)
    processes = [process for process, _ in farm.renders()]
    assert processes[0] == processes[2] != processes[1]


def test_a_child_is_not_kept_where_that_is_set(start_farm: StartFarm) -> None:
    farm = start_farm(keep_child=False)
    farm.add()
    processes = render_all(farm, ("a", "job-1", [1, 2]), ("b", "job-1", [3]))
    assert processes[0] == processes[1] != processes[2]


def test_a_child_is_not_kept_where_the_scene_remembers_frames(farm: Farm) -> None:
    farm.add(keep_not="cloth that is not baked")
    processes = render_all(farm, ("a", "job-1", [1]), ("b", "job-1", [2]), ("c", "job-1", [3]))
    assert len(set(processes)) == 3


def test_a_child_that_died_idle_is_replaced_without_blame(farm: Farm) -> None:
    farm.add(die=[2], die_once=farm.folder / "died")
    render_all(farm, ("a", "job-1", [1]))
    farm.broker.deliver(message("b", frames=[2]))
    farm.broker.deliver(message("c", frames=[3]))
    farm.until_settled(3)
    assert {how for how, _ in farm.broker.settled} == {"ack"}
    assert not farm.broker.tasks("error")


def test_the_tasks_of_one_blend_share_one_download(start_farm: StartFarm) -> None:
    farm = start_farm(workload=8)
    farm.add()
    render_all(farm, *((f"t{number}", "job-1", [number]) for number in range(8)))
    assert farm.http.requests["/job/worker/blend/job-1"] == 1


def test_a_low_disk_takes_no_tasks(start_farm: StartFarm) -> None:
    farm = start_farm(disklimit=1e9)
    farm.until(lambda: farm.broker.prefetch == 0)
    farm.add()
    farm.broker.deliver(message())
    farm.until_settled()
    assert farm.broker.settled == [("ack", 1)]


def test_a_paused_worker_finishes_what_it_is_at_and_gives_the_rest_back(farm: Farm) -> None:
    gate = farm.gate()
    farm.add(wait={1: gate})
    farm.broker.deliver(message("a", frames=[1]))
    farm.broker.deliver(message("b", frames=[2]))
    farm.until(lambda: farm.renders())
    farm.worker.pause(Pause.FINISH)
    assert farm.broker.prefetch == 0
    opened(gate)
    farm.until_settled(2)
    assert sorted(farm.broker.settled) == [("ack", 1), ("requeued", 2)]
    farm.worker.resume()
    assert farm.broker.prefetch > 0
    farm.broker.deliver(message("b", frames=[2]), redelivered=True)
    farm.until_settled(3)
    assert farm.broker.settled[-1] == ("ack", 3)


def test_a_paused_worker_may_give_back_what_it_is_at(farm: Farm) -> None:
    farm.add(wait={1: farm.gate()})
    farm.broker.deliver(message())
    farm.until(lambda: farm.renders())
    farm.worker.pause(Pause.GIVE_BACK)
    farm.until_settled()
    assert farm.broker.settled == [("requeued", 1)]


def test_a_suspended_render_goes_on_where_it_was(farm: Farm) -> None:
    gate = farm.gate()
    farm.add(wait={1: gate})
    farm.broker.deliver(message())
    farm.until(lambda: farm.renders())
    farm.worker.pause(Pause.SUSPEND)
    farm.worker.resume()
    opened(gate)
    farm.until_settled()
    assert farm.broker.settled == [("ack", 1)]
    assert len(farm.renders()) == 1


@pytest.mark.parametrize("name", [".rendering", ".rendering/w1"])
def test_no_child_writes_where_a_link_leads(start_farm: StartFarm, tmp_path: Path, name: str) -> None:
    """Nor is anything removed there as a killed worker's leftovers."""
    precious = tmp_path / "elsewhere" / "w1" / "old" / "precious"
    precious.parent.mkdir(parents=True)
    precious.touch()
    link = tmp_path / "frames" / name
    link.parent.mkdir(parents=True)
    linked(link, tmp_path / "elsewhere" / ("w1" if "/" in name else ""))
    farm = start_farm()
    farm.add()
    farm.broker.deliver(message())
    farm.until_settled()
    assert farm.broker.settled == [("requeued", 1)]
    assert "leads to another folder" in farm.broker.tasks("error")[0]["data"]["error"]
    assert precious.exists()
    assert [path.name for path in (tmp_path / "elsewhere").rglob("*")] == ["w1", "old", "precious"]


class Clock:
    """Goes as fast as a test wants it."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """By which children are measured."""
    clock = Clock()
    monkeypatch.setattr(assembly, "AwakeClock", lambda schedule: AwakeClock(schedule, clock=clock))
    return clock


def test_a_machine_that_slept_ends_no_child_as_hung(clock: Clock, start_farm: StartFarm) -> None:
    farm = start_farm(stall_timeout=60.0)
    gate = farm.gate()
    farm.add(wait={1: gate})
    farm.broker.deliver(message())
    farm.until(lambda: farm.renders())
    clock.now += 8 * 3600
    farm.worker._interrupt.look_for_stall(60.0)
    opened(gate)
    farm.until_settled()
    assert farm.broker.settled == [("ack", 1)]
    assert len(farm.renders()) == 1


def test_a_child_that_is_suspended_is_not_silent_nor_one_that_goes_on(clock: Clock, farm: Farm) -> None:
    gate = farm.gate()
    farm.add(wait={1: gate})
    farm.broker.deliver(message())
    farm.until(lambda: "start" in farm.broker.history)
    dispatcher = farm.worker._dispatcher
    dispatcher.suspend(True)
    for _ in range(20):
        clock.now += 9
        assert dispatcher.silent_for(60) == []
    dispatcher.suspend(False)
    assert dispatcher.silent_for(60) == []
    for _ in range(20):
        clock.now += 9
        silent = dispatcher.silent_for(60)
    assert len(silent) == 1


def test_every_child_is_as_it_is_wanted_also_one_that_was_started_since(farm: Farm) -> None:
    def states() -> list[bool]:
        return [is_stopped(process) for process in farm.children()]

    farm.until(lambda: farm.children())
    farm.worker.pause(Pause.SUSPEND)
    farm.worker._pool.start_ahead()
    farm.until(lambda: states() == [True, True])
    farm.worker.resume()
    farm.until(lambda: not any(states()))
    assert len(states()) == 2
