# SPDX-License-Identifier: GPL-3.0-or-later
"""What of a blend must not be kept from task to task or from frame to frame, in a real Blender. Renders nothing."""

import importlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import bpy
import pytest

pytestmark = pytest.mark.usefixtures("empty_file")
survives_fluids = pytest.mark.skipif(bpy.app.version < (5, 0), reason="Debian's Blender 4.3 doesn't survive a fluid")


@pytest.fixture(scope="module")
def keeping() -> ModuleType:
    return importlib.import_module("bl_ext.user_default.bender_worker_addon.render_child.keeping")


def _cube(name: str = "cube", *, linked: bool = True) -> Any:
    bpy.ops.mesh.primitive_cube_add()
    cube = bpy.context.object
    cube.name = name
    if not linked:
        bpy.context.collection.objects.unlink(cube)
    return cube


def _cloth_in_an_instanced_collection(_: Path) -> None:
    cube = _cube(linked=False)
    cube.modifiers.new("cloth", "CLOTH")
    hidden = bpy.data.collections.new("hidden")
    hidden.objects.link(cube)
    instance = bpy.data.objects.new("instance", None)
    instance.instance_type, instance.instance_collection = "COLLECTION", hidden
    bpy.context.collection.objects.link(instance)


def _particles_in_another_scene(_: Path) -> None:
    cube = _cube(linked=False)
    bpy.data.scenes.new("other").collection.objects.link(cube)
    cube.modifiers.new("particles", "PARTICLE_SYSTEM")


def _soft_body_in_a_linked_library(folder: Path) -> None:
    _cube().modifiers.new("soft", "SOFT_BODY")
    library = str(folder / "library.blend")
    bpy.ops.wm.save_as_mainfile(filepath=library)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.wm.link(directory=f"{library}/Object", filename="cube")


def _simulation_zone_in_a_group_of_nodes(_: Path) -> None:
    inner = bpy.data.node_groups.new("inner", "GeometryNodeTree")
    inner.nodes.new("GeometryNodeSimulationOutput")
    outer: Any = bpy.data.node_groups.new("outer", "GeometryNodeTree")
    outer.nodes.new("GeometryNodeGroup").node_tree = inner
    _cube().modifiers.new("nodes", "NODES").node_group = outer


def _a_falling_body(_: Path) -> None:
    _cube()
    bpy.ops.rigidbody.object_add(type="ACTIVE")


def _dynamic_paint(_: Path) -> None:
    _painted()


def _painted() -> Any:
    canvas = _cube()
    modifier = canvas.modifiers.new("paint", "DYNAMIC_PAINT")
    bpy.ops.dpaint.type_toggle(type="CANVAS")
    return modifier.canvas_settings.canvas_surfaces[0]


def _smoke(_: Path) -> None:
    _cube().modifiers.new("smoke", "FLUID").fluid_type = "DOMAIN"


def _hair_that_swings(_: Path) -> None:
    _hair().use_hair_dynamics = True


def _hair() -> Any:
    cube = _cube()
    cube.modifiers.new("hair", "PARTICLE_SYSTEM")
    cube.particle_systems[0].settings.type = "HAIR"
    return cube.particle_systems[0]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (_cloth_in_an_instanced_collection, "cloth that is not baked (cube)"),
        (_particles_in_another_scene, "particles that are not baked (cube)"),
        (_soft_body_in_a_linked_library, "a soft body that is not baked (cube)"),
        (_simulation_zone_in_a_group_of_nodes, "a simulation zone in geometry nodes that is not baked (cube)"),
        (_a_falling_body, "rigid bodies that are not baked (Scene)"),
        (_dynamic_paint, "dynamic paint that is not baked (cube)"),
        pytest.param(_smoke, "a fluid that is not baked (cube)", marks=survives_fluids),
        (_hair_that_swings, "particles that are not baked (cube)"),
    ],
)
def test_what_is_not_baked_is_found_wherever_it_lies(
    make: Callable[[Path], None], words: str, keeping: ModuleType, tmp_path: Path
) -> None:
    make(tmp_path)
    assert keeping.reason_not_to_keep() == words


