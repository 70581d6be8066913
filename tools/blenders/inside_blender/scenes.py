# SPDX-License-Identifier: GPL-3.0-or-later
"""Scenes by name, the same in every run. Runs inside Blender and knows nothing of the farm.

    blender -b --factory-startup --python scenes.py -- '"sample"' '"out.blend"' '{"frames": 24}'

Each function of the first three parts makes one scene; its keyword arguments are the options.
"""

import colorsys
import json
import math
import sys
from collections.abc import Callable
from typing import Literal

import bmesh
import bpy
from mathutils import Vector

SCENES: dict[str, Callable[..., None]] = {}


def main() -> None:
    name, out, options = map(json.loads, sys.argv[sys.argv.index("--") + 1 :])
    bpy.ops.wm.read_factory_settings(use_empty=True)
    SCENES[name](**options)
    bpy.ops.wm.save_as_mainfile(filepath=out, check_existing=False, compress=False)


def scene(make: Callable[..., None]) -> Callable[..., None]:
    SCENES[make.__name__] = make
    return make


# --- For people ------------------------------------------------------------------------------------------------------


@scene
def sample(*, frames: int = 24, width: int = 320, height: int = 180, samples: int = 4) -> None:
    """A flower of glossy stones that breathes once in `frames`, while the camera moves round it.

    Lit so that few samples are enough: near-point lights, a glow in place of bounced light, mirrored once.
    """
    cycles(frames=frames, width=width, height=height, samples=samples)
    bpy.context.scene.cycles.diffuse_bounces = 0
    bpy.context.scene.cycles.glossy_bounces = 1
    bpy.context.scene.view_settings.look = "AgX - Punchy"
    stones = 160
    mesh = rounded_stone()
    for number in range(stones):
        stone(mesh, part=number / stones, number=number, frames=frames)
    floor(glossy("floor", (0.006, 0.007, 0.012, 1), roughness=0.06))
    light("key", "SUN", location=(-4, -3, 5), power=3.2, color=(1, 0.87, 0.7))
    light("rim", "POINT", location=(4, 6, 3.5), power=1300, color=(0.35, 0.55, 1), mirrored=False)
    world((0.03, 0.04, 0.075, 1), strength=1)
    orbit(camera(lens=43), frames=frames, radius=9.2, height=5.2, turn=math.tau / 6)


def rounded_stone() -> bpy.types.Mesh:
    mesh = bpy.data.meshes.new("stone")
    ball = bmesh.new()
    bmesh.ops.create_icosphere(ball, subdivisions=4, radius=0.5)
    ball.to_mesh(mesh)
    ball.free()
    mesh.shade_smooth()
    mesh.materials.append(glossy("stone", None, roughness=0.12, glow=0.1))
    return mesh


def stone(mesh: bpy.types.Mesh, *, part: float, number: int, frames: int) -> None:
    """One of the flower's stones; `part` is how far out it lies, from 0 to 1."""
    made = bpy.data.objects.new(f"stone {number:03}", mesh)
    bpy.context.collection.objects.link(made)
    golden_angle = math.pi * (3 - math.sqrt(5))
    radius, angle = 3.6 * math.sqrt(part + 0.004), number * golden_angle
    made.color = (*colorsys.hsv_to_rgb((0.97 + 0.62 * part) % 1, 0.9, 0.95), 1)
    for frame in range(1, frames + 1):
        wave = math.sin(math.tau * ((frame - 1) / frames - 1.3 * part))
        size = 0.4 + 0.24 * part + 0.07 * wave
        height = size / 2 + 0.9 * (1 - part) + 0.35 * (wave + 1)
        made.location = (radius * math.cos(angle), radius * math.sin(angle), height)
        made.scale = (size, size, size)
        made.keyframe_insert("location", frame=frame)
        made.keyframe_insert("scale", frame=frame)


# --- For measuring ---------------------------------------------------------------------------------------------------


@scene
def trivial(*, frames: int = 250, width: int = 160, height: int = 90, samples: int = 4) -> None:
    """A cube that turns and wanders: the renderer has next to nothing to do."""
    cycles(frames=frames, width=width, height=height, samples=samples)
    turning_cube(frames)
    light("key", "SUN", location=(2, -4, 5), power=2, color=(1, 1, 1))
    world((0.2, 0.25, 0.3, 1), strength=1)
    place(camera(lens=35), (5, -5, 4))


@scene
def heavy(*, frames: int = 10, levels: int = 7) -> None:
    """Some eight million faces, made by a modifier when rendered, of which nothing moves but the camera."""
    cycles(frames=frames, width=160, height=90, samples=4)
    bpy.ops.mesh.primitive_monkey_add(size=2)
    subdivision = bpy.context.object.modifiers.new("subdivision", "SUBSURF")
    subdivision.levels, subdivision.render_levels = 0, levels
    light("key", "SUN", location=(-3, -4, 5), power=2, color=(1, 1, 1))
    world((0.1, 0.1, 0.12, 1), strength=1)
    orbit(camera(lens=50), frames=frames, radius=5, height=1.5, turn=math.tau / 8)


