# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeping: how much of what a Blender has made ready for one frame serves the next, without a picture that differs from
a fresh Blender's.

What is kept is a scene as Cycles has it (*persistent data*). With it Blender looks again only at what it knows to have
changed, and it doesn't know of everything: so that is kept only where all that changes has been proven to be seen.
"""

from collections.abc import Callable, Iterator
from functools import cache
from itertools import chain
from typing import Any

import bpy

from .animation import animated_ids, animated_paths, kind
from .proven import KEPT, KEPT_UNLESS_BLURRED, MODIFIERS, MODIFIERS_UNLESS_BLURRED
from .simulations import nodes_in, not_baked

_INSTANCERS = {
    "GeometryNodeInstanceOnPoints",
    "GeometryNodeGeometryToInstance",
    "GeometryNodeObjectInfo",
    "GeometryNodeCollectionInfo",
}
_BLURS_WHAT_VANISHES = bpy.app.version < (4, 4)
_NEVER_RENDERED = {"hide_viewport", "hide_select", "show_viewport", "show_in_editmode", "show_on_cage", "show_expanded"}
_TRACKED = {"CAMERA_SOLVER", "FOLLOW_TRACK", "OBJECT_SOLVER", "TRANSFORM_CACHE"}  # constraints that follow a file


class Kept:
    """What Cycles keeps of a scene from frame to frame."""

    def __init__(self, scene: bpy.types.Scene, *, reason: str) -> None:
        """`reason`: why it must not."""
        self._render = scene.render
        self._own = scene.render.use_persistent_data  # view layers share what is kept, within a frame too
        if reason:
            print(f"{scene.name} is built anew for each frame: {reason}", flush=True)
        self._anew = bool(reason)
        self._render.use_persistent_data = self._own or not reason

    def free(self) -> None:
        """Before each frame: frees what must not be kept, as Blender does when the setting is taken back."""
        if self._anew and self._own:
            self._render.use_persistent_data = False
            self._render.use_persistent_data = True


def keep() -> list[Kept]:
    """Lets Cycles keep what it may of every scene: the compositor and the sequencer may want others than one."""
    of_blend = cache(_reason_in_blend)
    return [Kept(scene, reason=reason_to_build_anew(scene, of_blend)) for scene in bpy.data.scenes]


def reason_not_to_keep() -> str:
    """Why each task needs a new process; empty if nothing of that kind was found."""
    found = not_baked(bpy.data.objects, bpy.data.scenes)  # also what is instanced, and scenes in the background
    return next((f"{what} ({name})" for what, name in found), "")


def reason_to_build_anew(scene: Any, of_blend: Callable[[bool], str] | None = None) -> str:
    """Why Cycles must build the scene anew for each frame, in the same process; empty if it may keep what it has."""
    if scene.render.engine != "CYCLES":
        return ""  # no other engine keeps anything
    blurred = scene.render.use_motion_blur or any(layer.use_pass_vector for layer in scene.view_layers)
    return (of_blend or _reason_in_blend)(blurred) or next(_unlike_layers(scene), "")


def _reason_in_blend(blurred: bool) -> str:
    vanishing = _what_may_vanish() if blurred and not _BLURS_WHAT_VANISHES else ()
    found = chain(_unproven_animation(blurred), _unproven_kinds(blurred), vanishing)
    return next(found, "")


def _unproven_animation(blurred: bool) -> Iterator[str]:
    proven = KEPT if blurred else KEPT | KEPT_UNLESS_BLURRED
    for place, thing in animated_ids():
        for path in animated_paths(thing):
            what = kind(place, thing, path)
            if what and what not in proven and what.rpartition(".")[2] not in _NEVER_RENDERED:
                yield f"{what} changes ({thing.name})"


def _unproven_kinds(blurred: bool) -> Iterator[str]:
    """What may change from frame to frame by itself."""
    proven = MODIFIERS if blurred else MODIFIERS | MODIFIERS_UNLESS_BLURRED
    for thing in bpy.data.objects:
        for modifier in thing.modifiers:
            if modifier.type not in proven:
                yield f"a modifier of the kind {modifier.type} ({thing.name})"
            if (texture := getattr(modifier, "texture", None)) is not None and texture.type == "NOISE":
                yield f"a texture of noise ({thing.name})"
        pose: Any = thing.pose
        if pose and pose.ik_solver == "ITASC" and pose.ik_param.mode == "SIMULATION":
            yield f"a pose that is simulated ({thing.name})"
        posed = pose.bones if pose else ()
        for constraint in [each for owner in (thing, *posed) for each in owner.constraints]:
            if constraint.type in _TRACKED:
                yield f"a constraint of the kind {constraint.type} ({thing.name})"
    for volume in bpy.data.volumes:
        if volume.is_sequence:
            yield f"a sequence of volumes ({volume.name})"
    for image in bpy.data.images:
        if image.source == "MOVIE":
            yield f"a movie ({image.name})"


def _unlike_layers(scene: Any) -> Iterator[str]:
    """Layers may hold what others hold, but not be rendered by other settings: they would get some of the first's."""
    first, *others = [_settings(layer) for layer in scene.view_layers if layer.use] or [{}]
    for settings in others:
        if unlike := [name for name, value in settings.items() if first[name] != value]:
            yield f"view layers of unlike settings ({', '.join(unlike)})"


def _settings(owner: Any) -> dict[str, Any]:
    """Its properties and those of the groups of properties in it, but for names and what other data it shows."""
    found: dict[str, Any] = {}
    for name, prop in owner.bl_rna.properties.items():
        if prop.type in ("BOOLEAN", "INT", "FLOAT", "ENUM") and not name.startswith("active_"):
            value: Any = getattr(owner, name, None)  # Cycles names some that are not there
            found[name] = tuple(value) if value is not None and getattr(prop, "is_array", False) else value
        elif prop.type == "POINTER" and isinstance(group := getattr(owner, name), bpy.types.PropertyGroup):
            found |= {f"{name}.{inner}": value for inner, value in _settings(group).items()}
        elif prop.type == "POINTER" and name.endswith("_override"):
            found[name] = getattr(owner, name)
    return found


def _what_may_vanish() -> Iterator[str]:
    """With what it kept, Cycles blurs wrongly what is there in a part of the shutter's time only, if the frame before
    was another than the one that precedes it."""
    for thing in bpy.data.objects:
        if thing.instance_type in ("VERTS", "FACES"):
            yield f"motion blur of instances ({thing.name})"
        for modifier in thing.modifiers:
            if modifier.type == "PARTICLE_SYSTEM":
                yield f"motion blur of particles ({thing.name})"
            if not _INSTANCERS.isdisjoint(nodes_in(modifier)):
                yield f"motion blur of instances that geometry nodes make ({thing.name})"
