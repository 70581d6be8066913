# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes a blend of which a picture is hard to cut: adaptive sampling that is not done at the samples it has, two view
layers, passes, compositing that spreads light over all of it, a crop of its own at an odd size.

    blender -b --factory-startup --python still.py -- BLEND
"""

import math
import sys
from typing import Any

import bpy

scene: Any = bpy.context.scene
render = scene.render
render.engine = "CYCLES"
render.resolution_x, render.resolution_y, render.resolution_percentage = 311, 205, 50
render.use_border = render.use_crop_to_border = True
render.border_min_x, render.border_max_x, render.border_min_y, render.border_max_y = 0.1, 0.93, 0.05, 1.0
render.use_motion_blur = True
render.image_settings.use_preview = True  # which only OpenEXR files have, as those of tiles are
scene.cycles.samples = 48
scene.cycles.use_adaptive_sampling = True
scene.cycles.adaptive_threshold = 0.02
scene.cycles.use_denoising = False  # not every Blender of a distribution can
bpy.ops.mesh.primitive_plane_add(size=20, location=(0, 0, -1))
for number in range(5):
    bpy.ops.mesh.primitive_uv_sphere_add(segments=16, ring_count=8, location=(number - 2.5, math.sin(number) * 2, 0))
    ball: Any = bpy.context.object
    material: Any = bpy.data.materials.new(f"ball {number}")
    material.use_nodes = True
    surface = material.node_tree.nodes["Principled BSDF"]
    surface.inputs["Base Color"].default_value = (number / 5, 1 - number / 5, 0.3, 1)
    surface.inputs["Roughness"].default_value = number / 5
    surface.inputs["Metallic"].default_value = number % 2
    ball.data.materials.append(material)
    ball.keyframe_insert("location", frame=1)
    ball.location.z += 1
    ball.keyframe_insert("location", frame=4)
layer = scene.view_layers[0]
layer.use_pass_z = layer.use_pass_normal = layer.use_pass_cryptomatte_object = True
scene.view_layers.new("second")

if bpy.app.version >= (5, 0):
    groups: Any = bpy.data.node_groups
    tree = groups.new("compositing", "CompositorNodeTree")
    scene.compositing_node_group = tree
    tree.interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
    output = tree.nodes.new("NodeGroupOutput")
else:
    scene.use_nodes = True
    tree = scene.node_tree
    tree.nodes.clear()
    output = tree.nodes.new("CompositorNodeComposite")
first, second = tree.nodes.new("CompositorNodeRLayers"), tree.nodes.new("CompositorNodeRLayers")
second.layer = "second"
glare, over = tree.nodes.new("CompositorNodeGlare"), tree.nodes.new("CompositorNodeZcombine")
tree.links.new(first.outputs["Image"], glare.inputs[0])
tree.links.new(glare.outputs[0], over.inputs[0])
tree.links.new(first.outputs["Depth"], over.inputs[1])
tree.links.new(second.outputs["Image"], over.inputs[2])
tree.links.new(over.outputs[0], output.inputs[0])
bpy.ops.wm.save_as_mainfile(filepath=sys.argv[-1])
