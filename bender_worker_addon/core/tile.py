# SPDX-License-Identifier: GPL-3.0-or-later
"""Tiles of a picture that several workers render together: what each is, and how a task says so, in its `data`, where
bender has text only."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

FORMAT = "OPEN_EXR_MULTILAYER"  # of the file of a tile
FOLDER = "tiles"  # of a job: those whose picture is not finished
MOST = 64  # of a picture

_REGION = re.compile(r"\d{1,5},\d{1,5},\d{1,5},\d{1,5}", re.ASCII)


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
class Tile:
    """One that is rendered: `region` of the picture, in `file`."""

    region: Region
    file: Path


def region(text: object) -> Region:
    """Reads what `str` of one gives. Raises ValueError."""
    if not isinstance(text, str) or not _REGION.fullmatch(text):
        raise ValueError("no region")
    found = Region(*map(int, text.split(",")))
    if found.width <= 0 or found.height <= 0:
        raise ValueError("an empty region")
    return found


def as_text(tiles: Sequence[Tile]) -> str:
    return json.dumps([[str(tile.region), str(tile.file)] for tile in tiles])


def tiles(text: object) -> tuple[Tile, ...]:
    """Reads what `as_text` gives. Raises ValueError."""
    try:
        told = json.loads(text) if isinstance(text, str) else None
        found = [Tile(region(part), Path(file)) for part, file in told] if isinstance(told, list) else []
    except (TypeError, RecursionError) as error:
        raise ValueError("no tiles") from error
    if not 1 <= len(found) <= MOST or any("\0" in str(tile.file) or not tile.file.is_absolute() for tile in found):
        raise ValueError("no tiles")
    return tuple(found)


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
