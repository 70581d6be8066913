# SPDX-License-Identifier: GPL-3.0-or-later
"""Child: what it has been given and how it gets on, as it is told; its process is one that never says a word."""

import math
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from queue import SimpleQueue

import pytest

from bender_worker_addon.core.in_flight import InFlight
from bender_worker_addon.core.messages import STOP, Command, FrameWritten
from bender_worker_addon.core.task import Task
from bender_worker_addon.worker.children.child import Child
from bender_worker_addon.worker.children.process import ChildProcess
from tests.unit.support import DEADLINE, child_command, message


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def child(tmp_path: Path, clock: Clock) -> Iterator[Child]:
    prepare = partial(child_command, "never_connects")
    process = ChildProcess(
        child=1, prepare=prepare, log_file=tmp_path / "log", temp=tmp_path / "temp", inbox=SimpleQueue()
    )
    child = Child(process, tmp_path, keep=True, share=-1, clock=clock)
    child.assign("job-1", tmp_path / "log")
    yield child
    child.kill()
    child.join(DEADLINE)


def given(child: Child, attempt: int, *frames: int) -> InFlight:
    """A task that the child has been given for this attempt."""
    held = InFlight(Task.from_json(message(f"t{attempt}", frames=frames)), [], redelivered=False)
    command = Command(attempt, child.folder / "a.blend", frames, "PNG", child.folder / str(attempt))
    child.give(held, command, log_file=child.folder / f"{attempt}.log")
    return held


def written(attempt: int, frame: int, *, seconds: float = 1.0, memory: int = 100) -> FrameWritten:
    return FrameWritten(1, attempt, frame, {"render": seconds, "wait": 99.0}, memory)


def test_an_attempt_is_its_until_its_last_frame_is_written(child: Child) -> None:
    assert child.process.output.log_file == child.folder / "log"
    held = given(child, 7, 1, 2)
    assert (child.task_of(7), child.task_of(8)) == (held, None)
    assert child.began(7) is held
    assert child.began(7) is None
    for frame, left in ((1, 1), (2, 0)):
        attempt = child.wrote(written(7, frame))
        assert attempt is not None
        assert attempt.held is held
        assert child.tasks == left
    assert child.wrote(written(7, 2)) is None
    assert child.last_task == 2.0


def test_who_is_blamed_is_what_it_was_at_and_the_others_are_not(child: Child) -> None:
    first, second, third = (given(child, attempt, 1) for attempt in (1, 2, 3))
    assert child.taken_back(2) == (second, [first, third])
    assert child.is_idle
    first, second = (given(child, attempt, 1) for attempt in (4, 5))
    child.began(5)
    assert child.taken_back(None) == (second, [first])
    first, second = (given(child, attempt, 1) for attempt in (6, 7))
    assert child.taken_back(None) == (first, [second])
    assert child.taken_back(None) == (None, [])


def test_it_has_room_for_one_task_until_it_is_known_that_it_may_be_kept(child: Child) -> None:
    assert child.has_room(ahead=2)
    given(child, 1, 1)
    assert not child.has_room(ahead=2)
    child.loaded(keep=True, device="CPU")
    assert child.has_room(ahead=2)
    for attempt in (2, 3):
        given(child, attempt, 1)
    assert not child.has_room(ahead=2)


def test_one_whose_scene_must_not_be_kept_serves_one_task(child: Child) -> None:
    given(child, 1, 1)
    child.loaded(keep=False, device="CPU")
    child.began(1)
    assert not child.serves("job-1")
    assert not child.is_used_up
    child.wrote(written(1, 1))
    assert child.is_used_up


def test_one_that_is_to_be_replaced_gets_nothing_more_and_is_told_once(child: Child) -> None:
    assert child.serves("job-1")
    assert not child.serves("job-2")
    child.stop_for_good()
    child.stop_after_frame()
    assert not child.serves("job-1")
    assert child.is_used_up
    assert child.process._channel._unsent == [STOP]


def test_it_is_silent_while_it_has_work_and_says_nothing(child: Child, clock: Clock) -> None:
    clock.now += 50
    assert child.silent_for == 0
    given(child, 1, 1)
    clock.now += 5
    given(child, 2, 1)
    assert child.silent_for == 5
    child.heard()
    clock.now += 3
    assert child.silent_for == 3
    child.suspend(True)
    clock.now += 1000
    assert (child.silent_for, child.at_frame_for) == (0, 0)
    child.suspend(False)
    clock.now += 2
    assert (child.silent_for, child.at_frame_for) == (2, 2)


def test_when_its_next_task_should_come_is_told_by_what_is_left_of_the_present_one(child: Child, clock: Clock) -> None:
    assert child.next_wanted_in == math.inf
    child.times.add(10.0)
    given(child, 1, 1, 2)
    assert child.next_wanted_in == math.inf  # it lies in its second frame
    child.began(1)
    clock.now += 4
    assert child.next_wanted_in == math.inf
    child.began(1)
    clock.now += 4
    assert child.next_wanted_in == 10 - 4 - 2
    child.wrote(written(1, 1, seconds=10))
    child.wrote(written(1, 2, seconds=10))
    given(child, 2, 1)
    assert child.next_wanted_in == 10 - 1


def test_one_that_has_grown_is_too_large(child: Child) -> None:
    given(child, 1, *range(1, 9))
    for frame, (memory, limit, why) in enumerate(
        [
            (400, 0, ""),  # the first frames don't count
            (400, 400, ""),
            (100, 0, ""),
            (200, 0, ""),
            (201, 0, "it had 0"),
            (150, 149, "memory_limit"),
        ],
        start=1,
    ):
        child.wrote(written(1, frame, memory=memory))
        assert child.outgrown(limit).startswith(why)
        assert bool(child.outgrown(limit)) == bool(why)
    child.stop_for_good()
    assert child.outgrown(149) == ""
