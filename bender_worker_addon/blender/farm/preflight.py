# SPDX-License-Identifier: GPL-3.0-or-later
"""Preflight: what of the open file would go wrong on another machine, in words for people. Looks, changes nothing."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy

from ...core.frame import FORMATS
from ...render_child import scenes, scope
from ...render_child.simulations import not_baked
from . import colors, disk_caches, files, memory
from .luggage import can_be_packed, is_same_when_packed

_OWN_ENGINES = ("CYCLES", "BLENDER_EEVEE", "BLENDER_EEVEE_NEXT", "BLENDER_WORKBENCH")
_KINDS = (
    (bpy.types.Image, "picture"),
    (bpy.types.VectorFont, "font"),
    (bpy.types.Volume, "volume"),
    (bpy.types.Sound, "sound"),
    (bpy.types.MovieClip, "movie clip"),
    (files.STRIP, "strip"),
    ((bpy.types.Node, bpy.types.NodeSocket), "node"),
    (bpy.types.Modifier, "modifier"),
)
_SHOWN = 3  # of many things of a kind, those that are named

Seen = set[bpy.types.ID]


@dataclass(frozen=True, slots=True)
class Finding:
    """`hopeless`: no frame could be rendered as it should be, so that it is not even sent."""

    words: str
    hopeless: bool = False


def findings(*, copy_of: Path | None = None, beside: bool = True) -> list[Finding]:
    """All there is to say before the open file is sent to a farm, the worst first. `copy_of`: the file that it is a
    copy of, if it is one; `beside`: whether workers also get what can't be in a blend."""
    scene = bpy.context.scene
    seen = scope.seen_in(scene)
    blend = copy_of or Path(bpy.data.filepath)
    brought = {image for image in memory.unsaved_pictures() if memory.can_be_brought(image)}
    found = [
        *_scene(scene),
        *_unsaved(seen - brought),
        *_missing_files(seen - brought, blend),
        *(_left_behind(seen, scene, blend) if not beside else ()),
        *_libraries(seen),
        *_simulations(seen),
        *_colors(),
        *_nodes(seen),
        *_add_ons(),
        *_scripts(scene, seen),
    ]
    return sorted(dict.fromkeys(found), key=lambda finding: not finding.hopeless)


def _scene(scene: bpy.types.Scene) -> Iterator[Finding]:
    render = scene.render
    if blind := _without_camera(scene):
        yield Finding(f"the scene {blind} has no camera", hopeless=True)
    if render.is_movie_format:
        yield Finding("the scene is set to write a video; a farm renders pictures, the video can be made of them later")
    elif render.image_settings.file_format not in FORMATS:
        yield Finding(f"the scene's format is {render.image_settings.file_format}, which no farm takes")
    views = [view for view in render.views if view.use]
    if render.use_multiview and render.image_settings.views_format == "INDIVIDUAL" and len(views) > 1:
        yield Finding("the scene renders a picture for each of its views; a farm keeps one a frame", hopeless=True)
    if render.use_stamp and render.use_stamp_filename:
        yield Finding("the file's name is burnt into the pictures; on the farm it is another one")
    saved, this = tuple(bpy.data.version)[:2], bpy.app.version[:2]
    if saved > this:
        words = "the file was saved by Blender {}.{}; what this one, {}.{}, doesn't know of it will be lost"
        yield Finding(words.format(*saved, *this))


def _without_camera(scene: bpy.types.Scene) -> str:
    """The name of a scene that can't be rendered without one. Blender needs none for an edit, nor where the compositor
    asks for no render layer."""
    if _is_edited(scene):
        return ""
    tree: Any = getattr(scene, "compositing_node_group", None) or scope.tree_of(scene)
    needed = [scene]
    if tree is not None and scene.render.use_compositing and scope.is_on(scene):
        layers = [node for node in tree.nodes if node.bl_idname == "CompositorNodeRLayers" and not node.mute]
        needed = [node.scene or scene for node in layers]
    return next((one.name for one in needed if not _has_camera(one)), "")


