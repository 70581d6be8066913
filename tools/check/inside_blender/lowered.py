# SPDX-License-Identifier: GPL-3.0-or-later
"""Lowered: run by Blender, with a file open. Saves it once more beside itself, small and quick to render, and writes
what is to be rendered of it as JSON: `-- COPY.blend TOLD.json`."""

import json
import sys
from pathlib import Path
from typing import Any

import bpy

_WIDTH = 160  # pixels, at most
_SAMPLES = 4
_WITHOUT_A_CARD = ("CYCLES", "BLENDER_WORKBENCH")
_STILLS = ("PNG", "OPEN_EXR", "OPEN_EXR_MULTILAYER")


def main(copy: Path, told: Path) -> None:
    rendered: Any = bpy.context.scene
    found = rendered.render.engine
    scenes: Any = bpy.data.scenes
    for scene in scenes:
        render, cycles = scene.render, scene.cycles
        if render.engine not in _WITHOUT_A_CARD:  # without one others take minutes
            render.engine = "CYCLES"
        size = max(render.resolution_x, render.resolution_y)
        render.resolution_percentage = max(1, min(render.resolution_percentage, 100 * _WIDTH // size))
        cycles.samples, cycles.use_denoising, cycles.device = _SAMPLES, False, "CPU"
        if render.image_settings.file_format not in _STILLS:
            if hasattr(render.image_settings, "media_type"):
                render.image_settings.media_type = "IMAGE"
            render.image_settings.file_format = "PNG"
    first, last = rendered.frame_start, max(rendered.frame_start, rendered.frame_end)
    frames = sorted({first, min(first + 2, last), min(first + 5, last)})
    bpy.ops.wm.save_as_mainfile(filepath=str(copy), copy=True, compress=True)
    told.write_text(json.dumps({"engine": found, "frames": frames}))


main(*map(Path, sys.argv[-2:]))
