# SPDX-License-Identifier: GPL-3.0-or-later
"""A scene that remembers. Runs inside Blender and knows nothing of farms.

    blender -b --factory-startup --python remembering.py -- out.blend

Its pictures depend on the frames that were shown before: it holds a cloth that is not baked.
"""

import sys

import bpy


def main() -> None:
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.render.resolution_x, scene.render.resolution_y = 64, 36
    scene.cycles.samples = 4
    scene.cycles.use_denoising = scene.cycles.use_adaptive_sampling = False
    bpy.data.objects.remove(bpy.data.objects["Cube"])
    bpy.ops.mesh.primitive_grid_add(x_subdivisions=12, y_subdivisions=12, size=6, location=(0, 0, 1))
    cloth = bpy.context.object
    cloth.modifiers.new("cloth", "CLOTH")
    bpy.ops.wm.save_as_mainfile(filepath=sys.argv[-1])


main()
