# SPDX-License-Identifier: GPL-3.0-or-later
"""Simulations: what of the open blend goes on from one frame to the next, and whether it was baked."""

import ctypes
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import bpy

_PARTICLES = "particles"
_WITH_CACHE = {"CLOTH": "cloth", "SOFT_BODY": "a soft body"}
_BAKE = struct.Struct("<i4xb7xQiiiiQQ")  # Blender's `NodesModifierBake`, as far as the place of what is packed


def not_baked(things: Iterable[bpy.types.Object], scenes: Iterable[bpy.types.Scene]) -> Iterator[tuple[str, str]]:
    """Each simulation that was not baked, in words, and what has it. It remembers the frames it was shown."""
    for thing in things:
        for modifier in thing.modifiers:
            if what := _simulated(modifier):
                yield f"{what} that {'are' if what == _PARTICLES else 'is'} not baked", thing.name
            if nodes_in(modifier).intersection({"GeometryNodeSimulationOutput"}) and not _zones_are_baked(modifier):
                yield "a simulation zone in geometry nodes that is not baked", thing.name
    for scene in scenes:
        world: Any = scene.rigidbody_world
        if _has_moving_bodies(scene) and not world.point_cache.is_baked:
            yield "rigid bodies that are not baked", scene.name


def nodes_in(modifier: Any) -> set[str]:
    """The kinds of nodes in it and in their groups, empty if it has none."""
    kinds, seen = set[str](), set[bpy.types.NodeTree]()
    trees = [modifier.node_group] if modifier.type == "NODES" else []
    while trees:
        tree = trees.pop()
        if tree is not None and tree not in seen:
            seen.add(tree)
            kinds.update(node.bl_idname for node in tree.nodes)
            trees.extend(getattr(node, "node_tree", None) for node in tree.nodes)
    return kinds


def _simulated(modifier: Any) -> str:
    """What is simulated by a modifier and not baked; empty if nothing is."""
    match modifier.type:
        case "CLOTH" | "SOFT_BODY":
            return "" if modifier.point_cache.is_baked else _WITH_CACHE[modifier.type]
        case "FLUID":
            return "" if modifier.domain_settings is None or _is_baked(modifier.domain_settings) else "a fluid"
        case "DYNAMIC_PAINT":
            surfaces = modifier.canvas_settings.canvas_surfaces if modifier.canvas_settings else ()
            shown = [surface for surface in surfaces if surface.is_active and surface.surface_format == "VERTEX"]
            return "" if all(surface.point_cache.is_baked for surface in shown) else "dynamic paint"
        case "PARTICLE_SYSTEM":
            system = modifier.particle_system
            still = system.settings.type == "HAIR" and not system.use_hair_dynamics
            return "" if still or system.point_cache.is_baked else _PARTICLES
    return ""


def _is_baked(fluid: Any) -> bool:
    """Whether all that a domain shows was baked."""
    if not fluid.has_cache_baked_data:
        return False
    if fluid.domain_type == "GAS":
        return bool(fluid.has_cache_baked_noise or not fluid.use_noise)
    drops = fluid.use_spray_particles or fluid.use_bubble_particles or fluid.use_foam_particles
    return bool((fluid.has_cache_baked_mesh or not fluid.use_mesh) and (fluid.has_cache_baked_particles or not drops))


def _has_moving_bodies(scene: Any) -> bool:
    world = scene.rigidbody_world
    if world is None or not world.enabled or world.collection is None:
        return False
    return any(thing.rigid_body and thing.rigid_body.type == "ACTIVE" for thing in world.collection.all_objects)


def _zones_are_baked(modifier: Any) -> bool:
    zones = [bake for bake in modifier.bakes if bake.node and bake.node.bl_idname == "GeometryNodeSimulationOutput"]
    return bool(zones) and all(_is_packed(bake) or _is_on_disk(bake, modifier) for bake in zones)


def _is_packed(bake: Any) -> bool:
    """Whether the blend holds what was baked, which RNA doesn't say. What stands before it in Blender's memory must be
    what RNA says."""
    number, _, _, start, end, blocks, _, _, packed = _BAKE.unpack(ctypes.string_at(bake.as_pointer(), _BAKE.size))
    known = (bake.bake_id, bake.frame_start, bake.frame_end, len(bake.data_blocks))
    return (number, start, end, blocks) == known and packed != 0


def _is_on_disk(bake: Any, modifier: Any) -> bool:
    where = bake.directory if bake.use_custom_path else f"{modifier.bake_directory}/{bake.bake_id}"
    return bool(where) and any(Path(bpy.path.abspath(where), "meta").glob("*.json"))
