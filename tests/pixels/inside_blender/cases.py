# SPDX-License-Identifier: GPL-3.0-or-later
"""Small blends, each with something that a farm could render otherwise than a fresh Blender. Runs inside Blender and
knows nothing of farms.

    blender -b --factory-startup --python cases.py -- FOLDER

Saves each case as FOLDER/<its name>/my shot.blend.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bpy

CASES: list[Callable[[], None]] = []
LAST = 10


def main() -> None:
    for make in CASES:
        bpy.ops.wm.read_factory_settings(use_empty=True)
        make()
        folder = Path(sys.argv[-1], make.__name__)
        folder.mkdir(parents=True)
        bpy.ops.wm.save_as_mainfile(filepath=str(folder / "my shot.blend"))


def case(make: Callable[[], None]) -> Callable[[], None]:
    CASES.append(make)
    return make


# What reads the scene's own settings


@case
def a_driver_reads_the_last_frame() -> None:
    scene = new_scene()
    driver = new_cube().driver_add("scale", 0).driver
    variable = driver.variables.new()
    variable.name, variable.type = "last", "SINGLE_PROP"
    target = variable.targets[0]
    target.id_type, target.id, target.data_path = "SCENE", scene, "frame_end"
    driver.type, driver.expression = "SCRIPTED", "frame / last"


@case
def the_frame_is_burnt_in() -> None:
    """With as many digits as the last frame of the scene has."""
    burnt_in("frame")
    bpy.context.scene.frame_end = 1000


@case
def settings_for_writing_files_are_its_own() -> None:
    scene = new_scene()
    new_cube()
    render = scene.render
    render.use_overwrite, render.use_placeholder, render.use_file_extension = False, True, False


@case
def only_one_layer_is_rendered_in_the_window() -> None:
    """The second, and in the background the first."""
    scene = new_scene()
    scene.render.use_single_layer = True
    new_cube()
    second = scene.view_layers.new("second")
    hidden = bpy.data.collections.new("hidden in the second")
    scene.collection.children.link(hidden)
    second.layer_collection.children[hidden.name].exclude = True
    hidden.objects.link(new_cube(x=1, linked=False))
    mixed_layers(scene, scene.view_layers[0].name, "second")
    bpy.context.window.view_layer = second


@case
def a_setting_of_the_render_is_keyed() -> None:
    """Blender takes it from the file, not from the key, and writes the key's value into the scene."""
    scene = new_scene()
    new_cube()
    scene.render.image_settings.views_format = "STEREO_3D"
    for frame, views in ((1, False), (4, True)):
        scene.render.use_multiview = views
        scene.render.keyframe_insert("use_multiview", frame=frame)
    scene.frame_set(1)


@case
def what_was_saved_is_not_what_is_keyed() -> None:
    """An object was moved away from its key, and another follows it by a driver."""
    cube = new_cube_in_new_scene()
    key(cube, "location", (1, (-1, 0, 0)), (LAST, (-1, 0, 2)))
    follower = new_cube(x=1)
    driver = follower.driver_add("location", 2).driver
    driver.type, variable = "AVERAGE", driver.variables.new()
    variable.targets[0].id, variable.targets[0].data_path = cube, "location.z"
    cube.location = (0, 0, 9)


# What Blender keeps from frame to frame


@case
def simplify_is_keyed() -> None:
    scene = new_scene()
    bpy.ops.mesh.primitive_ico_sphere_add(subdivisions=1)
    bpy.context.object.modifiers.new("finer", "SUBSURF").render_levels = 3
    scene.render.use_simplify = True
    key(scene.render, "simplify_subdivision_render", (1, 0), (2, 1), (6, 3))


@case
def simplify_is_keyed_and_data_are_kept() -> None:
    """As the blend itself wants it."""
    simplify_is_keyed()
    bpy.context.scene.render.use_persistent_data = True


@case
def the_order_of_rotations_is_keyed() -> None:
    """Blender turns the angles it finds into those of the new order."""
    key(new_cube_in_new_scene(), "rotation_mode", (1, "XYZ"), (3, "ZYX"), (6, "QUATERNION"))


@case
def an_aperture_is_keyed() -> None:
    scene = new_scene(width=96, height=54)
    scene.cycles.samples = 4
    new_cube()
    lens = scene.camera.data.dof
    lens.use_dof, lens.focus_distance, lens.aperture_fstop = True, 2, 0.1
    key(lens, "aperture_blades", (1, 0), (LAST, 5))


@case
def layers_have_samples_of_their_own() -> None:
    scene = new_scene()
    scene.cycles.samples = 8
    key(new_cube(), "location", (1, (-1, 0, 0)), (LAST, (1, 0, 0)))
    scene.view_layers.new("second").samples = 2
    mixed_layers(scene, scene.view_layers[0].name, "second")


@case
def pieces_of_an_explosion() -> None:
    """By particles, which are baked."""
    new_scene().frame_end = LAST
    bpy.ops.mesh.primitive_grid_add(x_subdivisions=8, y_subdivisions=8, size=3, rotation=(0.9, 0, 0.2))
    thing = bpy.context.object
    thing.modifiers.new("particles", "PARTICLE_SYSTEM")
    settings = thing.particle_systems[0].settings
    settings.count, settings.frame_start, settings.frame_end, settings.lifetime = 40, -LAST, LAST, 8
    thing.particle_systems[0].point_cache.frame_end = LAST
    thing.modifiers.new("pieces", "EXPLODE")
    bpy.ops.ptcache.bake_all(bake=True)


