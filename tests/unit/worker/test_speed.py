# SPDX-License-Identifier: GPL-3.0-or-later
"""Worker: what it does so that no child waits and no task is stuck: how many are held, which children are kept warm."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from bender_worker_addon.core.messages import SPENT
from bender_worker_addon.system import memory
from bender_worker_addon.worker.children import child, prefetch
from bender_worker_addon.worker.children.child import FrameTimes
from bender_worker_addon.worker.children.dispatcher import Dispatcher
from bender_worker_addon.worker.children.prefetch import Prefetch
from tests.unit.conftest import StartFarm
from tests.unit.gates import opened
from tests.unit.support import Farm, message


def two_at_work(start_farm: StartFarm, **scene: Any) -> tuple[Farm, dict[int, Path]]:
    """Two children, each at a frame (1, 2) that waits at its gate, as the worker has heard of both."""
    farm = start_farm(renderers=2)
    gates = {number: farm.gate() for number in (1, 2)}
    farm.add(wait=gates, **scene)
    for number in gates:
        farm.broker.deliver(message(f"t{number}", frames=[number]))
    farm.until(lambda: len(farm.renders()) == 2 == sum(child.is_rendering for child in farm.worker._pool.children))
    return farm, gates


def render_all(farm: Farm, *tasks: tuple[str, str, list[int]]) -> list[int]:
    """Renders these tasks (id, job, frames) one after the other; gives the processes of all frames so far, in order."""
    for name, job, frames in tasks:
        farm.broker.deliver(message(name, job=job, frames=frames))
        farm.until_settled(len(farm.broker.settled) + 1)
    assert {how for how, _ in farm.broker.settled} == {"ack"}
    return [process for process, _ in farm.renders()]


@pytest.mark.parametrize(("seconds", "ahead"), [(0.01, 48), (0.1, 16), (0.3, 4), (2.0, 1), (10.1, 1), (3600.0, 1)])
def test_the_shorter_tasks_are_the_more_are_held(seconds: float, ahead: int) -> None:
    its = Prefetch(children=1)
    assert its.ahead == 1
    its.add(seconds)
    assert its.ahead == ahead


def test_after_a_long_task_many_short_ones_must_come_before_many_are_held() -> None:
    its = Prefetch(children=1)
    its.add(0.01)
    its.add(1.0)
    held = [its.ahead]
    for _ in range(16):
        its.add(0.01)
        held.append(its.ahead)
    assert held == [1] * 16 + [48]


def test_tasks_that_take_now_more_now_less_than_a_step_change_nothing() -> None:
    its = Prefetch(children=1)
    its.add(0.029)
    for _ in range(16):
        its.add(0.04)
    assert its.ahead == 48
    its.add(0.05)
    assert its.ahead == 16


@pytest.mark.parametrize(
    ("children", "seconds", "just_in_time"), [(1, 0.4, False), (1, 0.6, True), (4, 0.6, False), (4, 9.0, True)]
)
def test_the_next_of_long_tasks_comes_just_in_time_if_they_come_seldom(
    children: int, seconds: float, just_in_time: bool
) -> None:
    its = Prefetch(children=children)
    assert its.just_in_time
    its.add(seconds)
    assert its.just_in_time == just_in_time


@pytest.mark.parametrize(
    ("seconds", "frames", "left", "elapsed", "wait"),
    [
        (1.0, 1, 1, 0.0, 0.75),
        (1.0, 1, 1, 0.75, 0.0),
        (10.0, 1, 1, 2.0, 7.0),
        (3600.0, 1, 1, 0.0, 3570.0),
        (0.05, 1, 1, 0.0, -0.2),
        (10.0, 1, 1, 30.0, -1.0),
        (10.0, 5, 2, 3.0, math.inf),
        (10.0, 5, 1, 3.0, 2.0),
        (1.0, 20, 3, 0.5, 0.5),
        (1.0, 20, 4, 0.5, math.inf),
    ],
)
def test_the_next_task_is_asked_for_when_a_tenth_of_the_present_one_is_left(
    seconds: float, frames: int, left: int, elapsed: float, wait: float
) -> None:
    """A quarter of a second at least, half a minute at most; and not before the frame in which that moment lies."""
    times = FrameTimes()
    times.add(seconds)
    assert times.next_wanted_in(frames, left=left, elapsed=elapsed) == wait


def test_the_shortest_of_the_last_frames_says_when_the_next_task_is_asked_for() -> None:
    times = FrameTimes()
    for seconds in (1.0, 4.0, 8.0):
        times.add(seconds)
    assert times.next_wanted_in(1, left=1, elapsed=0.0) == 0.75
    for _ in range(8):
        times.add(8.0)
    assert times.next_wanted_in(1, left=1, elapsed=0.0) == 7.2


def test_while_nothing_is_known_of_a_job_its_next_task_is_not_asked_for_ahead() -> None:
    times = FrameTimes()
    assert times.next_wanted_in(1, left=1, elapsed=100.0) == math.inf
    times.add(10.0)
    times.forget()
    assert times.next_wanted_in(1, left=1, elapsed=100.0) == math.inf


def test_a_frame_is_slow_that_takes_twice_as_long_as_any_before_it() -> None:
    times = FrameTimes()
    assert (times.is_slow(0.9), times.is_slow(1.1)) == (False, True)
    for seconds in (1.0, 4.0):
        times.add(seconds)
    assert (times.is_slow(7.9), times.is_slow(8.1)) == (False, True)


def test_the_next_of_long_tasks_is_asked_for_in_the_midst_of_the_present_one(
    farm: Farm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And goes back, once that takes much longer than the last."""
    monkeypatch.setattr(child, "SLOW", math.inf)
    gate = farm.gate()
    farm.add(seconds=0.6, wait={2: gate})
    render_all(farm, ("a", "job-1", [1]))
    assert farm.broker.prefetch == 1
    farm.broker.deliver(message("b", frames=[2]))
    farm.until(lambda: farm.broker.prefetch == 2)
    farm.broker.deliver(message("c", frames=[3]))
    monkeypatch.setattr(child, "SLOW", 1.0)
    farm.until_settled(2)
    assert farm.broker.settled[1:] == [("requeued", 3)]
    assert farm.broker.prefetch == 1
    opened(gate)
    farm.until_settled(3)