def _has_camera(scene: bpy.types.Scene) -> bool:
    return scene.camera is not None or any(marker.camera for marker in scene.timeline_markers)


def _is_edited(scene: bpy.types.Scene) -> bool:
    """Whether its picture comes from its sequencer: sounds and what is muted make none."""
    editor = scene.sequence_editor
    if not scene.render.use_sequencer or editor is None:
        return False
    strips = editor.strips if hasattr(editor, "strips") else editor.sequences
    return any(strip.type != "SOUND" and not strip.mute for strip in strips)


def _unsaved(seen: Seen) -> Iterator[Finding]:
    names = [image.name for image in memory.unsaved_pictures() if image in seen]
    if names:
        yield Finding(f"painted, but not saved: {_listed(names)}; save what you painted first", hopeless=True)


# Files


def _missing_files(seen: Seen, blend: Path) -> Iterator[Finding]:
    missing: dict[str, dict[str, str]] = {}
    for use in files.read_by(seen):
        all_files = use.files()
        lacking = [file for file in all_files if not file.exists()]
        if lacking:
            part = f" ({len(lacking)} of {len(all_files)})" if len(all_files) > 1 else ""
            missing.setdefault(_kind(use), {}).setdefault(f"{lacking[0]}{part}", _name(use))
    for cache in disk_caches.used_by(seen):
        if not cache.files(blend):
            missing.setdefault("baked simulation", {})[f"{cache.folder(blend)}"] = cache.owner.name
    for kind, places in missing.items():
        yield from _group(kind, "missing", {f"{place}": name for place, name in places.items()})


def _left_behind(seen: Seen, scene: bpy.types.Scene, blend: Path) -> Iterator[Finding]:
    """What workers don't get, or get in another way, if they get a blend and nothing else."""
    uses = [use for use in files.read_by(seen) if any(file.exists() for file in use.files())]
    places = [str(use.path) for use in uses if not can_be_packed(use)]
    places += [str(cache.folder(blend)) for cache in disk_caches.used_by(seen)]
    if places:
        yield Finding(f"workers get only what can be in a blend; each needs, in the same place: {_listed(places)}")
    changed = [use.owner.name for use in uses if can_be_packed(use) and not is_same_when_packed(use)]
    engine: str = scene.render.engine
    if changed and engine == "CYCLES":
        words = (
            "have alpha, more than 8 bits or another format than PNG and JPEG: Cycles may show them otherwise packed"
        )
        yield Finding(f"pictures that {words}: {_listed(changed)}")


def _kind(use: files.FileUse) -> str:
    return next((word for kind, word in _KINDS if isinstance(use.holder, kind)), "file")


def _name(use: files.FileUse) -> str:
    """`lamp profile of lamp`: what is in something is named with what it is in."""
    holder: Any = use.holder.node if isinstance(use.holder, bpy.types.NodeSocket) else use.holder
    if holder == use.owner or _kind(use) == "strip" or not getattr(holder, "name", ""):
        return str(getattr(holder, "name", "") or use.owner.name)
    return f"{holder.name} of {use.owner.name}"


def _group(kind: str, is_what: str, places: dict[str, str]) -> Iterator[Finding]:
    """One line of all that are missing: `places` are their paths, each with a name."""
    if len(places) == 1:
        ((place, name),) = places.items()
        yield Finding(f"the {kind} {name} is {is_what}: {place}")
    elif places:
        plural = "libraries" if kind == "library" else f"{kind}s"
        yield Finding(f"{len(places)} {plural} are {is_what}: {_listed(places)}")


def _libraries(seen: Seen) -> Iterator[Finding]:
    used: dict[bpy.types.Library, list[str]] = {}
    for data in seen:
        if data.library is not None:
            used.setdefault(data.library, []).extend([data.name] * data.is_missing)
    places = {library: place for library, place in files.libraries().items() if library in used}
    gone = {str(place): library.name for library, place in places.items() if not place.exists()}
    broken = {str(place): library.name for library, place in places.items() if place.exists() and library.is_missing}
    yield from _group("library", "missing", gone)
    yield from _group("library", "no blend that Blender can read", broken)
    for library, place in places.items():
        if used[library] and not library.is_missing:
            yield Finding(f"the library {library.name} has no {_listed(used[library])}, linked from it: {place}")


