# SPDX-License-Identifier: GPL-3.0-or-later
"""Compares pictures pixel by pixel. Runs inside Blender and knows nothing of farms.

    blender -b --factory-startup --python compare.py -- result.json a.png b.png c.exr d.exr …

Writes for each pair its size and how many values differ, as JSON.
"""

import json
import sys
from array import array
from pathlib import Path

import bpy


def main() -> None:
    out, *pictures = sys.argv[sys.argv.index("--") + 1 :]
    pairs = zip(pictures[::2], pictures[1::2], strict=True)
    Path(out).write_text(json.dumps([compare(*pair) for pair in pairs]))


def compare(first: str, second: str) -> dict[str, object]:
    """A size of None: the two are not of one size."""
    first_size, first_values = decoded(first)
    second_size, second_values = decoded(second)
    if first_size != second_size:
        return {"size": None, "different": None}
    different = sum(one != other for one, other in zip(first_values, second_values, strict=True))
    return {"size": first_size, "different": different}


def decoded(path: str) -> tuple[list[int], array[float]]:
    image = bpy.data.images.load(path)
    width, height = image.size
    values = array("f", bytes(4 * image.channels * width * height))
    image.pixels.foreach_get(values)
    return [width, height], values


main()
