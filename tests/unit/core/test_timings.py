# SPDX-License-Identifier: GPL-3.0-or-later
"""Timings: every second of a task is counted once, under the name of what it went into."""

import json

import pytest

from bender_worker_addon.core import timings
from bender_worker_addon.core.timings import Timings


class Clock:
    now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(timings, "time", clock)
    return clock


def test_every_second_goes_into_what_ended_then(clock: Clock) -> None:
    spent = Timings()
    clock.now += 2
    assert spent.passed("download") == 2
    clock.now += 3
    assert spent.passed("queue") == 3
    assert spent.passed("queue") == 0
    assert json.loads(spent.in_json()) == {"download": 2, "queue": 3}


def test_what_the_child_and_the_store_tell_themselves_is_not_counted_again(clock: Clock) -> None:
    spent = Timings()
    clock.now += 60
    spent.rendered({"sync": 1, "render": 50})
    clock.now += 0.25
    spent.passed("queue")
    clock.now += 7
    spent.stored(4)
    clock.now += 0.5
    spent.passed("upload")
    assert json.loads(spent.in_json()) == {"sync": 1, "render": 50, "queue": 0.25, "store": 4, "upload": 0.5}


def test_frames_are_added_up(clock: Clock) -> None:
    spent = Timings()
    for seconds in (1.5, 2.5):
        spent.rendered({"render": seconds})
        spent.stored(1)
    assert json.loads(spent.in_json()) == {"render": 4, "store": 2}


def test_a_childs_clock_that_went_back_takes_nothing_away(clock: Clock) -> None:
    spent = Timings()
    spent.rendered({"render": -3})
    spent.rendered({"render": 0.5})
    assert json.loads(spent.in_json()) == {"render": 0.5}


def test_people_are_shown_milliseconds_and_nothing_that_took_none(clock: Clock) -> None:
    spent = Timings()
    spent.rendered({"sync": 0.0005, "render": 1.23456, "write": 0.0004})
    assert str(spent) == "sync 0.001, render 1.235"
    assert json.loads(spent.in_json()) == {"sync": 0.0005, "render": 1.2346, "write": 0.0004}
