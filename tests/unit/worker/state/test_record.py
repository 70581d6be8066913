# SPDX-License-Identifier: GPL-3.0-or-later
"""What people are told of the task in hand: counted frames, and a guess where Blender tells nothing."""

from dataclasses import replace
from pathlib import Path

import pytest

from bender_worker_addon.core.frame import StoredFrame
from bender_worker_addon.core.in_flight import InFlight
from bender_worker_addon.core.task import Task
from bender_worker_addon.worker.state.record import Record
from tests.unit.support import message

FRAME = StoredFrame(number=1, path=Path("000001.png"), size=8, hash="")


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def record(clock: Clock) -> Record:
    return Record(clock=clock)


def held_task(clock: Clock, *frames: int, job: str = "job-1") -> InFlight:
    task = Task.from_json(message(job=job, frames=frames))
    return InFlight(task, [], redelivered=False, started_at=clock.now)


def test_what_blender_tells_of_a_frame_counts(clock: Clock, record: Record) -> None:
    held = held_task(clock, 1, 2)
    record.frame_begun(held, 1)
    record.frame_is_at(held, 0.5)
    clock.now += 10
    shown = record.in_hand(held)
    assert (shown.number, shown.position, shown.total, shown.part) == (1, 1, 2, 0.25)
    assert (shown.elapsed, shown.left) == (10, 30)


def test_where_blender_tells_nothing_the_frame_before_gives_the_measure(clock: Clock, record: Record) -> None:
    held = held_task(clock, 1, 2)
    record.frame_begun(held, 1)
    clock.now += 8
    record.frame_begun(held, 2)
    record.frame_stored(held, FRAME)
    parts = []
    for _ in range(4):
        parts.append(record.in_hand(held).part)
        clock.now += 4
    assert parts == [0.5, 0.75, 0.97, 0.97]


def test_before_anything_is_known_nobody_is_told_how_long_it_takes(clock: Clock, record: Record) -> None:
    held = held_task(clock, 1)
    record.frame_begun(held, 1)
    shown = record.in_hand(held)
    assert (shown.part, shown.left) == (0.0, None)


def test_while_nothing_can_be_counted_it_is_told_what_blender_does(clock: Clock, record: Record) -> None:
    """Of a first frame only: of those after it can be guessed how far they are."""
    held = held_task(clock, 1, 2)
    record.frame_begun(held, 1)
    told = [record.in_hand(held).doing]
    clock.now += 2
    told.append(record.in_hand(held).doing)
    record.frame_is_at(held, 0.0, "Loading textures")
    told.append(record.in_hand(held).doing)
    record.frame_is_at(held, 0.0)
    told.append(record.in_hand(held).doing)
    record.frame_stored(held, FRAME)
    record.frame_begun(held, 2)
    record.frame_is_at(held, 0.0, "Preparing the scene")
    told.append(record.in_hand(held).doing)
    assert told == ["", "Preparing the scene", "Loading textures", "", ""]


def test_an_idle_worker_s_speed_stands_still(clock: Clock, record: Record) -> None:
    clock.now += 36
    record.frame_stored(held_task(clock, 1), FRAME)
    assert (record.frames, record.an_hour, record.last_frame) == (1, 100, FRAME.path)
    clock.now += 1000
    assert record.an_hour == 100


def test_the_speed_is_that_of_the_last_ten_minutes(clock: Clock, record: Record) -> None:
    slow, quick = held_task(clock, *range(1, 4)), held_task(clock, *range(4, 104))
    for held, seconds in ((slow, 360), (quick, 10)):
        for number in held.task.frames:
            record.frame_begun(held, number)
            clock.now += seconds
            record.frame_stored(held, replace(FRAME, number=number))
    assert (record.frames, record.an_hour) == (103, 360)


def test_a_second_of_frames_says_nothing_of_an_hour(clock: Clock, record: Record) -> None:
    held = held_task(clock, *range(1, 41))
    told = []
    for number in held.task.frames:
        record.frame_begun(held, number)
        clock.now += 0.25
        record.frame_stored(held, replace(FRAME, number=number))
        told.append(record.an_hour)
    assert told == [None] * 39 + [14400]


def test_two_children_are_not_taken_for_one(clock: Clock, record: Record) -> None:
    """Side by side they are at frames of the same number, of other jobs."""
    one, other = held_task(clock, 1, job="job-1"), held_task(clock, 1, 2, job="job-2")
    record.frame_begun(one, 1)
    record.frame_is_at(one, 0.5)
    clock.now += 6
    record.frame_begun(other, 1)
    record.frame_is_at(other, 0.2)
    clock.now += 4
    record.frame_stored(one, FRAME)
    shown = record.in_hand(other)
    assert (shown.job_id, shown.number, shown.part) == ("job-2", 1, 0.1)
    record.frame_begun(held_task(clock, 3, job="job-1"), 3)
    assert record.in_hand(other).number == 1
