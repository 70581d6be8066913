# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames to one picture with small gaps on a dark ground. Runs inside Blender and knows nothing of the farm.

Does without numpy: a distribution's Blender may lack it.
"""

import json
import sys
from array import array
from dataclasses import dataclass

import bpy

GROUND = (0.055, 0.055, 0.065, 1)
CHANNELS = len(GROUND)


@dataclass
class Picture:
    """RGBA pixels, row by row, the lowest row first, as Blender keeps them."""

    width: int
    height: int
    pixels: "array[float]"

    def paste(self, other: "Picture", *, left: int, bottom: int) -> None:
        length = other.width * CHANNELS
        for row in range(other.height):
            start = ((bottom + row) * self.width + left) * CHANNELS
            self.pixels[start : start + length] = other.pixels[row * length : (row + 1) * length]


def main() -> None:
    frames, out, columns, width, gap = map(json.loads, sys.argv[sys.argv.index("--") + 1 :])
    save(sheet([thumbnail(path, width) for path in frames], columns=columns, gap=gap), out)


def thumbnail(path: str, width: int) -> Picture:
    image = bpy.data.images.load(path)
    image.scale(width, max(1, round(width * image.size[1] / image.size[0])))
    pixels = array("f", bytes(4 * CHANNELS * image.size[0] * image.size[1]))
    image.pixels.foreach_get(pixels)
    return Picture(image.size[0], image.size[1], pixels)


def sheet(pictures: list[Picture], *, columns: int, gap: int) -> Picture:
    columns = min(columns, len(pictures))
    rows = -(-len(pictures) // columns)
    cell_width = max(picture.width for picture in pictures) + gap
    cell_height = max(picture.height for picture in pictures) + gap
    width, height = columns * cell_width + gap, rows * cell_height + gap
    ground = Picture(width, height, array("f", GROUND * (width * height)))
    for number, picture in enumerate(pictures):
        row, column = divmod(number, columns)
        ground.paste(picture, left=column * cell_width + gap, bottom=(rows - 1 - row) * cell_height + gap)
    return ground


def save(picture: Picture, out: str) -> None:
    image = bpy.data.images.new("sheet", picture.width, picture.height, alpha=False)
    image.pixels.foreach_set(picture.pixels)
    image.file_format = "PNG"
    image.save(filepath=out)


main()
