# SPDX-License-Identifier: GPL-3.0-or-later
"""What an artist is told of her jobs."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bender_worker_addon.blender.farm import words
from bender_worker_addon.farm.books import Failure, Job
from bender_worker_addon.farm.pace import Pace
from bender_worker_addon.farm.tasks import TaskRecord
from bender_worker_addon.sites.site import Details

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def job(name: str, status: str = "Queued", *, hour: int = 1, priority: int = 0, paused: bool = False) -> Job:
    return Job(name, name, f"2026-03-02T{hour:02}:00:00Z", status, priority, {"Waiting": 4, "Finished": 2}, paused)


def test_what_is_rendered_comes_first_then_what_waits_in_its_turn_then_what_is_over() -> None:
    jobs = [
        job("old", "Finished", hour=1),
        job("paused", paused=True, hour=1),
        job("second", hour=3),
        job("first", hour=2),
        job("urgent", priority=5, hour=4),
        job("now", "Running", hour=5),
        job("new", "Errored", hour=6),
    ]
    names = [found.name for found in words.in_order(jobs)]
    assert names == ["now", "urgent", "first", "second", "paused", "new", "old"]


@pytest.mark.parametrize("up", [True, False])
def test_a_job_passes_the_one_beside_it(up: bool) -> None:
    jobs = words.in_order([job("a", hour=1), job("b", hour=2), job("c", hour=3), job("x", "Finished")])
    priority = words.priority_to_pass(jobs, "b", up=up)
    assert priority is not None
    after = [job("a", hour=1), job("b", hour=2, priority=priority), job("c", hour=3)]
    assert [found.name for found in words.in_order(after)] == (["b", "a", "c"] if up else ["a", "c", "b"])
    assert words.priority_to_pass(jobs, "a", up=True) is None
    assert words.priority_to_pass(jobs, "c", up=False) is None
    assert words.priority_to_pass(jobs, "x", up=True) is None


def test_a_reason_is_told_once_with_all_its_frames() -> None:
    failures = [Failure(str(number), f"frame {number}: no camera") for number in (1, 2, 3)]
    failures += [Failure("9", "out of memory"), Failure("4-7", "frame 5: no camera")]
    assert words.reasons(failures) == [("1-7", "no camera"), ("9", "out of memory")]


def test_what_waits_is_one_list_whatever_the_books_call_it() -> None:
    lists = {"Waiting": "1-2,9-12", "Queued": "4-8", "Errored": "3"}
    assert words.by_state(lists) == {"Waiting": "1-2, 4-12", "Failed": "3"}


def test_a_reason_stands_without_its_frame() -> None:
    assert words.without_frame("Stopped after 3 frames failed in the same way: frame 5: no camera").endswith(
        "way: no camera"
    )


def test_the_facts_of_a_job_say_how_long_it_takes() -> None:
    running = job("shot", "Running")
    pace = Pace(90.0, NOW)
    details = Details(running, {}, [], [], Path(), 24.0, pace=pace)
    assert words.facts(details, NOW) == ["Sent today 01:00", "1:30 a frame, 6:00 left"]
    details = Details(job("shot", "Finished"), {}, [], [], Path(), 24.0, pace=Pace(2.25, NOW - timedelta(days=1)))
    assert words.facts(details, NOW) == ["Sent today 01:00", "2.2 s a frame, last one yesterday 12:00"]


def test_a_moment_that_is_none_is_told_as_it_is() -> None:
    assert words.when("", NOW) == ""
    assert words.when("2025-01-02T03:04:05.6Z", NOW) == "2025-01-02 03:04"


def test_a_job_goes_to_the_top() -> None:
    jobs = words.in_order([job("a", priority=5, hour=1), job("b", hour=2), job("c", priority=5, hour=3)])
    for name in "bc":
        priority = words.priority_to_lead(jobs, name)
        assert priority is not None
        after = [one if one.name != name else job(name, priority=priority, hour=4) for one in jobs]
        assert words.in_order(after)[0].name == name
    assert words.priority_to_lead(jobs, "a") is None
    assert words.priority_to_lead([job("x", "Finished"), job("a")], "x") is None


def test_frames_are_told_as_they_may_have_been_typed() -> None:
    assert words.frames("1,6,11,16,21") == "1-21x5"
    assert words.frames("7,1-3,11,9") == "1-3, 7-11x2"
    assert words.frames("1-100000") == "1-100000"


def test_a_frame_is_named_with_its_place_among_those_that_are_there() -> None:
    assert words.place(7, range(1, 13)) == "Frame 7 of 12"
    assert words.place(107, range(101, 113)) == "Frame 107, 7 of 12"


@pytest.mark.parametrize(
    ("frame", "played"), [(3, range(1, 5)), (10, range(4, 17, 6)), (16, range(4, 17, 6)), (30, range(30, 31))]
)
def test_what_is_played_is_the_longest_run_in_which_a_frame_is(frame: int, played: range) -> None:
    numbers = (1, 2, 3, 4, 10, 16, 30) if frame != 30 else (30,)
    assert words.run_around(numbers, frame) == played


def test_a_log_says_whose_it_is_and_why_it_failed() -> None:
    task = TaskRecord(1, "t", "7", "Errored", worker="mill", error="out of memory", warnings="a\nb")
    told = words.log("beach", 7, task, "Fra:7 Mem:1G\nKilled")
    assert told.splitlines() == [
        "beach, frame 7: Failed",
        "worker: mill",
        "failed: out of memory",
        "in doubt: a",
        "in doubt: b",
        "",
        "Fra:7 Mem:1G",
        "Killed",
    ]
    assert "nothing that was kept of frame 7" in words.log("beach", 7, task, "")
