# SPDX-License-Identifier: GPL-3.0-or-later
"""The small picture that is painted tile by tile."""

from array import array

import pytest

from bender_worker_addon.blender.farm.growing import Canvas
from bender_worker_addon.core.tile import Region, cut


@pytest.mark.parametrize("whole", [Region(0, 0, 3840, 2160), Region(31, 7, 32, 999), Region(5, 5, 105, 45)], ids=str)
@pytest.mark.parametrize("count", [1, 2, 7, 64])
def test_tiles_of_any_size_fill_the_picture_and_none_another_s_place(whole: Region, count: int) -> None:
    canvas, parts = Canvas(whole), cut(whole, count)
    assert max(canvas.width, canvas.height) == min(256, max(whole.width, whole.height))
    for number, part in enumerate(parts, start=1):
        canvas.paint(part, 3, 2, array("i", [number] * 6))
    assert len(canvas.pixels) == canvas.width * canvas.height
    assert set(canvas.pixels) == set(range(1, len(parts) + 1))


def test_rows_stay_rows() -> None:
    canvas = Canvas(Region(0, 0, 4, 2))
    canvas.paint(Region(2, 0, 4, 2), 2, 2, array("i", [1, 2, 3, 4]))
    canvas.paint(Region(0, 1, 2, 2), 1, 1, array("i", [5]))
    canvas.paint(Region(2, 0, 5, 2), 1, 1, array("i", [6]))  # no part of it
    nothing = canvas.pixels[0]
    assert list(canvas.pixels) == [nothing, nothing, 1, 2, 5, 5, 3, 4]
