# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeping: what in the open blend would make a picture depend on the frames that were rendered before it."""

from collections.abc import Iterator
from typing import Any

import bpy

from .simulations import nodes_in, not_baked

_INSTANCERS = {
    "GeometryNodeInstanceOnPoints",
    "GeometryNodeGeometryToInstance",
    "GeometryNodeObjectInfo",
    "GeometryNodeCollectionInfo",
}
_BLURS_WHAT_VANISHES = bpy.app.version < (4, 4)


class Kept:
    """What its engine keeps of a scene from frame to frame: as much as changes no picture."""

    def __init__(self, scene: bpy.types.Scene) -> None:
        self._render = scene.render
        self._own = scene.render.use_persistent_data  # view layers share what is kept, within a frame too
        reason = reason_to_build_anew(scene)
        if reason:
            print(f"{scene.name} is built anew for each frame: {reason}", flush=True)
        self._anew = bool(reason)
        self._render.use_persistent_data = self._own or not reason

    def free(self) -> None:
        """Before each frame: frees what must not be kept, as Blender does when the setting is taken back."""
        if self._anew and self._own:
            self._render.use_persistent_data = False
            self._render.use_persistent_data = True


def reason_not_to_keep() -> str:
    """Why each task needs a new process; empty if nothing of that kind was found."""
    found = not_baked(bpy.data.objects, bpy.data.scenes)  # also what is instanced, and scenes in the background
    return next((f"{what} ({name})" for what, name in found), "")


def reason_to_build_anew(scene: Any) -> str:
    """Why the engine must build the scene anew for each frame, in the same process; empty if it may keep what it has.

    With what it kept, Cycles from Blender 4.4 on blurs wrongly what is hidden or gone in a part of the shutter's time
    if the frame before was another than the one that precedes it.
    """
    for thing in bpy.data.objects:
        pose: Any = thing.pose
        if pose and pose.ik_solver == "ITASC" and pose.ik_param.mode == "SIMULATION":
            return f"a pose that is simulated ({thing.name})"
    if _BLURS_WHAT_VANISHES or not scene.render.use_motion_blur or scene.render.engine != "CYCLES":
        return ""
    return next(_what_may_vanish(), "")


def _what_may_vanish() -> Iterator[str]:
    for action in bpy.data.actions:
        if any(curve.data_path == "hide_render" for curve in _curves(action)):
            yield f"motion blur of what is hidden in some frames ({action.name})"
    for thing in bpy.data.objects:
        drivers = thing.animation_data.drivers if thing.animation_data else ()
        if any(driver.data_path == "hide_render" for driver in drivers):
            yield f"motion blur of what is hidden in some frames ({thing.name})"
        if thing.instance_type in ("VERTS", "FACES"):
            yield f"motion blur of instances ({thing.name})"
        for modifier in thing.modifiers:
            if modifier.type == "PARTICLE_SYSTEM":
                yield f"motion blur of particles ({thing.name})"
            if not _INSTANCERS.isdisjoint(nodes_in(modifier)):
                yield f"motion blur of instances that geometry nodes make ({thing.name})"


def _curves(action: Any) -> Iterator[bpy.types.FCurve]:
    for layer in action.layers:
        for strip in layer.strips:
            for bag in strip.channelbags:
                yield from bag.fcurves