def test_the_next_of_long_tasks_goes_to_the_child_that_is_done_first(
    start_farm: StartFarm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor need it be moved there later, when that one has nothing to do."""
    monkeypatch.setattr(Dispatcher, "even_out", lambda _: None)
    monkeypatch.setattr(child, "SLOW", math.inf)
    monkeypatch.setattr(prefetch, "_SELDOM", 0.0)
    farm = start_farm(renderers=2)
    first, second = farm.gate(), farm.gate()
    farm.add("job-1", seconds=0.6, wait={2: first, 4: second})
    farm.broker.deliver(message("a", frames=[2]))
    farm.broker.deliver(message("b", frames=[1]))
    farm.until_settled(1)
    farm.broker.deliver(message("c", frames=[4]))
    farm.until(lambda: farm.broker.prefetch == 3)
    farm.broker.deliver(message("d", frames=[5]))
    farm.until(lambda: farm.worker.inbox.empty())
    opened(second)
    farm.until_settled(3)
    opened(first)
    farm.until_settled(4)
    process = {frame: process for process, frame in farm.renders()}
    assert process[5] == process[4] == process[1] != process[2]


def test_short_tasks_are_held_by_the_dozen(farm: Farm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prefetch, "_STEPS", ((10.0, 48),))  # on a slow machine none is shorter
    farm.add()
    assert farm.broker.prefetch == 1
    render_all(farm, ("a", "job-1", [1]))
    farm.until(lambda: farm.broker.prefetch == 49)


def test_a_workload_that_is_set_is_kept_to(start_farm: StartFarm) -> None:
    farm = start_farm(workload=2)
    farm.add()
    render_all(farm, ("a", "job-1", [1]))
    assert farm.broker.prefetch == 2


def test_no_task_waits_here_for_a_frame_that_takes_long(farm: Farm) -> None:
    """Many short ones were expected, and a long one came: they go back, and are no longer the child's."""
    gate = farm.gate()
    farm.add(wait={2: gate})
    render_all(farm, ("a", "job-1", [1]))
    for number in range(2, 8):
        farm.broker.deliver(message(f"t{number}", frames=[number]))
    farm.until_settled(6)
    assert sorted(farm.broker.settled[1:]) == [("requeued", tag) for tag in range(3, 8)]
    assert farm.broker.prefetch == 1
    opened(gate)
    farm.until_settled(7)
    assert [frame for _, frame in farm.renders()] == [1, 2]


def holding_ahead(farm: Farm, tasks: int, *, seconds: float) -> Path:
    """One child has begun with a task, waits at the gate that is returned, and has so many others ahead; its tasks take
    so long."""
    gate = farm.gate()
    farm.add(wait={2: gate})
    render_all(farm, ("a", "job-1", [1]))
    farm.worker._dispatcher._prefetch._last.clear()
    farm.worker._dispatcher._prefetch.add(seconds)
    for number in range(2, 3 + tasks):
        farm.broker.deliver(message(f"t{number}", frames=[number]))
    (child,) = farm.worker._pool.children
    farm.until(lambda: child.tasks == 1 + tasks and len(farm.renders()) == 2)
    return gate


@pytest.mark.parametrize(
    ("ahead", "seconds", "leisure"), [(0, 0.02, 0.0), (4, 0.02, 0.01), (16, 0.02, 0.04), (16, 0.1, 0.2)]
)
def test_while_a_child_has_work_for_long_the_worker_rests_for_an_eighth_of_that(
    start_farm: StartFarm, ahead: int, seconds: float, leisure: float
) -> None:
    farm = start_farm(workload=20)
    gate = holding_ahead(farm, ahead, seconds=seconds)
    assert farm.worker._dispatcher.leisure == pytest.approx(leisure)
    opened(gate)
    farm.until_settled(ahead + 2)


def test_the_worker_never_rests_for_more_than_a_quarter_of_a_second(start_farm: StartFarm) -> None:
    farm = start_farm(workload=60)
    gate = holding_ahead(farm, 16, seconds=0.124)
    farm.worker._dispatcher._prefetch._last.clear()
    farm.worker._dispatcher._prefetch.add(1.0)
    assert farm.worker._dispatcher.leisure == 0.25
    opened(gate)


def test_the_worker_does_not_rest_while_a_child_has_nothing_to_do(
    start_farm: StartFarm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Dispatcher, "even_out", lambda _: None)
    monkeypatch.setattr(Dispatcher, "has_slow_frame", lambda _: False)  # those at the gates are, on a slow machine
    farm, gates = two_at_work(start_farm)
    farm.worker._dispatcher._prefetch.add(0.02)
    for number in range(3, 9):
        farm.broker.deliver(message(f"t{number}", frames=[number]))
    farm.until(lambda: sorted(child.tasks for child in farm.worker._pool.children) == [4, 4])
    assert farm.worker._dispatcher.leisure > 0
    opened(gates[2])
    farm.until_settled(4)
    assert sorted(child.tasks for child in farm.worker._pool.children) == [0, 4]
    assert farm.worker._dispatcher.leisure == 0
    opened(gates[1])
    farm.until_settled(8)


def test_two_jobs_in_turn_have_a_warm_child_each(farm: Farm) -> None:
    farm.add("job-1")
    farm.add("job-2")
    tasks = [(f"{job}{number}", job, [number]) for number in range(3) for job in ("job-1", "job-2")]
    processes = render_all(farm, *tasks)
    assert processes == processes[:2] * 3
    assert processes[0] != processes[1]


def test_without_memory_for_it_no_second_child_is_kept(farm: Farm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "available", lambda: 0)
    farm.add("job-1")
    farm.add("job-2")
    processes = render_all(farm, ("a", "job-1", [1]), ("b", "job-2", [1]), ("c", "job-1", [2]))
    assert len(set(processes)) == 3


def test_a_third_job_takes_the_place_of_the_one_that_was_used_longest_ago(farm: Farm) -> None:
    for job in ("job-1", "job-2", "job-3"):
        farm.add(job)
    render_all(farm, ("a", "job-1", [1]), ("b", "job-2", [1]), ("c", "job-3", [1]))
    processes = render_all(farm, ("d", "job-2", [2]), ("e", "job-3", [2]), ("f", "job-1", [2]))
    assert processes[3:5] == processes[1:3]
    assert processes[5] not in processes[:5]


def test_several_children_render_side_by_side(start_farm: StartFarm) -> None:
    farm, gates = two_at_work(start_farm)
    for gate in gates.values():
        opened(gate)
    farm.until_settled(2)
    assert len({process for process, _ in farm.renders()}) == 2
    assert farm.http.requests["/job/worker/blend/job-1"] == 1


def test_what_waits_behind_a_long_frame_is_rendered_by_a_child_that_has_nothing_to_do(start_farm: StartFarm) -> None:
    farm, gates = two_at_work(start_farm, seconds=0.6)
    for number in (3, 4):
        farm.broker.deliver(message(f"t{number}", frames=[number]))
    farm.until(lambda: len(farm.broker.tasks("blend")) == 4)
    farm.worker.tick()  # each child has one of them
    opened(gates[2])
    farm.until_settled(3)
    for number in (5, 6, 7):  # the last of them waits behind that frame again
        farm.broker.deliver(message(f"t{number}", frames=[number]))
    farm.until_settled(6)
    assert {tag for how, tag in farm.broker.settled} == {2, 3, 4, 5, 6, 7}
    opened(gates[1])
    farm.until_settled(7)
    assert {how for how, _ in farm.broker.settled} == {"ack"}
    processes = {frame: process for process, frame in farm.renders()}
    assert processes[2] == processes[3] == processes[4] != processes[1]


def test_of_several_children_the_one_on_the_best_device_has_what_comes_alone(start_farm: StartFarm) -> None:
    farm, gates = two_at_work(start_farm)
    for number in (1, 2):  # the child on the second device is the one that was at work last
        opened(gates[number])
        farm.until_settled(number)
    render_all(farm, ("t3", "job-1", [3]))
    processes = {frame: process for process, frame in farm.renders()}
    assert processes[3] == processes[1] != processes[2]


def test_one_of_several_children_that_dies_takes_nothing_of_the_others_along(start_farm: StartFarm) -> None:
    farm = start_farm(renderers=2)
    gate = farm.gate()
    farm.add(wait={1: gate}, die=[2], die_once=farm.folder / "died")
    for number in (1, 2):
        farm.broker.deliver(message(f"t{number}", frames=[number]))
    farm.until(lambda: farm.broker.settled)
    assert farm.broker.settled == [("ack", 2)]
    opened(gate)
    farm.until_settled(2)
    assert [frame for _, frame in farm.renders()].count(1) == 1


def test_a_child_that_is_larger_than_it_may_be_is_renewed_between_frames(start_farm: StartFarm) -> None:
    farm = start_farm(memory_limit=0.001)
    farm.add()
    processes = render_all(farm, ("a", "job-1", [1]), ("b", "job-1", [2]))
    assert [frame for _, frame in farm.renders()] == [1, 2]
    assert len(set(processes)) == 2


def test_a_child_that_has_doubled_is_renewed(farm: Farm) -> None:
    farm.add(grow={6: 400_000_000})
    processes = render_all(farm, *((f"t{number}", "job-1", [number]) for number in range(1, 9)))
    assert len(set(processes[:6])) == 1
    assert len(set(processes)) == 2


def test_a_task_says_what_its_seconds_went_into(farm: Farm) -> None:
    farm.add()
    farm.broker.deliver(message(frames=[1, 2]))
    farm.until_settled()
    timings = json.loads(farm.broker.tasks("finish")[0]["data"]["timings"])
    assert set(timings) == {"download", "queue", *SPENT, "store"}
    assert all(seconds >= 0 for seconds in timings.values())
    assert timings["download"] > 0


@pytest.mark.parametrize(("devices", "used"), [("OPTIX,CPU", "CPU"), ("CUDA", "CUDA")])
def test_a_task_says_what_it_was_rendered_on(start_farm: StartFarm, devices: str, used: str) -> None:
    """The stand-in child uses the last one it may."""
    farm = start_farm(devices=devices)
    farm.add()
    render_all(farm, ("a", "job-1", [1]))
    assert farm.broker.tasks("finish")[0]["data"]["device"] == used


def test_a_machine_tells_its_memory() -> None:
    assert memory.available() > 1 << 20
