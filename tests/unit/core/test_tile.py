# SPDX-License-Identifier: GPL-3.0-or-later
"""Into what tiles a picture is cut, and how a task tells of them."""

import json
from pathlib import Path

import pytest

from bender_worker_addon.core import tile
from bender_worker_addon.core.errors import TaskRefused
from bender_worker_addon.core.task import Task
from bender_worker_addon.core.tile import Picture, Region, Tile
from tests.unit.support import task_wire

HASH = "0123456789abcdef" * 8


@pytest.mark.parametrize("size", [(1, 1), (3, 2), (127, 63), (1920, 1080), (16384, 16384), (9000, 40)])
@pytest.mark.parametrize("count", [1, 2, 3, 5, 8, 13, 64])
def test_the_tiles_of_a_picture_are_all_of_it_and_none_is_in_another(size: tuple[int, int], count: int) -> None:
    whole = Region(10, 20, 10 + size[0], 20 + size[1])
    parts = tile.cut(whole, count)
    assert len(parts) == count or size[0] * size[1] < 10 * count
    assert sum(part.width * part.height for part in parts) == size[0] * size[1]
    assert all(part.width > 0 and part.height > 0 for part in parts)
    assert all(whole.left <= part.left and part.right <= whole.right for part in parts)
    assert all(whole.bottom <= part.bottom and part.top <= whole.top for part in parts)
    apart = [
        one.right <= other.left or other.right <= one.left or one.top <= other.bottom or other.top <= one.bottom
        for one in parts
        for other in parts
        if one is not other
    ]
    assert all(apart)


def test_the_tiles_of_a_large_picture_are_of_about_one_size() -> None:
    areas = [part.width * part.height for part in tile.cut(Region(0, 0, 1920, 1080), 7)]
    assert max(areas) < 1.1 * min(areas)


def test_the_tiles_in_the_middle_of_a_picture_come_first() -> None:
    parts = tile.tiles_of(Picture(Region(100, 40, 1060, 580)), 8)
    assert tile.covers(parts)
    assert [part.left in (340, 580) for part in parts] == [True] * 4 + [False] * 4


@pytest.mark.parametrize("size", [(3840, 2160), (4096, 4097), (2049, 8200), (16384, 16384), (20000, 20000)])
@pytest.mark.parametrize("count", [2, 5, 8, 30, 64])
def test_no_tile_goes_over_an_edge_at_which_cycles_begins_anew(size: tuple[int, int], count: int) -> None:
    picture = Picture(Region(11, 7, 11 + size[0], 7 + size[1]), 2048)
    parts = tile.tiles_of(picture, count)
    assert tile.covers(parts)
    assert len(parts) <= tile.MOST
    cells = picture.cells()
    if len(cells) > tile.MOST:
        assert parts == tile.tiles_of(Picture(picture.region), count)
        return
    assert all(sum(tile.around([cell, part]) == cell for cell in cells) == 1 for part in parts)
    assert len(parts) <= count + len(cells)
    large = max(part.width * part.height for part in parts)
    assert large < 2 * size[0] * size[1] / count or len(parts) == len(cells)


def test_what_is_rendered_beyond_edges_of_tiles_counts_but_not_what_is_beyond_the_picture() -> None:
    picture = Picture(Region(100, 0, 300, 200), margin=10)
    assert tile.pixels_for_one(picture, 1) == 1
    assert tile.pixels_for_one(picture, 2) == 2 * 110 / 200
    assert tile.pixels_for_one(picture, 4) == 4 * 110**2 / 200**2


def test_a_picture_is_read_as_it_was_told() -> None:
    larger = Region(1, 2, 9000, 8000)
    for picture in (
        Picture(Region(0, 0, 5, 6)),
        Picture(larger, 2048),
        Picture(larger, 2048, 8),
        Picture(larger, 0, 58),
    ):
        assert tile.picture(str(picture)) == picture
        assert tile.tiles_of(picture, 1) == [picture.region]
    for text in ("0,0,5", "0,0,5,6,", "0,0,5,6,7,8,9", "0,0,5,6,7,1000", "5,0,5,6", 7, None):
        with pytest.raises(ValueError, match=r"picture|region"):
            tile.picture(text)


def test_what_a_task_tells_of_its_tiles_is_read_again() -> None:
    tiles = (Tile(Region(0, 0, 5, 6), "a-1", 7, HASH), Tile(Region(5, 0, 9, 6), "B_2", 1 << 40, HASH[::-1]))
    assert tile.tiles(tile.as_text(tiles)) == tiles
    assert tile.region(str(tiles[1].region)) == tiles[1].region
    assert tiles[1].file(Path("/jobs"), "still", 3) == Path("/jobs/still/tiles/B_2/000003.exr")


def test_parts_that_leave_something_out_or_have_it_twice_are_no_parts_of_a_picture() -> None:
    whole = Region(10, 20, 400, 300)
    parts = tile.cut(whole, 5)
    assert tile.covers(parts)
    assert tile.covers([whole])
    assert not tile.covers([*parts, parts[0]])
    assert not tile.covers(parts[1:])
    assert not tile.covers([Region(0, 0, 4, 2), Region(1, 1, 3, 3), Region(0, 2, 4, 4)])
    assert not tile.covers([Region(0, 0, 2, 2), Region(1, 0, 3, 2), Region(3, 0, 4, 2), Region(0, 2, 4, 3)])


BAD_REGIONS = ["", "1,2,3", "3,0,3,9", "0,5,9,5", "-1,0,3,4", "0,0,1e3,4", "0,0,123456,4", 7, ["0,0,1,1"]]
BAD_TILES = [
    "",
    "[]",
    "7",
    '{"a": 1}',
    '[["0,0,1,1"]]',
    *(
        json.dumps([["0,0,1,1", *rest]])
        for rest in (
            ["../../etc", 7, HASH],
            ["CON", 7, HASH],
            [7, 7, HASH],
            ["a", -1, HASH],
            ["a", True, HASH],
            ["a", None, HASH],
            ["a", 7, HASH[1:]],
            ["a", 7, None],
            ["a", 7, HASH, 7],
        )
    ),
    "[" * 100_000,
    json.dumps([["0,0,1,1", "a", 7, HASH]] * 65),
    [["0,0,1,1", "a", 7, HASH]],
]


@pytest.mark.parametrize(
    ("key", "told"), [*(("region", bad) for bad in BAD_REGIONS), *(("tiles", bad) for bad in BAD_TILES)]
)
def test_a_task_whose_tiles_can_not_be_understood_is_refused(key: str, told: object) -> None:
    wire = task_wire() | {"data": {key: told}}
    with pytest.raises(TaskRefused, match=key):
        Task.from_json(json.dumps(wire).encode())
