# SPDX-License-Identifier: GPL-3.0-or-later
"""Saves a file of two scenes, and beside it what an artist would make of it by hand: another scene, camera, view layer,
other samples and another size. Runs inside Blender.

    blender -b --factory-startup --python chosen.py -- FILE BY_HAND
"""

import sys

import bpy

FILE, BY_HAND = sys.argv[sys.argv.index("--") + 1 :]


def main() -> None:
    scene = bpy.context.scene
    scene.name = "day"
    bpy.ops.scene.new(type="FULL_COPY")
    night = bpy.context.scene
    night.name = "night"
    night.render.engine = "CYCLES"
    night.render.resolution_x, night.render.resolution_y, night.render.resolution_percentage = 64, 36, 100
    for layer in night.view_layers:
        layer.cycles.use_denoising = False
    night.cycles.use_denoising = night.cycles.use_adaptive_sampling = False
    for frame, samples in ((1, 7), (5, 9)):
        night.cycles.samples = samples
        night.keyframe_insert("cycles.samples", frame=frame)
    front = camera("front", 4.0)
    camera("close", 2.5)
    night.camera = front
    night.timeline_markers.new("cut", frame=2).camera = front
    shown = night.view_layers.new("without the cube")
    shown.layer_collection.children[0].exclude = True
    bpy.context.window.scene = bpy.data.scenes["day"]
    bpy.ops.wm.save_as_mainfile(filepath=FILE)

    bpy.context.window.scene = night
    night.camera = night.objects["close"]
    night.timeline_markers.clear()
    night.view_layers[1].use = False
    night.animation_data_clear()
    night.cycles.samples = 2
    night.render.resolution_percentage = 50
    bpy.ops.wm.save_as_mainfile(filepath=BY_HAND)


def camera(name: str, away: float) -> bpy.types.Object:
    made = bpy.data.objects.new(name, bpy.data.cameras.new(name))
    made.location = 0, 0, away
    bpy.context.scene.collection.objects.link(made)
    return made


main()