@scene
def large(*, vertices: int = 40_000_000) -> None:
    """A blend of 12 bytes a vertex, of which nothing is in the picture."""
    trivial(frames=20)
    mesh = bpy.data.meshes.new("ballast")
    mesh.vertices.add(vertices)
    mesh.use_fake_user = True


@scene
def one_thread(**options: int) -> None:
    trivial(**options)
    bpy.context.scene.render.threads_mode, bpy.context.scene.render.threads = "FIXED", 1


# --- For trying what a farm meets ------------------------------------------------------------------------------------


@scene
def eevee(**options: int) -> None:
    trivial(**options)
    engines = bpy.types.RenderSettings.bl_rna.properties["engine"].enum_items.keys()
    bpy.context.scene.render.engine = next(name for name in ("BLENDER_EEVEE", "BLENDER_EEVEE_NEXT") if name in engines)


@scene
def video(**options: int) -> None:
    """Set to write a film instead of pictures."""
    trivial(**options)
    settings = bpy.context.scene.render.image_settings
    if hasattr(settings, "media_type"):
        settings.media_type = "VIDEO"
    settings.file_format = "FFMPEG"


@scene
def no_camera(**options: int) -> None:
    trivial(**options)
    bpy.context.scene.camera = None


@scene
def other_engine(**options: int) -> None:
    """Asks for a render engine that only the Blender knew that saved it."""
    trivial(**options)

    class Absent(bpy.types.RenderEngine):
        bl_idname = "ABSENT_ENGINE"
        bl_label = "Absent"

    bpy.utils.register_class(Absent)
    bpy.context.scene.render.engine = Absent.bl_idname


@scene
def troubled(**options: int) -> None:
    """`other_engine`, and more that people are told of before it is sent."""
    other_engine(**options)
    cube = bpy.data.objects["Cube"]
    cube.modifiers.new("cloth", "CLOTH")
    wood = bpy.data.images.new("wood", 8, 8)
    wood.source, wood.filepath = "FILE", "//textures/wood.png"
    material = bpy.data.materials.new("wood")
    material.use_nodes = True
    material.node_tree.nodes.new("ShaderNodeTexImage").image = wood
    cube.data.materials.append(material)


@scene
def slow(*, seconds: float = 5, threads: int = 1, **options: int) -> None:
    """Each frame takes `seconds`, whatever the machine, on so many `threads`; 0: all that there are."""
    trivial(**{"width": 640, "height": 360, "samples": 1_000_000, **options})
    if threads:
        bpy.context.scene.render.threads_mode, bpy.context.scene.render.threads = "FIXED", threads
    bpy.context.scene.cycles.use_adaptive_sampling = False
    bpy.context.scene.cycles.time_limit = seconds


@scene
def denoised(**options: int) -> None:
    """Renders where Blender can denoise; where it can't, no picture comes of it."""
    trivial(**options)
    bpy.context.scene.cycles.use_denoising = True


@scene
def cropped(**options: int) -> None:
    """At half its size, of which only a quarter is rendered and kept."""
    trivial(**options)
    render = bpy.context.scene.render
    render.resolution_percentage = 50
    render.use_border = render.use_crop_to_border = True
    render.border_min_x, render.border_max_x, render.border_min_y, render.border_max_y = 0.25, 0.75, 0.25, 0.75


@scene
def variety(**options: int) -> None:
    """Much of what can change from frame to frame, at once: shape, modifiers, a driver, light, cameras, noise, blur."""
    trivial(**options)
    current = bpy.context.scene
    current.render.use_motion_blur = True
    for frame in (1, 20):
        current.cycles.seed = frame
        current.keyframe_insert("cycles.seed", frame=frame)
    cube = bpy.context.view_layer.objects["Cube"]
    cube.modifiers.new("wave", "WAVE")
    cube.shape_key_add(name="plain")
    large = cube.shape_key_add(name="large")
    for point in large.data:
        point.co *= 1.5
    for frame, value in ((1, 0.0), (20, 1.0)):
        large.value = value
        large.keyframe_insert("value", frame=frame)
    # Of a vector that nothing else moves: where one part is driven and another keyed, Blender 5 now and then loses
    # what one of the two has set.
    driver = cube.driver_add("scale", 2).driver
    driver.expression = "1 + frame / 20"
    subdivision = cube.modifiers.new("subdivision", "SUBSURF")
    for frame, levels in ((1, 0), (6, 2)):
        subdivision.render_levels = levels
        subdivision.keyframe_insert("render_levels", frame=frame)
    first, other = current.camera, camera(lens=50)
    place(other, (-5, -5, 3))
    current.timeline_markers.new("other", frame=6).camera = other
    current.timeline_markers.new("first", frame=1).camera = first
    for frame, energy in ((1, 1.0), (20, 5.0)):
        bpy.data.lights["key"].energy = energy
        bpy.data.lights["key"].keyframe_insert("energy", frame=frame)
    current.view_layers.new("second")
    bpy.data.scenes.new("unused")


