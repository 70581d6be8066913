# SPDX-License-Identifier: GPL-3.0-or-later
"""TasksInFlight: found by stage, by job, by work; may be changed while they are gone through."""

from pathlib import Path
from typing import Any

from bender_worker_addon.core.frame import StoredFrame
from bender_worker_addon.core.in_flight import InFlight, Stage, TasksInFlight
from bender_worker_addon.core.task import Task
from tests.unit.support import message


def held(task_id: str, **wire: Any) -> InFlight:
    return InFlight(Task.from_json(message(task_id, **wire)), [], redelivered=False)


def test_they_are_found_in_the_order_they_came() -> None:
    tasks, one, other, third = TasksInFlight(), held("a", job="x"), held("b", job="y"), held("c", job="x")
    for task in (one, other, third):
        tasks.add(task)
    one.stage, other.stage, third.stage = Stage.GIVEN, Stage.READY, Stage.ENDING
    assert list(tasks) == [one, other, third]
    assert tasks.at(Stage.READY, Stage.GIVEN) == [one, other]
    assert tasks.of_job("x") == [one, third]
    assert tasks.stages == {Stage.GIVEN, Stage.READY, Stage.ENDING}


def test_one_that_is_removed_is_gone_however_often() -> None:
    tasks, one, other = TasksInFlight(), held("a"), held("b")
    tasks.add(one)
    tasks.add(other)
    for task in tasks:
        tasks.remove(task)
        tasks.remove(task)
        assert not tasks.has(task)
    assert len(tasks) == 0


def test_the_same_work_is_in_hand_and_other_work_is_not() -> None:
    tasks, one = TasksInFlight(), held("a", frames=[1, 2])
    tasks.add(held("b", frames=[1, 2]))
    tasks.add(one)
    assert tasks.duplicate_of(held("a", frames=[1, 2]).task) is one
    assert tasks.duplicate_of(held("a", frames=[1]).task) is None


def test_its_missing_frames_are_those_not_stored() -> None:
    one = held("a", frames=[3, 1, 2])
    one.stored[2] = StoredFrame(2, Path("f"), 1, "ab")
    assert one.missing == (1, 3)
