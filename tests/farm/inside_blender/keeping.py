# SPDX-License-Identifier: GPL-3.0-or-later
"""Scenes in which what Blender keeps from frame to frame could change a picture. Runs inside Blender and knows nothing
of farms.

    blender -b --factory-startup --python keeping.py -- FOLDER
"""

import sys
from pathlib import Path
from typing import Any

import bpy

FRAMES = (1, 20)
HIDDEN = ((1, False), (3, True), (5, False))  # so that frame 5 begins, with its shutter open, while it is hidden


def main() -> None:
    for make in (vanishing, composed, posed):
        make(new_scene())
        bpy.ops.wm.save_as_mainfile(filepath=str(Path(sys.argv[-1], f"{make.__name__}.blend")))


def vanishing(scene: Any) -> None:
    """Blurred by their motion: a cube that is hidden for a time, cubes that geometry nodes make in some frames only,
    particles with a short life, and a cloth. What is simulated is baked."""
    scene.render.use_motion_blur = True
    cube = moving(new_cube(x=-2))
    for frame, hidden in HIDDEN:
        cube.hide_render = hidden
        cube.keyframe_insert("hide_render", frame=frame)
    small = new_cube(x=0, size=0.5)
    small.location.y = 50
    moving(new_cube(x=0)).modifiers.new("points", "NODES").node_group = instances_at_times(small)
    emitter = moving(new_cube(x=2))
    emitter.modifiers.new("particles", "PARTICLE_SYSTEM")
    particles = emitter.particle_systems[0].settings
    particles.count, particles.frame_end, particles.lifetime = 60, 15, 3
    particles.render_type, particles.instance_object, particles.particle_size = "OBJECT", small, 0.4
    bpy.ops.mesh.primitive_grid_add(x_subdivisions=8, y_subdivisions=8, size=4, location=(0, 0, 1))
    bpy.context.object.modifiers.new("cloth", "CLOTH").point_cache.frame_end = FRAMES[1]
    bpy.ops.ptcache.bake_all(bake=True)


def composed(scene: Any) -> None:
    """Two view layers and another scene, blurred and mixed. The pictures are transparent and of 16 bits."""
    scene.render.film_transparent = True
    scene.render.image_settings.color_mode, scene.render.image_settings.color_depth = "RGBA", "16"
    cube = moving(new_cube(x=-1))
    other: Any = bpy.data.scenes.new("other")
    other.render.engine, other.camera, other.world = "CYCLES", scene.camera, scene.world
    other.cycles.samples, other.cycles.use_denoising = 1, False
    other.render.resolution_x, other.render.resolution_y = scene.render.resolution_x, scene.render.resolution_y
    other.collection.objects.link(cube)
    scene.view_layers.new("second")
    scene.use_nodes = True
    tree = scene.node_tree
    tree.nodes.clear()
    layers = [tree.nodes.new("CompositorNodeRLayers") for _ in range(3)]
    layers[1].layer, layers[2].scene = "second", other
    blur = tree.nodes.new("CompositorNodeBlur")
    blur.size_x = blur.size_y = 3
    tree.links.new(layers[1].outputs["Image"], blur.inputs["Image"])
    mixed = layers[0].outputs["Image"]
    for image in (blur.outputs["Image"], layers[2].outputs["Image"]):
        mix = tree.nodes.new("CompositorNodeMixRGB")
        mix.inputs[0].default_value = 0.5
        tree.links.new(mixed, mix.inputs[1])
        tree.links.new(image, mix.inputs[2])
        mixed = mix.outputs[0]
    tree.links.new(mixed, tree.nodes.new("CompositorNodeComposite").inputs["Image"])


def posed(scene: Any) -> None:
    """An arm of four bones that reaches for a target, by a solver that goes on from the pose before."""
    bpy.ops.object.armature_add(location=(-1, 0, -1))
    arm = bpy.context.object
    bpy.ops.object.mode_set(mode="EDIT")
    bone = arm.data.edit_bones[0]
    for number in (1, 2, 3):
        following = arm.data.edit_bones.new(f"bone {number}")
        following.head, following.tail = bone.tail, (0.1 * number, 0, bone.tail[2] + 1)
        following.parent, following.use_connect, bone = bone, True, following
    bpy.ops.object.mode_set(mode="OBJECT")
    target = bpy.data.objects.new("target", None)
    scene.collection.objects.link(target)
    for frame, x in zip(FRAMES, (-3, 1), strict=True):
        target.location = (x, 0, 1)
        target.keyframe_insert("location", frame=frame)
    arm.pose.bones[-1].constraints.new("IK").target = target
    arm.pose.ik_solver = "ITASC"
    arm.pose.ik_param.mode = "SIMULATION"
    for posed in arm.pose.bones:
        cube = new_cube(x=0, size=0.5)
        cube.location = (0, 0, 0)
        cube.parent, cube.parent_type, cube.parent_bone = arm, "BONE", posed.name


def new_scene() -> Any:
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end = FRAMES
    scene.render.engine = "CYCLES"
    scene.render.resolution_x, scene.render.resolution_y = 64, 36
    scene.cycles.samples, scene.cycles.use_denoising, scene.cycles.use_adaptive_sampling = 2, False, False
    scene.world = bpy.data.worlds.new("world")
    bpy.ops.object.light_add(type="SUN", rotation=(0.5, 0.3, 0))
    bpy.ops.object.camera_add(location=(0, -8, 1), rotation=(1.5, 0, 0))
    scene.camera = bpy.context.object
    return scene


def new_cube(*, x: float, size: float = 1) -> bpy.types.Object:
    bpy.ops.mesh.primitive_cube_add(location=(x, 0, 0), size=size)
    return bpy.context.object


def moving(thing: bpy.types.Object) -> bpy.types.Object:
    for frame, z in zip(FRAMES, (-1, 1.5), strict=True):
        thing.location.z, thing.rotation_euler.z = z, z
        thing.keyframe_insert("location", frame=frame)
        thing.keyframe_insert("rotation_euler", frame=frame)
    return thing


def instances_at_times(thing: bpy.types.Object) -> Any:
    """Where the points are, `thing` is, but not around every third frame."""
    tree: Any = bpy.data.node_groups.new("instances", "GeometryNodeTree")
    tree.interface.new_socket("points", in_out="INPUT", socket_type="NodeSocketGeometry")
    tree.interface.new_socket("things", in_out="OUTPUT", socket_type="NodeSocketGeometry")
    given, made, on_points, info, time = (
        tree.nodes.new(kind)
        for kind in (
            "NodeGroupInput",
            "NodeGroupOutput",
            "GeometryNodeInstanceOnPoints",
            "GeometryNodeObjectInfo",
            "GeometryNodeInputSceneTime",
        )
    )
    info.inputs["Object"].default_value, info.inputs["As Instance"].default_value = thing, True
    modulo, over = tree.nodes.new("ShaderNodeMath"), tree.nodes.new("ShaderNodeMath")
    modulo.operation, over.operation = "PINGPONG", "GREATER_THAN"
    modulo.inputs[1].default_value, over.inputs[1].default_value = 3, 0.9
    for source, target in (
        (given.outputs[0], on_points.inputs["Points"]),
        (info.outputs["Geometry"], on_points.inputs["Instance"]),
        (time.outputs["Frame"], modulo.inputs[0]),
        (modulo.outputs[0], over.inputs[0]),
        (over.outputs[0], on_points.inputs["Selection"]),
        (on_points.outputs["Instances"], made.inputs[0]),
    ):
        tree.links.new(source, target)
    return tree


main()