@scene
def two_scenes(*, frames: int = 12, width: int = 320, height: int = 180, samples: int = 16) -> None:
    """`Wide`, which is the active one, and `Close-up`, of a quarter of its pixels, which has its path burnt in."""
    trivial(frames=3, width=width, height=height, samples=samples)
    wide = bpy.context.scene
    wide.name = "Wide"
    close = wide.copy()
    close.name = "Close-up"
    close.use_fake_user = True  # or it would not be saved
    close.frame_end = frames
    close.render.resolution_percentage = 50
    close.render.use_stamp = close.render.use_stamp_filename = True


@scene
def stereo(**options: int) -> None:
    """Two eyes, a picture each."""
    trivial(**options)
    bpy.context.scene.render.use_multiview = True
    bpy.context.scene.render.image_settings.views_format = "INDIVIDUAL"


@scene
def line_scripts(**options: int) -> None:
    """Its lines are drawn by a Python script."""
    trivial(**options)
    bpy.context.scene.render.use_freestyle = True
    bpy.context.view_layer.use_freestyle = True
    bpy.context.view_layer.freestyle_settings.mode = "SCRIPT"


# --- What scenes are made of -----------------------------------------------------------------------------------------


def cycles(*, frames: int, width: int, height: int, samples: int) -> None:
    """Cycles without anything a build may lack, frames 1 to `frames`."""
    current = bpy.context.scene
    current.frame_start, current.frame_end = 1, frames
    current.render.engine = "CYCLES"
    current.render.resolution_x, current.render.resolution_y = width, height
    current.cycles.device = "CPU"
    current.cycles.samples = samples
    current.cycles.use_denoising = False
    current.cycles.use_adaptive_sampling = False
    current.cycles.max_bounces = 4
    current.cycles.sample_clamp_indirect = 3
    current.cycles.blur_glossy = 1
    current.cycles.caustics_reflective = current.cycles.caustics_refractive = False


def turning_cube(frames: int) -> None:
    bpy.ops.mesh.primitive_cube_add()
    cube = bpy.context.object
    cube.data.materials.append(glossy("cube", (0.8, 0.3, 0.1, 1), roughness=0.5))
    for frame, part in ((1, 0), (frames + 1, 1)):
        cube.rotation_euler.z = part * math.tau
        cube.location.x = part
        cube.keyframe_insert("rotation_euler", frame=frame)
        cube.keyframe_insert("location", frame=frame)


def glossy(
    name: str, color: tuple[float, float, float, float] | None, *, roughness: float, glow: float = 0
) -> bpy.types.Material:
    """A plain shiny material; without a `color` each object's own is taken. `glow` stands in for bounced light."""
    material = bpy.data.materials.new(name)
    if bpy.app.version < (5, 0):  # from then on a material is never without
        material.use_nodes = True
    nodes = material.node_tree.nodes
    principled = nodes["Principled BSDF"]
    principled.inputs["Roughness"].default_value = roughness
    if color:
        principled.inputs["Base Color"].default_value = color
    else:
        info = nodes.new("ShaderNodeObjectInfo")
        for socket in ("Base Color", "Emission Color"):
            material.node_tree.links.new(info.outputs["Color"], principled.inputs[socket])
    principled.inputs["Emission Strength"].default_value = glow
    return material


def floor(material: bpy.types.Material) -> None:
    bpy.ops.mesh.primitive_plane_add(size=200)
    bpy.context.object.data.materials.append(material)


def light(
    name: str,
    kind: Literal["SUN", "POINT"],
    *,
    location: tuple[float, float, float],
    power: float,
    color: tuple[float, float, float],
    mirrored: bool = True,
) -> None:
    made = bpy.data.lights.new(name, kind)
    made.energy, made.color = power, color
    lamp = bpy.data.objects.new(name, made)
    lamp.visible_glossy = mirrored
    bpy.context.collection.objects.link(lamp)
    place(lamp, location)


def world(color: tuple[float, float, float, float], *, strength: float) -> None:
    made = bpy.data.worlds.new("world")
    if bpy.app.version < (5, 0):
        made.use_nodes = True
    background = made.node_tree.nodes["Background"]
    background.inputs["Color"].default_value = color
    background.inputs["Strength"].default_value = strength
    bpy.context.scene.world = made


def camera(*, lens: float) -> bpy.types.Object:
    made = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
    made.data.lens = lens
    bpy.context.collection.objects.link(made)
    bpy.context.scene.camera = made
    return made


def orbit(made: bpy.types.Object, *, frames: int, radius: float, height: float, turn: float) -> None:
    for frame in range(1, frames + 1):
        angle = -math.pi / 2 + turn * (frame - 1) / frames
        place(made, (radius * math.cos(angle), radius * math.sin(angle), height))
        made.keyframe_insert("location", frame=frame)
        made.keyframe_insert("rotation_euler", frame=frame)


def place(made: bpy.types.Object, location: tuple[float, float, float]) -> None:
    """Puts it there, looking at the middle of the scene."""
    made.location = location
    made.rotation_euler = (-Vector(location)).to_track_quat("-Z", "Y").to_euler()


main()
