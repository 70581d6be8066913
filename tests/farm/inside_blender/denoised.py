# SPDX-License-Identifier: GPL-3.0-or-later
"""Renders a picture that is denoised, as a whole and in tiles, and writes how far the two are apart.

    python denoised.py FOLDER_WITH_RENDER_CHILD FOLDER

into FOLDER/told.json: `apart`: the largest difference of two values; `noise`: how much denoising has changed any.
"""

import hashlib
import json
import sys
from array import array
from pathlib import Path
from typing import Any

import bpy

package, folder = sys.argv[-2], Path(sys.argv[-1])
sys.path.insert(0, package)

from render_child import joining, scenes, tiles  # type: ignore[import-not-found]  # noqa: E402

FORMAT = "OPEN_EXR"
PARTS = [tiles.Region(*edges) for edges in ((0, 0, 31, 48), (31, 0, 64, 20), (31, 20, 64, 48))]


def make(blend: str, *, denoising: bool) -> str:
    scene: Any = bpy.context.scene
    render = scene.render
    render.engine = "CYCLES"
    render.resolution_x, render.resolution_y = 64, 48
    scene.cycles.samples = 8
    scene.cycles.use_denoising = denoising
    scene.view_layers.new("second")
    render.image_settings.file_format = FORMAT
    render.image_settings.color_depth = "32"
    bpy.ops.wm.save_as_mainfile(filepath=blend)
    return blend


def whole(blend: str, name: str) -> "array[float]":
    scenes.open_blend(blend)
    file = folder / name / "000001.exr"
    scenes.render_frame(1, str(file), FORMAT)
    return values(file)


def of_tiles(blend: str) -> "array[float]":
    scenes.open_blend(blend)
    tiles.prepare(scenes.scene())
    parts = []
    for number, region in enumerate(PARTS):
        file = folder / f"tile-{number}" / "000001.exr"
        tiles.render(1, str(file), region)
        parts.append(joining.Tile(region, file, hashlib.blake2b(file.read_bytes()).hexdigest()))
    joining.check(scenes.scene(), parts)
    scenes.open_blend(blend)
    source = joining.denoised(scenes.scene(), parts, 1, folder / "joined")
    assert source is not None
    scenes.open_blend(blend)
    file = folder / "of-tiles" / "000001.exr"
    with joining.instead_of_rendering(source):
        scenes.render_frame(1, str(file), FORMAT)
    return values(file)


def values(file: Path) -> "array[float]":
    image: Any = bpy.data.images.load(str(file))
    found = array("f", bytes(4 * len(image.pixels)))
    image.pixels.foreach_get(found)
    return found


def apart(one: "array[float]", other: "array[float]") -> float:
    return max(abs(a - b) for a, b in zip(one, other, strict=True))


noisy = whole(make(str(folder / "noisy.blend"), denoising=False), "noisy")
blend = make(str(folder / "denoised.blend"), denoising=True)
denoised = whole(blend, "whole")
told = {"apart": apart(denoised, of_tiles(blend)), "noise": apart(denoised, noisy)}
(folder / "told.json").write_text(json.dumps(told))
