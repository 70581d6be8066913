# SPDX-License-Identifier: GPL-3.0-or-later
"""Splitting: whether the pictures of the open file may be rendered in tiles, so that nobody can tell, and into which.
Looks, changes nothing."""

from collections.abc import Iterator
from typing import Any

import bpy

from ...core.tile import Picture, Region, tiles_of
from ...render_child import scope
from ...render_child.animation import animated_ids, animated_paths
from ...render_child.picture_size import region_of
from ...render_child.tiles import cell, margin
from .preflight import is_edited

_SETTINGS = ("render.", "cycles.", "view_layers")  # of a scene: what is changed in it to render a tile

_DRAWN = ("GREASEPENCIL", "GPENCIL")  # the second before Blender 4.3


def picture() -> Picture:
    """What is rendered of each frame."""
    scene: Any = bpy.context.scene
    return Picture(Region(*region_of(scene.render)), cell(scene), margin(scene))


def why_whole() -> str:
    """Why each picture is to be rendered by one worker; "" if it need not be."""
    return next(_reasons(bpy.context.scene), "")


def _reasons(scene: Any) -> Iterator[str]:
    render = scene.render
    if render.engine != "CYCLES":
        yield "only those of Cycles can be cut: what other engines show at an edge depends on what is beyond it"
        return
    if render.use_multiview:
        yield "it has more than one view (stereo)"
    if render.use_freestyle:
        yield "its lines are drawn by Freestyle, over the whole picture"
    if _is_drawn_over(scene):
        yield "Grease Pencil draws over the whole picture"
    if is_edited(scene):
        yield "its picture comes from the sequencer"
    if other := _other_scenes(scene):
        yield f"its compositor uses the picture of another scene, {other}"
    if _settings_change(scene):
        yield "settings of its render are keyed or read by drivers, and a tile is rendered with others"
    if scene.cycles.time_limit > 0:
        yield "it is rendered for as long as its time limit lets it, whatever is in it"
    if scene.cycles.use_guiding and (scene.cycles.use_surface_guiding or scene.cycles.use_volume_guiding):
        yield "its paths are guided by what was learned from all of the picture (Path Guiding)"
    if len(tiles_of(picture(), 2)) < 2:
        yield "they are too small"
    yield from _denoising(scene)


def _denoising(scene: Any) -> Iterator[str]:
    """The picture is denoised when all its tiles are there, by Blender's compositor: as Cycles does it, as far as that
    can do the same."""
    cycles = scene.cycles
    if not cycles.use_denoising:
        return
    if cycles.denoiser not in ("OPENIMAGEDENOISE", ""):  # "" where Blender is built without any
        yield "it is denoised by OptiX, while it is rendered; choose OpenImageDenoise"
    if cycles.denoising_quality != "HIGH":
        yield "it is denoised, at a quality other than High"
    if cycles.denoising_input_passes == "RGB_ALBEDO":
        yield "it is denoised with Albedo alone; choose Albedo and Normal"
    caught = any(thing.is_shadow_catcher for thing in scene.objects)
    if caught or any(layer.cycles.use_pass_shadow_catcher for layer in scene.view_layers):
        yield "it is denoised, and catches shadows"


def _other_scenes(scene: Any) -> str:
    if not _is_composited(scene):
        return ""
    groups: list[Any] = [tree for tree in bpy.data.node_groups if tree.bl_idname == "CompositorNodeTree"]
    trees: list[Any] = [*filter(None, [scope.tree_of(scene)]), *groups]
    shown = [node.scene for tree in trees for node in tree.nodes if node.bl_idname == "CompositorNodeRLayers"]
    return next((other.name for other in shown if other not in (None, scene)), "")


def _is_drawn_over(scene: Any) -> bool:
    seen = scope.seen_in(scene)
    drawn = any(isinstance(one, bpy.types.Object) and one.type in _DRAWN for one in seen)
    return drawn or scope.makes("GreasePencil")


def _is_composited(scene: Any) -> bool:
    return bool(scene.render.use_compositing and scope.is_on(scene))


def _settings_change(scene: Any) -> bool:
    if any(path.startswith(_SETTINGS) for path in animated_paths(scene)):
        return True
    drivers = [driver for _, thing in animated_ids() for driver in thing.animation_data.drivers]
    targets = [target for driver in drivers for one in driver.driver.variables for target in one.targets]
    return any(isinstance(target.id, bpy.types.Scene) and target.data_path.startswith(_SETTINGS) for target in targets)
