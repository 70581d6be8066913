# SPDX-License-Identifier: GPL-3.0-or-later
"""A night's end: it is counted down, can be called off till then, and no worker is at work when the machine rests."""

from datetime import datetime, timedelta

import pytest

from bender_worker_addon.blender.worker.night import Act, Night, next_time
from bender_worker_addon.core.errors import WorkerError
from bender_worker_addon.system.power import Rest

EVENING = datetime(2026, 3, 1, 22, 30)
MORNING = datetime(2026, 3, 2, 7)
SECOND = timedelta(seconds=1)


def test_it_lasts_until_its_time_then_counts_down_and_rests_when_nothing_runs() -> None:
    night = Night(MORNING, Rest.SLEEP)
    assert night.words(EVENING) == "until 07:00, then sleep"
    assert night.at(MORNING - SECOND, is_left=False, works=True) == (night, Act.NOTHING)
    counting, act = night.at(MORNING, is_left=True, works=True)
    assert act is Act.STOP
    assert counting is not None
    assert counting.words(MORNING + 15 * SECOND) == "this computer is going to sleep in 0:45"
    assert counting.at(MORNING + 59 * SECOND, is_left=True, works=False) == (counting, Act.NOTHING)
    assert counting.at(MORNING + 60 * SECOND, is_left=True, works=True) == (counting, Act.STOP_NOW)
    assert counting.at(MORNING + 61 * SECOND, is_left=True, works=False) == (None, Act.REST)


def test_without_a_time_it_lasts_until_all_is_done() -> None:
    night = Night(None, Rest.SHUT_DOWN)
    assert night.words(EVENING) == "until all is done, then shut down"
    assert night.at(EVENING, is_left=True, works=True) == (night, Act.NOTHING)
    counting, act = night.at(EVENING, is_left=False, works=True)
    assert act is Act.NOTHING
    assert counting is not None
    assert counting.words(EVENING) == "this computer is going to shut down in 1:00"
    assert counting.at(EVENING + 30 * SECOND, is_left=True, works=True) == (night, Act.NOTHING)
    assert counting.at(EVENING + 60 * SECOND, is_left=False, works=True) == (counting, Act.STOP_NOW)


def test_it_may_end_with_the_rendering_alone() -> None:
    night = Night(MORNING, Rest.NOTHING)
    assert night.words(EVENING) == "until 07:00"
    assert night.at(MORNING, is_left=True, works=True) == (None, Act.STOP)


@pytest.mark.parametrize(
    ("text", "then"),
    [
        ("7:00", MORNING),
        ("7", MORNING),
        (" 07.00 ", MORNING),
        ("23:15", EVENING.replace(hour=23, minute=15)),
        ("", None),
    ],
)
def test_a_time_is_the_next_one(text: str, then: datetime | None) -> None:
    assert next_time(text, EVENING) == then


@pytest.mark.parametrize("text", ["24:00", "7:60", "at seven", "-1", "7:0"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(WorkerError, match="like 7:00"):
        next_time(text, EVENING)
