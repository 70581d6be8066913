# SPDX-License-Identifier: GPL-3.0-or-later
"""Preflight: what of the open file would go wrong on another machine, in words for people. Looks, changes nothing."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import bpy

from ...core.frame import FORMATS
from ...render_child import scenes, scope
from ...render_child.colors import STOCK, fingerprint, own_configuration
from ...render_child.simulations import not_baked
from . import colors, memory, missing, scripts
from .finding import Finding, Group, listed, some

_OWN_ENGINES = ("CYCLES", "BLENDER_EEVEE", "BLENDER_EEVEE_NEXT", "BLENDER_WORKBENCH")

Seen = set[bpy.types.ID]


def findings(*, copy_of: Path | None = None, remote: bool = False, has_camera: bool = False) -> list[Finding]:
    """All there is to say before the open file is sent to a farm, the worst first. `copy_of`: the file that it is a
    copy of, if it is one; `remote`: whether its files travel to other machines; `has_camera`: one is chosen for the
    job, whether or not the scene has one."""
    scene = bpy.context.scene
    seen = scope.seen_in(scene)
    blend = copy_of or Path(bpy.data.filepath)
    brought = {image for image in memory.unsaved_pictures() if memory.can_be_brought(image)}
    found = [
        *_scene(scene, has_camera=has_camera),
        *_unsaved(seen - brought),
        *missing.missing_files(seen - brought, blend),
        *(missing.cannot_travel(seen) if remote else ()),
        *missing.libraries(seen),
        *_simulations(seen),
        *_colors(seen, looked_up=copy_of is None),
        *_nodes(seen),
        *_add_ons(),
        *scripts.scripts(scene, seen),
    ]
    return sorted(dict.fromkeys(found), key=lambda finding: list(Group).index(finding.group))


def _scene(scene: bpy.types.Scene, *, has_camera: bool) -> Iterator[Finding]:
    render = scene.render
    if (blind := _without_camera(scene)) and not (has_camera and blind == scene.name):
        yield Finding(f"the scene {blind} has no camera", hopeless=True)
    if render.is_movie_format:
        words = "the scene is set to write a video; a farm renders pictures, the video can be made of them later"
        yield Finding(words, harmless=True)
    elif render.image_settings.file_format not in FORMATS:
        yield Finding(f"the scene's format is {render.image_settings.file_format}, which no farm takes", harmless=True)
    views = [view for view in render.views if view.use]
    if render.use_multiview and render.image_settings.views_format == "INDIVIDUAL" and len(views) > 1:
        yield Finding("the scene renders a picture for each of its views; a farm keeps one a frame", hopeless=True)
    if render.use_stamp and render.use_stamp_filename:
        yield Finding("the file's path is burnt into the pictures; on the farm its folder is another one")
    saved, this = tuple(bpy.data.version)[:2], bpy.app.version[:2]
    if saved > this:
        words = "the file was saved by Blender {}.{}; what this one, {}.{}, doesn't know of it will be lost"
        yield Finding(words.format(*saved, *this))


def _without_camera(scene: bpy.types.Scene) -> str:
    """The name of a scene that can't be rendered without one. Blender needs none for an edit, nor where the compositor
    asks for no render layer."""
    if is_edited(scene):
        return ""
    tree: Any = getattr(scene, "compositing_node_group", None) or scope.tree_of(scene)
    needed = [scene]
    if tree is not None and scene.render.use_compositing and scope.is_on(scene):
        layers = [node for node in tree.nodes if node.bl_idname == "CompositorNodeRLayers" and not node.mute]
        needed = [node.scene or scene for node in layers]
    return next((one.name for one in needed if not _has_camera(one)), "")


def _has_camera(scene: bpy.types.Scene) -> bool:
    return scene.camera is not None or any(marker.camera for marker in scene.timeline_markers)


def is_edited(scene: bpy.types.Scene) -> bool:
    """Whether its picture comes from its sequencer: sounds and what is muted make none."""
    editor = scene.sequence_editor
    if not scene.render.use_sequencer or editor is None:
        return False
    strips = editor.strips if hasattr(editor, "strips") else editor.sequences
    return any(strip.type != "SOUND" and not strip.mute for strip in strips)


def _unsaved(seen: Seen) -> Iterator[Finding]:
    names = [image.name for image in memory.unsaved_pictures() if image in seen]
    if names:
        yield Finding(f"painted, but not saved: {listed(names)}; save what you painted first", hopeless=True)


def _simulations(seen: Seen) -> Iterator[Finding]:
    things = [data for data in seen if isinstance(data, bpy.types.Object)]
    kinds: dict[str, list[str]] = {}
    for what, name in not_baked(things, [data for data in seen if isinstance(data, bpy.types.Scene)]):
        kinds.setdefault(what, []).append(name)
    for what, names in kinds.items():
        bake = "bake them" if " are " in what else "bake it"
        words = "or each frame is rendered by a Blender of its own and may differ"
        objects = tuple(name for name in names if name in bpy.data.objects)
        yield Finding(f"{what} ({listed(names)}): {bake}, {words}", objects=objects)


def _colors(seen: Seen, *, looked_up: bool) -> Iterator[Finding]:
    """A copy was saved by a Blender that had put its own in the place of what it doesn't know."""
    if (own := own_configuration()) and fingerprint() != STOCK:
        words = "its colours are those of an OCIO configuration of your own; workers without it make other ones"
        yield Finding(f"{words}: {own}")
    if looked_up and (lost := colors.lost(seen)):
        yield Finding(f"this Blender's colours (OCIO) are not those the file was made with: {listed(lost)}")


def _nodes(seen: Seen) -> Iterator[Finding]:
    names = [f"{node.name} of {owner.name}" for owner, node in _live_nodes(seen) if node.bl_idname == "NodeUndefined"]
    if names:
        yield Finding(f"{some('node', names)} unknown to Blender here, as if from an add-on: {listed(names)}")


def _live_nodes(seen: Iterable[bpy.types.ID]) -> Iterator[tuple[bpy.types.ID, Any]]:
    for owner in seen:
        if (tree := scope.tree_of(owner)) is not None:
            yield from ((owner, node) for node in scope.live_nodes(tree))


def _add_ons() -> Iterator[Finding]:
    render = bpy.context.scene.render
    absent = scenes.absent_engine(render) if bpy.app.background else ""  # to find it out counts as a change
    if (engine := absent or render.engine) not in _OWN_ENGINES:
        words = f"the render engine {engine} comes from an add-on; workers render with Blender's own only"
        yield Finding(words, hopeless=True)
