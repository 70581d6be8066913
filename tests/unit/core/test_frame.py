# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames: their names, and many of them in a few words."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from bender_worker_addon.core.frame import frame_name, in_words, runs


def test_frames_are_named_by_six_digits_and_the_formats_extension() -> None:
    assert frame_name(121, "PNG") == "000121.png"
    assert frame_name(0, "OPEN_EXR") == "000000.exr"
    assert frame_name(999_999, "OPEN_EXR_MULTILAYER") == "999999.exr"


@given(st.sets(st.integers(0, 300)).map(sorted))
def test_runs_hold_every_number_once_and_never_touch(numbers: list[int]) -> None:
    found = runs(numbers)
    assert [number for first, last in found for number in range(first, last + 1)] == numbers
    assert all(last + 1 < first for (_, last), (first, _) in itertools.pairwise(found))


def test_frames_in_words() -> None:
    assert in_words([7]) == "frame 7"
    assert in_words([1, 2, 3, 5]) == "frames 1-3, 5"
    assert in_words([1, 2]) == "frames 1-2"


def test_only_a_list_that_becomes_shorter_by_it_is_cut() -> None:
    assert in_words(range(1, 13, 2)) == "frames 1, 3, 5, 7, 9, 11"
    assert in_words(range(1, 14, 2)) == "frames 1, 3, 5, 7, 9, ..."
