# SPDX-License-Identifier: GPL-3.0-or-later
"""Tiles of a picture that several workers render together: what each is, and how a task says so, in its `data`, where
bender has text only."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path

from .frame import frame_name
from .names import SAFE_ID, WINDOWS_OWN

FORMAT = "OPEN_EXR_MULTILAYER"  # of the file of a tile
FOLDER = "tiles"  # of a job: those whose picture is not finished
MOST = 64  # of a picture
BLAMED = "a tile of the picture"  # what an error speaks of for which one is to blame, in the child too

_AND = ", "  # between version and kind

_SMALLEST = 64  # pixels of a tile, in each direction
REGION = re.compile(r"\d{1,5},\d{1,5},\d{1,5},\d{1,5}", re.ASCII)
PICTURE = re.compile(rf"({REGION.pattern})(?:,(\d{{1,5}})(?:,(\d{{1,3}}))?)?", re.ASCII)
_HASH = re.compile(r"[0-9a-f]{128}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Region:
    """In pixels of the whole resolution, from below left; `right` and `top` are outside."""

    left: int
    bottom: int
    right: int
    top: int

    @property
    def width(self) -> int:
        return self.right - self.left

    @property
    def height(self) -> int:
        return self.top - self.bottom

    def __str__(self) -> str:
        return f"{self.left},{self.bottom},{self.right},{self.top}"


@dataclass(frozen=True, slots=True)
class Picture:
    """What is rendered of each frame. `cell`: the pixels, in each direction, after which Cycles begins anew, from below
    left on; 0 if it renders all at once, or nobody could tell. No tile goes over such an edge: each side of it is
    rendered as if there were nothing beyond. `margin`: so many pixels beyond a tile's edges are rendered, too."""

    region: Region
    cell: int = 0
    margin: int = 0

    def cells(self) -> list[Region]:
        whole, size = self.region, self.cell or max(self.region.width, self.region.height)
        return [
            Region(left, bottom, min(left + size, whole.right), min(bottom + size, whole.top))
            for bottom in range(whole.bottom, whole.top, size)
            for left in range(whole.left, whole.right, size)
        ]

    def __str__(self) -> str:
        if self.margin:
            return f"{self.region},{self.cell},{self.margin}"
        return f"{self.region},{self.cell}" if self.cell else str(self.region)


@dataclass(frozen=True, slots=True)
class Tile:
    """One that is rendered: `region` of a picture, by the task of this id. Its file has so many bytes and this
    Blake2b-512, in lower-case hex."""

    region: Region
    task: str
    size: int
    hash: str

    def file(self, jobs: Path, job: str, frame: int) -> Path:
        """Where it is: `jobs` has a folder a job."""
        return folder_of(jobs, job, self.task) / frame_name(frame, FORMAT)


@dataclass(frozen=True, slots=True)
class TileFile:
    """One that is here, to be of this hash."""

    region: Region
    file: Path
    hash: str


def makers(blender: str, kind: str = "") -> str:
    """Who renders the tiles of a picture: Blenders of this version, and if that matters on one `kind` of device:
    `4.3.2`, or `4.3.2, CPU (AMD EPYC 7B13) on Linux`."""
    blender = blender.partition(_AND)[0]
    return f"{blender}{_AND}{kind}" if kind else blender


def parted(makers: str) -> tuple[str, str]:
    """Version and kind, "" if any is meant."""
    blender, _, kind = makers.partition(_AND)
    return blender, kind


def folder_of(jobs: Path, job: str, task: str) -> Path:
    """The folder of a tile, which has the name of its frame: `jobs` has a folder a job."""
    return jobs / job / FOLDER / task


def region(text: object) -> Region:
    """Reads what `str` of one gives. Raises ValueError."""
    if not isinstance(text, str) or not REGION.fullmatch(text):
        raise ValueError("no region")
    found = Region(*map(int, text.split(",")))
    if found.width <= 0 or found.height <= 0:
        raise ValueError("an empty region")
    return found


def picture(text: object) -> Picture:
    """The same of a picture. Raises ValueError."""
    found = PICTURE.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise ValueError("no picture")
    return Picture(region(found[1]), int(found[2] or 0), int(found[3] or 0))


