# SPDX-License-Identifier: GPL-3.0-or-later
"""Animation: which properties of the open blend are keyed or driven, and what kinds they are of. Judges nothing."""

import re
from collections.abc import Iterator
from typing import Any

import bpy

_LAYERED = bpy.app.version >= (4, 4)
_INPUT_OF_NODES = re.compile(r'modifiers\["[^"]*"\](\["|\.properties\.inputs\.)')
_SUBTYPE_OF_SOCKET = re.compile(r"^(NodeSocket(?:Float|Int|Vector|Color|Bool|Rotation|String)).*")
_HAVE_TREES = ("materials", "worlds", "lights", "linestyles", "textures", "scenes")  # node trees of their own


def animated_ids() -> Iterator[tuple[str, Any]]:
    """Everything that can have animation, each with the place that a node tree has, "" for all else: it is one thing in
    a material and another in a world."""
    for name in dir(bpy.data):
        collection = getattr(bpy.data, name)
        if not isinstance(collection, bpy.types.bpy_prop_collection) or name == "all_ids":
            continue
        for thing in collection:
            if getattr(thing, "animation_data", None) is not None:
                yield thing.bl_idname if isinstance(thing, bpy.types.NodeTree) else "", thing
            if name in _HAVE_TREES and getattr(tree := getattr(thing, "node_tree", None), "animation_data", None):
                yield _root(thing.bl_rna), tree


def animated_paths(thing: Any) -> set[str]:
    """The RNA paths, from `thing` on, that its action, the strips of its NLA tracks or its drivers set. An action that
    serves others too may name some that `thing` hasn't."""
    animation = thing.animation_data
    if animation is None:
        return set()
    strips = [strip for track in animation.nla_tracks for strip in _flat(track.strips)]
    actions = filter(None, [animation.action, *(strip.action for strip in strips)])
    curves = [curve for action in actions for curve in curves_of(action)]
    return {curve.data_path for curve in [*curves, *animation.drivers]}


def kind(place: str, thing: Any, path: str) -> str:
    """Which kind of property a path leads to: `Object.location`, `Material/NodeSocketFloat.default_value`,
    `PoseBone[]` for one that people have added; "" if it leads nowhere."""
    if _INPUT_OF_NODES.match(path):
        return "NodesModifier[]"
    try:
        if path.endswith("]"):
            words = f"{_root(_owner(thing, path[: path.rindex('[')]))}[]"
        else:
            head, _, name = path.rpartition(".")
            words = f"{_defined_by(_owner(thing, head), name)}.{name}"
    except ValueError:
        return ""
    return f"{place}/{words}" if place else words


def _owner(thing: Any, path: str) -> Any:
    """The RNA of what a path leads to. Raises ValueError if that is nothing with properties."""
    owner = thing.path_resolve(path) if path else thing
    if not isinstance(owner, bpy.types.bpy_struct):
        raise ValueError(path)
    return owner.bl_rna


def _defined_by(structure: Any, name: str) -> str:
    """The structure that first had this property: every constraint has its influence from all constraints."""
    if name not in structure.properties:
        raise ValueError(name)
    while structure.base is not None and name in structure.base.properties:
        structure = structure.base
    return _SUBTYPE_OF_SOCKET.sub(r"\1", structure.identifier)


def _root(structure: Any) -> str:
    """What a structure is of: a sun light is a light."""
    while structure.base is not None and structure.base.identifier != "ID":
        structure = structure.base
    return str(structure.identifier)


def curves_of(action: Any) -> Iterator[bpy.types.FCurve]:
    if not _LAYERED:
        yield from action.fcurves
        return
    for layer in action.layers:
        for strip in layer.strips:
            for bag in strip.channelbags:
                yield from bag.fcurves


def _flat(strips: Any) -> Iterator[Any]:
    """With those inside meta strips."""
    for strip in strips:
        yield strip
        yield from _flat(strip.strips)