# Cameras


@case
def cameras_are_bound_to_markers() -> None:
    scene = new_scene()
    new_cube()
    bpy.ops.object.camera_add(location=(0, -12, 0), rotation=(1.5708, 0, 0))
    for frame, camera in ((1, scene.camera), (3, bpy.context.object)):
        scene.timeline_markers.new(camera.name, frame=frame).camera = camera
    scene.camera = None


@case
def compositing_needs_no_camera() -> None:
    scene = without_camera()
    scene.use_nodes = True
    tree = scene.node_tree
    tree.nodes.clear()
    color = tree.nodes.new("CompositorNodeRGB")
    color.outputs[0].default_value = (0, 1, 0, 1)
    tree.links.new(color.outputs[0], tree.nodes.new("CompositorNodeComposite").inputs[0])


@case
def an_edit_needs_no_camera() -> None:
    editor = without_camera().sequence_editor_create()
    editor.sequences.new_effect("red", "COLOR", 1, frame_start=1, frame_end=LAST).color = (1, 0, 0)


# Sizes and files


@case
def a_cropped_region() -> None:
    scene = new_scene(width=100, height=100)
    new_cube()
    render = scene.render
    render.use_border = render.use_crop_to_border = True
    render.border_min_x, render.border_max_x = 0.1, 0.7
    render.border_min_y, render.border_max_y = 0.3, 0.9


@case
def views_side_by_side() -> None:
    with_views("STEREO_3D")


@case
def a_single_view_of_two_side_by_side() -> None:
    with_views("STEREO_3D", right=False)


@case
def a_single_view() -> None:
    with_views("INDIVIDUAL", right=False)


@case
def a_single_view_as_openexr() -> None:
    with_views("INDIVIDUAL", right=False)
    bpy.context.scene.render.image_settings.file_format = "OPEN_EXR"


@case
def views_in_one_openexr() -> None:
    with_views("MULTIVIEW")


@case
def a_bare_stream_of_jpeg_2000() -> None:
    settings = new_scene().render.image_settings
    settings.file_format, settings.jpeg2k_codec = "JPEG2000", "J2K"
    new_cube()


# What they are made of


def new_scene(*, width: int = 64, height: int = 36) -> Any:
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end = 1, LAST
    scene.render.engine = "CYCLES"
    scene.render.resolution_x, scene.render.resolution_y = width, height
    cycles = scene.cycles
    cycles.samples, cycles.use_denoising, cycles.use_adaptive_sampling, cycles.max_bounces = 1, False, False, 1
    scene.world = bpy.data.worlds.new("world")
    bpy.ops.object.light_add(type="SUN", rotation=(0.6, 0.3, 0))
    bpy.ops.object.camera_add(location=(0, -6, 0), rotation=(1.5708, 0, 0))
    scene.camera = bpy.context.object
    return scene


def new_cube(*, x: float = 0, linked: bool = True) -> Any:
    bpy.ops.mesh.primitive_cube_add(location=(x, 0, 0), rotation=(0.3, 0.2, 0.5))
    cube = bpy.context.object
    if not linked:
        bpy.context.collection.objects.unlink(cube)
    return cube


def new_cube_in_new_scene() -> Any:
    new_scene()
    return new_cube()


def without_camera() -> Any:
    scene = new_scene()
    bpy.data.objects.remove(scene.camera)
    return scene


def burnt_in(*what: str) -> None:
    render = new_scene(width=320, height=180).render
    new_cube()
    render.use_stamp, render.stamp_font_size = True, 14
    for name in [name for name in dir(render) if name.startswith("use_stamp_") and name != "use_stamp_labels"]:
        setattr(render, name, name.removeprefix("use_stamp_") in what)


def with_views(kind: str, *, right: bool = True) -> None:
    render = new_scene().render
    new_cube()
    render.use_multiview, render.views["right"].use = True, right
    if kind == "MULTIVIEW":
        render.image_settings.file_format = "OPEN_EXR"
    render.image_settings.views_format = kind
    if kind == "STEREO_3D":
        render.image_settings.stereo_3d_format.display_mode = "SIDEBYSIDE"


def mixed_layers(scene: Any, *names: str) -> None:
    scene.use_nodes = True
    tree = scene.node_tree
    tree.nodes.clear()
    mix = tree.nodes.new("CompositorNodeMixRGB")
    mix.inputs[0].default_value = 0.5
    for name, socket in zip(names, mix.inputs[1:], strict=True):
        layer = tree.nodes.new("CompositorNodeRLayers")
        layer.layer = name
        tree.links.new(layer.outputs["Image"], socket)
    tree.links.new(mix.outputs[0], tree.nodes.new("CompositorNodeComposite").inputs[0])


def key(owner: Any, name: str, *values: tuple[int, Any]) -> None:
    for frame, value in values:
        setattr(owner, name, value)
        owner.keyframe_insert(name, frame=frame)


main()
