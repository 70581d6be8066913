# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes bright.blend in FOLDER, brighter than a screen, of 29.97 frames a second, and slow.blend, in which a frame
lasts 4 s; or tells of films in FOLDER. Runs inside Blender and knows nothing of farms.

    blender -b --factory-startup --python bright.py -- FOLDER [told.json FILM…]

Of each film it is told how many frames it has, how many a second, and a color in it.
"""

import json
import sys
from pathlib import Path
from typing import Any

import bpy

FOLDER, *FILMS = sys.argv[sys.argv.index("--") + 1 :]


def main() -> None:
    if FILMS:
        Path(FOLDER, FILMS[0]).write_text(json.dumps([told(Path(FOLDER, film)) for film in FILMS[1:]]))
        return
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene: Any = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.cycles.samples, scene.cycles.use_denoising, scene.cycles.device = 1, False, "CPU"
    scene.render.resolution_x, scene.render.resolution_y, scene.frame_end = 64, 64, 3
    scene.camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
    scene.collection.objects.link(scene.camera)
    scene.world = world = bpy.data.worlds.new("world")
    if bpy.app.version < (5, 0):
        world.use_nodes = True
    world.node_tree.nodes["Background"].inputs["Color"].default_value = (3, 1.5, 0.3, 1)
    scene.view_settings.view_transform, scene.view_settings.exposure = "AgX", 0.5
    for name, fps, base in (("bright", 30, 1.001), ("slow", 1, 4)):
        scene.render.fps, scene.render.fps_base = fps, base
        bpy.ops.wm.save_as_mainfile(filepath=str(Path(FOLDER, f"{name}.blend")))


def told(film: Path) -> dict[str, Any]:
    clip: Any = bpy.data.movieclips.load(str(film))
    image: Any = bpy.data.images.load(str(film))
    middle = (image.size[1] // 2 * image.size[0] + image.size[0] // 2) * image.channels
    return {"frames": clip.frame_duration, "fps": clip.fps, "color": list(image.pixels[middle : middle + 3])}


main()
