# SPDX-License-Identifier: GPL-3.0-or-later
"""What people are told of the task in hand: counted frames, and a guess where Blender tells nothing."""

from pathlib import Path

import pytest

from bender_worker_addon.core.in_flight import InFlight
from bender_worker_addon.core.task import Task
from bender_worker_addon.worker.state.status import Record
from tests.unit.support import message

FRAME = Path("000001.png")


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


def held_task(clock: Clock, *frames: int) -> InFlight:
    return InFlight(Task.from_json(message(frames=frames)), [], been_round=False, begun=clock.now)


def test_what_blender_tells_of_a_frame_counts(clock: Clock, record: Record) -> None:
    held = held_task(clock, 1, 2)
    record.frame_begun(1)
    record.frame_is_at(0.5)
    clock.now += 10
    shown = record.in_hand(held)
    assert (shown.number, shown.position, shown.total, shown.part) == (1, 1, 2, 0.25)
    assert (shown.elapsed, shown.left) == (10, 30)


def test_where_blender_tells_nothing_the_frame_before_gives_the_measure(clock: Clock, record: Record) -> None:
    held = held_task(clock, 1, 2)
    record.frame_begun(1)
    clock.now += 8
    record.frame_begun(2)
    record.frame_stored(1, FRAME)
    parts = []
    for _ in range(4):
        parts.append(record.in_hand(held).part)
        clock.now += 4
    assert parts == [0.5, 0.75, 0.97, 0.97]


def test_before_anything_is_known_nobody_is_told_how_long_it_takes(clock: Clock, record: Record) -> None:
    record.frame_begun(1)
    shown = record.in_hand(held_task(clock, 1))
    assert (shown.part, shown.left) == (0.0, None)


def test_an_idle_worker_s_speed_stands_still(clock: Clock, record: Record) -> None:
    clock.now += 36
    record.frame_stored(1, FRAME)
    assert (record.frames, record.an_hour, record.last_frame) == (1, 100, FRAME)
    clock.now += 1000
    assert record.an_hour == 100
