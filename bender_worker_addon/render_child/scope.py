# SPDX-License-Identifier: GPL-3.0-or-later
"""Scope: what of the open file a scene's picture is made of. Looks, changes nothing."""

from collections.abc import Callable, Iterator
from typing import Any

import bpy

_OF_THE_DESK = (
    bpy.types.Brush,
    bpy.types.PaintCurve,
    bpy.types.Palette,
    bpy.types.Screen,
    bpy.types.WindowManager,
    bpy.types.WorkSpace,
)
_ENDS = (
    "OUTPUT_MATERIAL",
    "OUTPUT_WORLD",
    "OUTPUT_LIGHT",
    "OUTPUT_LINESTYLE",
    "OUTPUT_AOV",
    "GROUP_OUTPUT",
    "COMPOSITE",
    "OUTPUT_FILE",
    "OUTPUT",  # of a texture
)
_HAVE_VOLUMES = ("OUTPUT_MATERIAL", "OUTPUT_WORLD")


def all_data() -> Iterator[bpy.types.ID]:
    for collection in bpy.data.bl_rna.properties:
        if collection.type == "COLLECTION":
            yield from getattr(bpy.data, collection.identifier)


def used_by(scene: bpy.types.Scene) -> set[bpy.types.ID]:
    """All that the scene uses, and what that uses, the scene too: more than a picture may need, never less."""
    return _reached(scene, lambda user, used: used)


def seen_in(scene: bpy.types.Scene) -> set[bpy.types.ID]:
    """What of it may be seen in a picture: without what is hidden, excluded, or held by nodes that lead nowhere."""
    return _reached(scene, lambda user, used: used - _unseen(user))


def live_nodes(tree: bpy.types.NodeTree) -> list[bpy.types.Node]:
    """Those whose result goes somewhere."""
    sources: dict[Any, list[Any]] = {}
    for link in tree.links:
        if not link.is_muted:
            sources.setdefault(link.to_node, []).append(link.from_node)
    for node in tree.nodes:  # a zone's input belongs to its output
        if partner := getattr(node, "paired_output", None):
            sources.setdefault(partner, []).append(node)
    found, waiting = set[bpy.types.Node](), [node for node in tree.nodes if node.type in _ENDS and not node.mute]
    while waiting:
        node = waiting.pop()
        if node not in found:
            found.add(node)
            waiting += sources.get(node, ())
    return [node for node in tree.nodes if node in found and not node.mute]


def tree_of(data: bpy.types.ID) -> bpy.types.NodeTree | None:
    """The tree it is or has in itself; a group that it only uses is data of its own."""
    if isinstance(data, bpy.types.NodeTree):
        return data
    tree: Any = getattr(data, "node_tree", None)
    return tree if tree is not None and tree.is_embedded_data else None


def has_volumes() -> bool:
    """Whether anything in the file could be one, to be seen or not."""
    owners: list[Any] = [*bpy.data.materials, *bpy.data.worlds]
    trees = [tree for tree in map(tree_of, owners) if tree is not None]
    ends = [node for tree in trees for node in tree.nodes if node.type in _HAVE_VOLUMES]
    linked = any(socket.identifier == "Volume" and socket.is_linked for node in ends for socket in node.inputs)
    return linked or bool(bpy.data.volumes) or makes("Volume")


def makes(kind: str) -> bool:
    """Whether geometry nodes could make what has this in the names of their kinds."""
    groups = [group for group in bpy.data.node_groups if group.bl_idname == "GeometryNodeTree"]
    return any(kind in node.bl_idname for group in groups for node in group.nodes)


def _reached(scene: bpy.types.Scene, narrowed: Callable[[bpy.types.ID, set[bpy.types.ID]], Any]) -> set[bpy.types.ID]:
    uses: dict[bpy.types.ID, set[bpy.types.ID]] = {}
    for data, users in bpy.data.user_map().items():  # type: ignore[call-arg]
        for user in users:
            uses.setdefault(user, set()).add(data)
    found: set[bpy.types.ID] = {scene}
    waiting: list[bpy.types.ID] = [scene]
    while waiting:
        user = waiting.pop()
        for data in narrowed(user, uses.get(user, set())):
            if data not in found and not isinstance(data, _OF_THE_DESK):
                found.add(data)
                waiting.append(data)
    return found


def _unseen(user: bpy.types.ID) -> set[Any]:
    unseen = set[Any]()
    if isinstance(user, bpy.types.Scene):
        unseen |= _unseen_in_scene(user)
    elif isinstance(user, bpy.types.Collection):
        unseen |= {thing for thing in user.objects if _is_hidden(thing)}
        unseen |= {child for child in user.children if child.hide_render}
    elif isinstance(user, bpy.types.Camera):
        unseen |= {part for background in user.background_images for part in (background.image, background.clip)}
    if isinstance(user, (bpy.types.Scene, bpy.types.Speaker)):
        unseen |= set(bpy.data.sounds)  # they are heard
    elif isinstance(user, bpy.types.Object) and user.type == "EMPTY":
        unseen.add(user.data)  # a picture to look at while one works
    if (tree := tree_of(user)) is not None:
        live = live_nodes(tree) if is_on(user) else []
        unseen |= _used_by_nodes(tree.nodes) - _used_by_nodes(live)
    return unseen


def is_on(user: Any) -> bool:
    """Whether its tree counts; from Blender 5 on all do that are used."""
    if isinstance(user, bpy.types.Scene) and not user.render.use_compositing:
        return False
    return bpy.app.version >= (5, 0) or getattr(user, "use_nodes", True)


def _unseen_in_scene(scene: bpy.types.Scene) -> set[bpy.types.ID]:
    """What no view layer shows, and what only the tools at hand use."""
    shown = set[bpy.types.Collection]()
    for layer in scene.view_layers:
        waiting = [layer.layer_collection] if layer.use else []
        while waiting:
            branch = waiting.pop()
            if not branch.exclude and not branch.collection.hide_render:
                shown.add(branch.collection)
                waiting += branch.children
    unseen: set[bpy.types.ID] = {child for child in scene.collection.children_recursive if child not in shown}
    cameras = {scene.camera, *(marker.camera for marker in scene.timeline_markers)}
    unseen |= {thing for thing in scene.collection.objects if _is_hidden(thing)} - cameras
    paint = scene.tool_settings.image_paint
    tools: set[Any] = {paint.canvas, paint.clone_image, paint.stencil_image} if paint else set()
    tree: Any = getattr(scene, "compositing_node_group", None)
    if tree is not None and not is_on(scene):
        unseen.add(tree)
    tree = tree_of(scene)
    return unseen | (tools - (_used_by_nodes(tree.nodes) if tree is not None else set()))


def _is_hidden(thing: bpy.types.Object) -> bool:
    """Not where it may be shown in some frames."""
    return thing.hide_render and thing.animation_data is None


def _used_by_nodes(nodes: Any) -> set[bpy.types.ID]:
    """What nodes name, themselves and in what is set where nothing is plugged in."""
    used = set[bpy.types.ID]()
    for node in nodes:
        values = [getattr(node, name) for name in _pointers(type(node))]
        values += [getattr(socket, "default_value", None) for socket in node.inputs if not socket.is_linked]
        used |= {value for value in values if isinstance(value, bpy.types.ID)}
    return used


def _pointers(kind: type[bpy.types.Node]) -> list[str]:
    return [name for name, prop in kind.bl_rna.properties.items() if prop.type == "POINTER" and name != "rna_type"]