# What else another machine lacks


def _simulations(seen: Seen) -> Iterator[Finding]:
    things = [data for data in seen if isinstance(data, bpy.types.Object)]
    kinds: dict[str, list[str]] = {}
    for what, name in not_baked(things, [data for data in seen if isinstance(data, bpy.types.Scene)]):
        kinds.setdefault(what, []).append(name)
    for what, names in kinds.items():
        bake = "bake them" if " are " in what else "bake it"
        words = "or each frame is rendered by a Blender of its own and may differ"
        yield Finding(f"{what} ({_listed(names)}): {bake}, {words}")


def _colors() -> Iterator[Finding]:
    if own := colors.own_configuration():
        words = "its colours are those of an OCIO configuration of your own; workers without it make other ones"
        yield Finding(f"{words}: {own}")
    if lost := colors.lost():
        yield Finding(f"this Blender's colours (OCIO) are not those the file was made with: {_listed(lost)}")


def _nodes(seen: Seen) -> Iterator[Finding]:
    names = [f"{node.name} of {owner.name}" for owner, node in _live_nodes(seen) if node.bl_idname == "NodeUndefined"]
    if names:
        yield Finding(f"{_some('node', names)} unknown to Blender here, as if from an add-on: {_listed(names)}")


def _live_nodes(seen: Iterable[bpy.types.ID]) -> Iterator[tuple[bpy.types.ID, Any]]:
    for owner in seen:
        if (tree := scope.tree_of(owner)) is not None:
            yield from ((owner, node) for node in scope.live_nodes(tree))


def _add_ons() -> Iterator[Finding]:
    render = bpy.context.scene.render
    absent = scenes.absent_engine(render) if bpy.app.background else ""  # to find it out changes the file
    if (engine := absent or render.engine) not in _OWN_ENGINES:
        words = f"the render engine {engine} comes from an add-on; workers render with Blender's own only"
        yield Finding(words, hopeless=True)


def _scripts(scene: bpy.types.Scene, seen: Seen) -> Iterator[Finding]:
    drivers = [f"{owner.name} ({expression})" for owner, expression in _python_drivers(seen)]
    if drivers:
        some = "a driver runs" if len(drivers) == 1 else f"{len(drivers)} drivers run"
        yield Finding(f"{some} Python, which workers never do: {_listed(drivers)}")
    texts = [text.name for text in bpy.data.texts if text.use_module]
    if texts:
        some = "a script runs" if len(texts) == 1 else f"{len(texts)} scripts run"
        yield Finding(f"{some} when the file is opened, but never on a worker: {_listed(texts)}")
    for layer in scene.view_layers if scene.render.use_freestyle else ():
        if layer.use_freestyle and layer.freestyle_settings.mode == "SCRIPT":
            words = "Freestyle draws its lines by Python scripts, which workers never run; use its Parameter Editor"
            yield Finding(words, hopeless=True)


def _python_drivers(seen: Seen) -> Iterator[tuple[bpy.types.ID, str]]:
    for owner in seen:
        for data in {owner, scope.tree_of(owner)}:
            for curve in data.animation_data.drivers if getattr(data, "animation_data", None) else ():
                if curve.driver.type == "SCRIPTED" and not curve.driver.is_simple_expression and not curve.mute:
                    yield owner, curve.driver.expression


# Words


def _some(kind: str, names: Sequence[str]) -> str:
    return f"a {kind} is" if len(names) == 1 else f"{len(names)} {kind}s are"


def _listed(things: Iterable[str]) -> str:
    """`a, b, c and 9 more`"""
    names = sorted(dict.fromkeys(things))
    more = len(names) - _SHOWN
    return ", ".join(names) if more <= 1 else f"{', '.join(names[:_SHOWN])} and {more} more"