def as_text(tiles: Sequence[Tile]) -> str:
    return json.dumps([[str(tile.region), tile.task, tile.size, tile.hash] for tile in tiles])


def tiles(text: object) -> tuple[Tile, ...]:
    """Reads what `as_text` gives. Raises ValueError."""
    try:
        told = json.loads(text) if isinstance(text, str) else None
        found = [_tile(*one) for one in told] if isinstance(told, list) else []
    except (TypeError, RecursionError) as error:
        raise ValueError("no tiles") from error
    if not 1 <= len(found) <= MOST:
        raise ValueError("no tiles")
    return tuple(found)


def _tile(part: object, task: object, size: object, digest: object) -> Tile:
    """Raises ValueError; TypeError unless there are these four."""
    if not isinstance(task, str) or not SAFE_ID.fullmatch(task) or WINDOWS_OWN.fullmatch(task):
        raise ValueError("no task's id")
    if type(size) is not int or size < 0 or not isinstance(digest, str) or not _HASH.fullmatch(digest):
        raise ValueError("no size and hash of a file")
    return Tile(region(part), task, size, digest)


def covers(regions: Sequence[Region]) -> bool:
    """Whether these are the parts of one picture: all of it, and none twice."""
    whole = around(regions)
    overlap = any(_meet(one, other) for one, other in combinations(regions, 2))
    return not overlap and sum(map(_area, regions)) == _area(whole)


def around(regions: Sequence[Region]) -> Region:
    """The smallest region that has all of these in it."""
    return Region(
        min(one.left for one in regions),
        min(one.bottom for one in regions),
        max(one.right for one in regions),
        max(one.top for one in regions),
    )


def _area(one: Region) -> int:
    return one.width * one.height


def _meet(one: Region, other: Region) -> bool:
    return one.left < other.right and other.left < one.right and one.bottom < other.top and other.bottom < one.top


def tiles_of(picture: Picture, count: int) -> list[Region]:
    """The tiles of a picture: about so many, not too small ones; only the picture if it is not to be cut. Those in the
    middle come first: most pictures take longest there, and all machines are done at about the same moment if what
    takes longest does not come last."""
    whole = picture.region
    count = min(count, MOST, max(1, _area(whole) // _SMALLEST**2))
    cells = picture.cells()
    if count < 2 or len(cells) > MOST:
        cells = [whole]
    parts = [part for cell, share in zip(cells, _shares(cells, count), strict=True) for part in cut(cell, share)]
    return sorted(parts, key=lambda part: _from_the_middle(part, whole))


def pixels_for_one(picture: Picture, count: int) -> float:
    """How many pixels are rendered for each of a picture's, if it is cut into about so many tiles."""
    seen, more = picture.region, picture.margin
    rendered = 0
    for part in tiles_of(picture, count):
        width = min(part.right + more, seen.right) - max(part.left - more, seen.left)
        height = min(part.top + more, seen.top) - max(part.bottom - more, seen.bottom)
        rendered += width * height
    return rendered / _area(seen)


def _shares(cells: Sequence[Region], count: int) -> list[int]:
    """Into how many parts each is cut, that there are about so many in all."""
    areas = [_area(cell) for cell in cells]
    shares = [max(1, round(count * area / sum(areas))) for area in areas]
    return shares if sum(shares) <= MOST or count == 1 else _shares(cells, count - 1)


def _from_the_middle(part: Region, whole: Region) -> int:
    """How far it is, as a measure that only grows with that."""
    across = part.left + part.right - whole.left - whole.right
    up = part.bottom + part.top - whole.bottom - whole.top
    return across**2 + up**2


def cut(whole: Region, count: int) -> list[Region]:
    """So many parts of about one size, none much longer than wide; fewer where there aren't that many pixels."""
    if count <= 1 or whole.width * whole.height <= 1:
        return [whole]
    first = count // 2
    if whole.width >= whole.height:
        middle = whole.left + min(max(whole.width * first // count, 1), whole.width - 1)
        one, other = replace(whole, right=middle), replace(whole, left=middle)
    else:
        middle = whole.bottom + min(max(whole.height * first // count, 1), whole.height - 1)
        one, other = replace(whole, top=middle), replace(whole, bottom=middle)
    return [*cut(one, first), *cut(other, count - first)]
