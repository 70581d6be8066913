# SPDX-License-Identifier: GPL-3.0-or-later
"""Which pictures are not cut into tiles, and the words for that; and how far beyond its edges a tile is rendered."""

import importlib
from collections.abc import Callable
from types import ModuleType
from typing import Any

import bpy
import pytest

pytestmark = pytest.mark.usefixtures("empty_file")


@pytest.fixture(scope="module")
def splitting() -> ModuleType:
    return importlib.import_module("bl_ext.user_default.bender_worker_addon.blender.farm.splitting")


@pytest.fixture
def scene() -> Any:
    made = bpy.context.scene
    made.render.engine, made.cycles.use_denoising = "CYCLES", False
    return made


def workbench(scene: Any) -> None:
    scene.render.engine = "BLENDER_WORKBENCH"


def stereo(scene: Any) -> None:
    scene.render.use_multiview = True


def freestyle(scene: Any) -> None:
    scene.render.use_freestyle = True


def grease_pencil(scene: Any) -> None:
    """In a collection of which only an instance is seen."""
    kind = "grease_pencils_v3" if hasattr(bpy.data, "grease_pencils_v3") else "grease_pencils"
    drawing = bpy.data.objects.new("drawing", getattr(bpy.data, kind).new("drawing"))
    collection, instance = bpy.data.collections.new("drawings"), bpy.data.objects.new("instance", None)
    collection.objects.link(drawing)
    instance.instance_type, instance.instance_collection = "COLLECTION", collection
    scene.collection.objects.link(instance)


def drawn_by_nodes(scene: Any) -> None:
    bpy.data.node_groups.new("drawn", "GeometryNodeTree").nodes.new("GeometryNodeCurvesToGreasePencil")


def edited(scene: Any) -> None:
    editor = scene.sequence_editor_create()
    strips = editor.strips if hasattr(editor, "strips") else editor.sequences
    end = {"length": 9} if hasattr(editor, "strips") and bpy.app.version >= (5, 0) else {"frame_end": 9}
    strips.new_effect(name="colour", type="COLOR", channel=1, frame_start=1, **end)


def other_scene(scene: Any) -> None:
    if hasattr(scene, "compositing_node_group"):
        tree = scene.compositing_node_group = bpy.data.node_groups.new("compositing", "CompositorNodeTree")
    else:
        scene.use_nodes = True
        tree = scene.node_tree
    tree.nodes.new("CompositorNodeRLayers").scene = bpy.data.scenes.new("backstage")


def keyed(scene: Any) -> None:
    scene.cycles.keyframe_insert("samples", frame=1)


def driven(scene: Any) -> None:
    thing = bpy.data.objects.new("thing", None)
    scene.collection.objects.link(thing)
    variable = thing.driver_add("location", 0).driver.variables.new()
    target = variable.targets[0]
    target.id_type, target.id, target.data_path = "SCENE", scene, "render.border_min_x"


def timed(scene: Any) -> None:
    scene.cycles.time_limit = 5


def guided(scene: Any) -> None:
    scene.cycles.use_guiding = True


def small(scene: Any) -> None:
    scene.render.resolution_x, scene.render.resolution_y = 64, 100


def denoised_quickly(scene: Any) -> None:
    scene.cycles.use_denoising, scene.cycles.denoising_quality = True, "FAST"


def denoised_with_albedo_alone(scene: Any) -> None:
    scene.cycles.use_denoising, scene.cycles.denoising_input_passes = True, "RGB_ALBEDO"


def catching_shadows(scene: Any) -> None:
    scene.cycles.use_denoising = True
    scene.view_layers[0].cycles.use_pass_shadow_catcher = True


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (workbench, "only those of Cycles"),
        (stereo, "more than one view"),
        (freestyle, "Freestyle"),
        (grease_pencil, "Grease Pencil"),
        (drawn_by_nodes, "Grease Pencil"),
        (edited, "sequencer"),
        (other_scene, "another scene, backstage"),
        (keyed, "keyed or read by drivers"),
        (driven, "keyed or read by drivers"),
        (timed, "time limit"),
        (guided, "Path Guiding"),
        (small, "too small"),
        (denoised_quickly, "other than High"),
        (denoised_with_albedo_alone, "Albedo alone"),
        (catching_shadows, "catches shadows"),
    ],
)
def test_why_a_picture_is_rendered_as_a_whole(
    splitting: ModuleType, scene: Any, change: Callable[[Any], None], words: str
) -> None:
    assert splitting.why_whole() == ""
    change(scene)
    assert words in splitting.why_whole()


def test_a_tile_is_rendered_as_far_beyond_its_edges_as_its_pixels_look(splitting: ModuleType, scene: Any) -> None:
    tiles = importlib.import_module("bl_ext.user_default.bender_worker_addon.render_child.tiles")
    inside = tiles.Region(500, 400, 600, 500)

    def margin() -> int:
        return int(inside.left - tiles.with_margin(scene, inside).left)

    scene.cycles.samples, scene.cycles.use_adaptive_sampling = 1024, False
    assert margin() == 0
    scene.cycles.use_adaptive_sampling = True
    assert margin() == 8
    world: Any = bpy.data.worlds.new("haze")
    if bpy.app.version < (5, 0):
        world.use_nodes = True
    tree = world.node_tree
    haze = tree.nodes.new("ShaderNodeVolumeScatter")
    end = next((node for node in tree.nodes if node.type == "OUTPUT_WORLD"), None) or tree.nodes.new(
        "ShaderNodeOutputWorld"
    )
    tree.links.new(haze.outputs[0], end.inputs["Volume"])
    blurs = hasattr(scene.view_layers[0].cycles, "use_pass_volume_scatter")
    assert margin() == (58 if blurs else 8)  # after 1, 2, 4 … 512 samples, 5 pixels each time
    assert splitting.picture().margin == margin()
    assert tiles.with_margin(scene, tiles.Region(5, 5, 50, 50)).left == 0
