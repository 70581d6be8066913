# SPDX-License-Identifier: GPL-3.0-or-later
"""Thumbnail: a small picture in a layout, of a file or painted here, as an icon, which is no part of any file that is
open."""

from array import array
from pathlib import Path

import bpy
import bpy.utils.previews

_SCALE = 6.0  # of an icon
_PAINTED = "painted"


class _Icons:
    """To be used between `register` and `unregister`."""

    def __init__(self) -> None:
        self._previews: bpy.utils.previews.ImagePreviewCollection | None = None

    def register(self) -> None:
        self._previews = bpy.utils.previews.new()

    def unregister(self) -> None:
        bpy.utils.previews.remove(self._previews)
        self._previews = None


class Thumbnail(_Icons):
    """Of one file at a time: the one before is forgotten."""

    def draw(self, layout: bpy.types.UILayout, file: Path) -> None:
        """Draws nothing of a file that can't be shown."""
        if icon := self._icon(file):
            layout.template_icon(icon_value=icon, scale=_SCALE)

    def _icon(self, file: Path) -> int:
        assert self._previews is not None
        name = str(file)
        if name not in self._previews:
            self._previews.clear()
            self._previews.load(name, name, "IMAGE")
        return int(self._previews[name].icon_id)


class Painting(_Icons):
    """One that is painted here. Pixels are of four bytes, RGBA, the lowest row first."""

    def pixels_of(self, file: Path) -> tuple[int, int, "array[int]"]:
        """Width, height and pixels of a small picture; none of a file that can't be shown. What was painted is
        forgotten."""
        assert self._previews is not None
        self._previews.clear()
        loaded = self._previews.load(str(file), str(file), "IMAGE")
        width, height = loaded.image_size
        pixels = blank(width, height)
        loaded.image_pixels.foreach_get(pixels)
        return width, height, pixels

    def paint(self, width: int, height: int, pixels: "array[int]") -> None:
        assert self._previews is not None
        self._previews.clear()
        painted = self._previews.new(_PAINTED)
        painted.image_size = width, height
        painted.image_pixels.foreach_set(pixels)

    def draw(self, layout: bpy.types.UILayout) -> None:
        """Draws nothing if nothing was painted."""
        assert self._previews is not None
        if _PAINTED in self._previews:
            layout.template_icon(icon_value=self._previews[_PAINTED].icon_id, scale=_SCALE)


def blank(width: int, height: int) -> "array[int]":
    """Pixels of nothing."""
    return array("i", bytes(4 * width * height))
