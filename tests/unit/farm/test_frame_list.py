# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames as people write them: what is understood, and what is said of the rest."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bender_worker_addon.core.errors import FarmError
from bender_worker_addon.farm.frame_list import MOST, as_text, as_typed, chunks, frames_of, joined


@pytest.mark.parametrize(
    ("text", "frames"),
    [
        ("7", [7]),
        ("0", [0]),
        ("1-4", [1, 2, 3, 4]),
        ("1..4", [1, 2, 3, 4]),
        ("1-10x4", [1, 5, 9]),
        ("1..10/4", [1, 5, 9]),
        ("9, 1-2 ,2", [1, 2, 9]),
        ("1-3,120-130x5,250", [1, 2, 3, 120, 125, 130, 250]),
        ("999999", [999_999]),
    ],
)
def test_what_people_write_is_understood(text: str, frames: list[int]) -> None:
    assert list(frames_of(text)) == frames


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "'' is no frame"),
        ("1-", "'1-' is no frame"),
        ("a-b", "such as 1-100"),
        ("-5", "'-5' is no frame"),
        ("1,,2", "'' is no frame"),
        ("1.5", "is no frame"),
        ("٣", "is no frame"),
        ("9-1", "ends before it begins"),
        ("1-9x0", "step of 0"),
        ("1-1000000", "beyond frame 999999"),
        ("12345678901", "is no frame"),
        ("0-999999", "1000000 frames; a job has at most 100000"),
        ("1-60000,1-60000", "120000 frames"),
    ],
)
def test_nonsense_is_told_what_is_wrong_with_it(text: str, words: str) -> None:
    with pytest.raises(FarmError, match=words):
        frames_of(text)


@given(st.sets(st.integers(0, 2000), min_size=1))
def test_what_is_written_is_read_as_it_was(numbers: set[int]) -> None:
    frames = sorted(numbers)
    assert list(frames_of(as_text(frames))) == frames
    shuffled = ",".join(str(frame) for frame in sorted(numbers, key=str))
    assert joined(shuffled) == as_text(frames)
    assert list(frames_of(as_typed(frames))) == frames


def test_single_frames_and_ranges_in_any_order_are_written_in_the_shortest_way() -> None:
    assert joined("7,9-12,1-3,4,11") == "1-4,7,9-12"
    assert joined("5") == "5"


def test_a_job_may_have_as_many_frames_as_that() -> None:
    assert len(frames_of(f"1-{MOST}")) == MOST


@given(st.integers(1, 50), st.integers(1, 60))
def test_each_frame_is_in_one_task_of_at_most_so_many(count: int, size: int) -> None:
    frames = range(count)
    parts = [list(part) for part in chunks(frames, size)]
    assert [frame for part in parts for frame in part] == list(frames)
    assert all(0 < len(part) <= size for part in parts)


def test_steps_are_written_as_people_type_them() -> None:
    assert as_typed([*range(1, 101, 5), 250]) == "1-96x5,250"
    assert as_typed([1, 3]) == "1,3"
    assert as_typed([1, 2, 3, 9, 11, 13]) == "1-3,9-13x2"