def test_a_blend_whose_simulations_are_baked_is_kept(keeping: ModuleType) -> None:
    cube = _cube()
    cube.modifiers.new("cloth", "CLOTH").point_cache.frame_end = 3
    cube.modifiers.new("particles", "PARTICLE_SYSTEM")
    paint = _painted()
    paint.frame_end = paint.point_cache.frame_end = 3
    _cube()
    bpy.ops.rigidbody.object_add(type="ACTIVE")
    scene = bpy.context.scene
    scene.frame_end = scene.rigidbody_world.point_cache.frame_end = 3
    bpy.ops.ptcache.bake_all(bake=True)
    assert keeping.reason_not_to_keep() == ""


def test_what_never_moves_by_itself_is_kept(keeping: ModuleType) -> None:
    _hair()
    _cube()
    bpy.ops.rigidbody.object_add(type="PASSIVE")
    assert keeping.reason_not_to_keep() == ""


@survives_fluids
def test_what_only_flows_into_a_fluid_is_kept(keeping: ModuleType) -> None:
    _cube().modifiers.new("inflow", "FLUID").fluid_type = "FLOW"
    assert keeping.reason_not_to_keep() == ""


@survives_fluids
def test_a_baked_fluid_is_kept(keeping: ModuleType, tmp_path: Path) -> None:
    tank = _cube("tank")
    tank.modifiers.new("smoke", "FLUID").fluid_type = "DOMAIN"
    domain = tank.modifiers[0].domain_settings
    domain.resolution_max, domain.cache_frame_end = 8, 2
    domain.cache_type, domain.cache_directory = "ALL", str(tmp_path)
    bpy.ops.fluid.bake_all()
    assert keeping.reason_not_to_keep() == ""


@pytest.mark.parametrize("target", ["PACKED", "DISK"])
def test_a_baked_simulation_zone_is_kept(target: str, keeping: ModuleType, tmp_path: Path) -> None:
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "zone.blend"))
    cube = _cube()
    modifier: Any = cube.modifiers.new("nodes", "NODES")
    modifier.node_group = _zone()
    bpy.context.view_layer.update()
    modifier.bake_target, modifier.bake_directory = target, "//baked"
    bpy.ops.wm.save_mainfile()
    assert keeping.reason_not_to_keep() == "a simulation zone in geometry nodes that is not baked (cube)"
    bake = modifier.bakes[0].bake_id
    bpy.ops.object.geometry_node_bake_single(session_uid=cube.session_uid, modifier_name="nodes", bake_id=bake)
    assert keeping.reason_not_to_keep() == ""
    bpy.ops.wm.save_mainfile()
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "zone.blend"))
    assert keeping.reason_not_to_keep() == ""


def _zone() -> Any:
    tree: Any = bpy.data.node_groups.new("zone", "GeometryNodeTree")
    for way in ("INPUT", "OUTPUT"):
        tree.interface.new_socket("it", in_out=way, socket_type="NodeSocketGeometry")
    given, into, out_of, made = (
        tree.nodes.new(kind)
        for kind in ("NodeGroupInput", "GeometryNodeSimulationInput", "GeometryNodeSimulationOutput", "NodeGroupOutput")
    )
    into.pair_with_output(out_of)
    tree.links.new(given.outputs[0], into.inputs["Geometry"])
    tree.links.new(into.outputs["Geometry"], out_of.inputs["Geometry"])
    tree.links.new(out_of.outputs["Geometry"], made.inputs[0])
    return tree


def _keyed(name: str) -> None:
    _cube().keyframe_insert(name, frame=1)


def _driven(name: str) -> None:
    _cube().driver_add(name)


def _keyed_in_a_strip() -> None:
    _keyed("rotation_mode")
    cube = bpy.context.object
    cube.animation_data.nla_tracks.new().strips.new("strip", 1, cube.animation_data.action)
    cube.animation_data.action = None


def _keyed_simplify() -> None:
    bpy.context.scene.render.keyframe_insert("simplify_subdivision_render", frame=1)


