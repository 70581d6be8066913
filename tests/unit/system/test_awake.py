# SPDX-License-Identifier: GPL-3.0-or-later
"""AwakeClock: a night in which the machine slept is no time that passed."""

import sched

import pytest

from bender_worker_addon.system.awake import AwakeClock


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def test_what_a_machine_slept_does_not_count() -> None:
    clock = Clock()
    schedule = sched.scheduler(clock, clock.sleep)
    awake = AwakeClock(schedule, clock=clock)
    began = awake()
    clock.now += 8 * 3600
    schedule.run(blocking=False)
    assert awake() - began <= 10


def test_it_looks_at_itself_often_enough_to_count_every_second() -> None:
    clock = Clock()
    schedule = sched.scheduler(clock, clock.sleep)
    awake = AwakeClock(schedule, clock=clock)
    began = awake()
    for _ in range(3600):
        clock.now += 1
        schedule.run(blocking=False)
    assert awake() - began == pytest.approx(3600)
