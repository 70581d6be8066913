# SPDX-License-Identifier: GPL-3.0-or-later
"""Growing: the picture of a frame as far as its tiles are rendered, painted tile by tile for the panel. What there is
of it is looked up, and brought from the farm if need be, beside Blender's main thread. No bpy."""

import time
from array import array
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ...core.errors import FarmError
from ...core.tile import Region, around
from ...system.files import discard_folder
from ..beside import Beside

if TYPE_CHECKING:
    from collections.abc import Sequence

    import bpy

    from ...settings.config import WorkerConfig
    from ...sites.site import Details, TilePicture
    from ..thumbnail import Painting

_EVERY = 2.0  # seconds between two looks at which tiles are there
_AT_ONCE = 4  # tiles that are painted between two looks of the panel
_LARGEST = 256  # pixels of either side
_NOTHING_YET = 0x60000000  # a pixel: of a black that is seen through


@dataclass(slots=True)
class Canvas:
    """The small picture of a frame; `region`: what the frame is, in its own pixels."""

    region: Region
    pixels: "array[int]" = field(init=False)

    def __post_init__(self) -> None:
        self.pixels = array("i", [_NOTHING_YET]) * (self.width * self.height)

    @property
    def width(self) -> int:
        return self._x(self.region.right)

    @property
    def height(self) -> int:
        return self._y(self.region.top)

    def paint(self, part: Region, width: int, height: int, pixels: "array[int]") -> None:
        """A picture of a part of the frame, of any size; nothing of what is no part of it."""
        if around([self.region, part]) != self.region:
            return
        left, right = self._x(part.left), self._x(part.right)
        columns = [x * width // (right - left) for x in range(right - left)]
        bottom, top = self._y(part.bottom), self._y(part.top)
        for y in range(top - bottom):
            first = y * height // (top - bottom) * width
            at = (bottom + y) * self.width
            self.pixels[at + left : at + right] = array("i", [pixels[first + column] for column in columns])

    def _x(self, edge: int) -> int:
        return max(1, (edge - self.region.left) * _LARGEST // self._longest) if edge > self.region.left else 0

    def _y(self, edge: int) -> int:
        return max(1, (edge - self.region.bottom) * _LARGEST // self._longest) if edge > self.region.bottom else 0

    @property
    def _longest(self) -> int:
        return max(self.region.width, self.region.height, _LARGEST)


class Growing:
    """For Blender's main thread. Shows, by `painting`, the first frame of a job of which a tile is rendered, as long as
    it is not finished."""

    def __init__(self, painting: "Painting") -> None:
        self._painting = painting
        self._shown: tuple[str, int] | None = None  # the job, and the frame
        self._canvas: Canvas | None = None
        self._painted: set[str] = set()  # tiles, by the ids of their tasks
        self._found: list[tuple[Region, str, Path]] = []  # what is to be painted
        self._looking: Beside[Sequence[TilePicture]] | None = None
        self._looked_at = 0.0

    def draw(self, layout: "bpy.types.UILayout", details: "Details") -> None:
        if self._painted and self._shown == _frame_in_tiles(details):
            self._painting.draw(layout)

    def follow(self, config: "WorkerConfig", details: "Details", scratch: Path) -> bool:
        """To be called again and again while a job can be seen; gives whether there is more to be seen. `scratch`: a
        folder that it has for itself, for what is brought."""
        if (frame := _frame_in_tiles(details)) != self._shown:
            self._begin(frame)
        if frame is None:
            return False
        if self._looking is not None and self._looking.done:
            self._take_in(self._looking)
        if self._looking is None and not self._found and time.monotonic() >= self._looked_at + _EVERY:
            self._looking = Beside("bender-tiles", partial(_tiles, config, *frame, scratch))
        return self._paint_some()

    def _begin(self, frame: tuple[str, int] | None) -> None:
        self._shown, self._canvas, self._looking, self._looked_at = frame, None, None, 0.0
        self._painted.clear()
        self._found.clear()

    def _take_in(self, looking: "Beside[Sequence[TilePicture]]") -> None:
        """What can't be looked at is no trouble of hers: the panel says how far the tiles are, anyway."""
        tiles, _ = looking.outcome()
        self._looking, self._looked_at = None, time.monotonic()
        if not tiles:
            return
        if self._canvas is None:
            self._canvas = Canvas(around([one.part.region for one in tiles]))
        self._found = [
            (one.part.region, one.part.task, one.picture)
            for one in tiles
            if one.picture is not None and one.part.task not in self._painted
        ]

    def _paint_some(self) -> bool:
        now, self._found = self._found[:_AT_ONCE], self._found[_AT_ONCE:]
        if self._canvas is None or not now:
            return False
        for region, task, file in now:
            width, height, pixels = self._painting.pixels_of(file)
            if width and height:
                self._canvas.paint(region, width, height, pixels)
                self._painted.add(task)
        self._painting.paint(self._canvas.width, self._canvas.height, self._canvas.pixels)
        return True


def _frame_in_tiles(details: "Details") -> tuple[str, int] | None:
    return next(((details.job.id, tiles.frame) for tiles in details.tiles if tiles.done), None)


def _tiles(config: "WorkerConfig", job: str, frame: int, scratch: Path) -> "Sequence[TilePicture]":
    """Only what is brought for this frame is kept."""
    from ...sites.site import site

    folder = scratch / f"{job}-{frame}"
    try:
        for other in scratch.glob("*"):
            if other != folder:
                discard_folder(other)
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FarmError(f"tiles can't be shown: {error.strerror or error}") from error
    with site(config) as farm:
        return farm.tiles(job, frame, folder)