def _of_unlike_layers() -> None:
    bpy.context.scene.view_layers.new("second").samples = 2


def _cached_elsewhere() -> None:
    _cube().modifiers.new("cache", "MESH_SEQUENCE_CACHE")


def _simulated_pose() -> None:
    bpy.ops.object.armature_add()
    pose: Any = bpy.context.object.pose
    pose.ik_solver = "ITASC"
    pose.ik_param.mode = "SIMULATION"


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (partial(_keyed, "rotation_mode"), "Object.rotation_mode changes (cube)"),
        (partial(_driven, "rotation_mode"), "Object.rotation_mode changes (cube)"),
        (_keyed_in_a_strip, "Object.rotation_mode changes (cube)"),
        (_keyed_simplify, "RenderSettings.simplify_subdivision_render changes (Scene)"),
        (_of_unlike_layers, "view layers of unlike settings (samples)"),
        (_cached_elsewhere, "a modifier of the kind MESH_SEQUENCE_CACHE (cube)"),
        (_simulated_pose, "a pose that is simulated (Armature)"),
    ],
)
def test_what_is_not_proven_is_built_anew(make: Callable[[], None], words: str, keeping: ModuleType) -> None:
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    make()
    assert keeping.reason_to_build_anew(scene) == words
    scene.render.engine = "BLENDER_WORKBENCH"
    assert keeping.reason_to_build_anew(scene) == ""


def _with_particles() -> None:
    cube = _cube()
    cube.modifiers.new("particles", "PARTICLE_SYSTEM")


def _with_instances_by_nodes() -> None:
    tree = bpy.data.node_groups.new("instances", "GeometryNodeTree")
    tree.nodes.new("GeometryNodeInstanceOnPoints")
    _cube().modifiers.new("nodes", "NODES").node_group = tree


@pytest.mark.parametrize("make", [partial(_keyed, "hide_render"), _with_particles, _with_instances_by_nodes])
def test_what_may_vanish_while_the_shutter_is_open_is_built_anew(make: Callable[[], None], keeping: ModuleType) -> None:
    make()
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    assert keeping.reason_to_build_anew(scene) == ""
    scene.render.use_motion_blur = True
    assert keeping.reason_to_build_anew(scene) or bpy.app.version < (4, 4)


def _all_that_is_usual() -> None:
    scene = bpy.context.scene
    for name in ("location", "rotation_euler", "scale", "hide_render", "hide_viewport"):
        _keyed(name)
    _driven("location")
    cube = _cube()
    cube["mine"] = 1.0
    cube.keyframe_insert('["mine"]', frame=1)
    cube.shape_key_add(name="Basis")
    cube.shape_key_add(name="one").keyframe_insert("value", frame=1)
    cube.modifiers.new("finer", "SUBSURF").keyframe_insert("render_levels", frame=1)
    cube.constraints.new("COPY_LOCATION").keyframe_insert("influence", frame=1)
    material = bpy.data.materials.new("material")
    if bpy.app.version < (5, 0):
        material.use_nodes = True
    material.node_tree.nodes["Principled BSDF"].inputs["Roughness"].keyframe_insert("default_value", frame=1)
    bpy.data.lights.new("lamp", "POINT").keyframe_insert("energy", frame=1)
    bpy.data.cameras.new("camera").keyframe_insert("lens", frame=1)
    bpy.ops.object.armature_add()
    arm = bpy.context.object
    for name in ("location", "rotation_quaternion", "scale"):
        arm.pose.bones[0].keyframe_insert(name, frame=1)
    scene.view_layers.new("second")
    scene.cycles.keyframe_insert("seed", frame=1)


def test_what_is_usual_is_kept(keeping: ModuleType) -> None:
    _all_that_is_usual()
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    assert keeping.reason_to_build_anew(scene) == ""


def test_motion_blur_alone_is_no_reason_to_build_anew(keeping: ModuleType) -> None:
    _keyed("location")
    scene = bpy.context.scene
    scene.render.engine, scene.render.use_motion_blur = "CYCLES", True
    assert keeping.reason_to_build_anew(scene) == ""
