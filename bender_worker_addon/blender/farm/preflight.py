# SPDX-License-Identifier: GPL-3.0-or-later
"""Preflight: what of the open file would go wrong on another machine, in words for people. Looks, changes nothing."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy

from ...render_child import keeping, scenes

_OWN_ENGINES = ("CYCLES", "BLENDER_EEVEE", "BLENDER_EEVEE_NEXT", "BLENDER_WORKBENCH")
_NOT_PACKED = ("SEQUENCE", "MOVIE")
_NODES_WITH_FILES = ("ShaderNodeScript", "ShaderNodeTexIES")
_TILE = "1001"


@dataclass(frozen=True, slots=True)
class Finding:
    """`hopeless`: no frame could be rendered, so that it is not even sent."""

    words: str
    hopeless: bool = False


def findings() -> list[Finding]:
    """All there is to say before the open file is sent to a farm, the worst first."""
    scene = bpy.context.scene
    found = [*_scene(scene), *_files(), *_strips(scene), *_caches(), *_add_ons(), *_scripts()]
    return sorted(dict.fromkeys(found), key=lambda finding: not finding.hopeless)


def _scene(scene: bpy.types.Scene) -> Iterator[Finding]:
    if scene.camera is None and not _is_edited(scene):
        yield Finding(f"the scene {scene.name} has no camera", hopeless=True)
    if scene.render.is_movie_format:
        yield Finding("the scene is set to write a video; a farm renders pictures, the video can be made of them later")
    if scene.render.use_multiview and scene.render.image_settings.views_format != "STEREO_3D":
        yield Finding("the scene renders a picture for each of its views; a farm keeps one a frame", hopeless=True)
    saved, this = tuple(bpy.data.version)[:2], bpy.app.version[:2]
    if saved > this:
        words = "the file was saved by Blender {}.{}; what this one, {}.{}, doesn't know of it will be lost"
        yield Finding(words.format(*saved, *this))


def _files() -> Iterator[Finding]:
    for image in bpy.data.images:
        if (
            image.source in ("FILE", "TILED", *_NOT_PACKED)
            and image.packed_file is None
            and not len(image.packed_files)
        ):
            path = image.filepath.replace("<UDIM>", _TILE)
            yield from _data_file("the picture", image, path, packed=image.source not in _NOT_PACKED)
    for library in bpy.data.libraries:
        if library.packed_file is None:
            yield from _data_file("the library", library, library.filepath)
    for font in bpy.data.fonts:
        if font.filepath != "<builtin>" and font.packed_file is None:
            yield from _data_file("the font", font, font.filepath)
    for volume in bpy.data.volumes:
        if volume.packed_file is None:
            yield from _data_file("the volume", volume, volume.filepath, packed=not volume.is_sequence)
    for cache in bpy.data.cache_files:
        yield from _data_file("the file", cache, cache.filepath, packed=False)
    for clip in bpy.data.movieclips:
        yield from _data_file("the movie clip", clip, clip.filepath, packed=False)
    for owner, tree in _trees():
        for node in tree.nodes:
            if node.bl_idname in _NODES_WITH_FILES and node.mode == "EXTERNAL" and node.filepath:
                path = bpy.path.abspath(node.filepath, library=owner.library)
                yield from _file("the node", f"{node.name} of {owner.name}", path, packed=False)


def _data_file(kind: str, data: bpy.types.ID, path: str, *, packed: bool = True) -> Iterator[Finding]:
    if path:
        yield from _file(kind, data.name, bpy.path.abspath(path, library=data.library), packed=packed)


def _file(kind: str, name: str, path: str, *, packed: bool) -> Iterator[Finding]:
    there = Path(os.path.normpath(path))
    if not there.exists():
        yield Finding(f"{kind} {name} is missing: {there}")
    elif not packed:
        yield Finding(f"{kind} {name} can't be packed; each worker needs it as {there}")


def _strips(scene: bpy.types.Scene) -> Iterator[Finding]:
    """What an edit is cut from is never packed."""
    for strip in _all_strips(scene) if _is_edited(scene) else ():
        files = [strip.filepath] if strip.type == "MOVIE" else []
        if strip.type == "IMAGE":
            files = [str(Path(strip.directory) / element.filename) for element in strip.elements]
        for file in files:
            yield from _file("the strip", strip.name, bpy.path.abspath(file), packed=False)


def _is_edited(scene: bpy.types.Scene) -> bool:
    """Whether its picture comes from its sequencer."""
    return scene.render.use_sequencer and scene.sequence_editor is not None and bool(_all_strips(scene))


def _all_strips(scene: bpy.types.Scene) -> Any:
    editor = scene.sequence_editor
    return editor.strips_all if hasattr(editor, "strips_all") else editor.sequences_all


def _caches() -> Iterator[Finding]:
    if reason := keeping.reason_not_to_keep():
        yield Finding(f"{reason}: bake it, or each frame is rendered by a Blender of its own and may differ")
    for name in _kept_beside():
        yield Finding(f"the simulation of {name} is kept beside the file, not in it; workers don't get it")


def _kept_beside() -> Iterator[str]:
    for thing in bpy.data.objects:
        for modifier in thing.modifiers:
            owner = modifier.particle_system if modifier.type == "PARTICLE_SYSTEM" else modifier
            if _is_on_disk(owner) or (modifier.type == "FLUID" and modifier.fluid_type == "DOMAIN"):
                yield thing.name
    for scene in bpy.data.scenes:
        if scene.rigidbody_world is not None and _is_on_disk(scene.rigidbody_world):
            yield scene.name


def _is_on_disk(owner: Any) -> bool:
    cache = getattr(owner, "point_cache", None)
    return cache is not None and cache.is_baked and cache.use_disk_cache


def _add_ons() -> Iterator[Finding]:
    render = bpy.context.scene.render
    absent = scenes.absent_engine(render) if bpy.app.background else ""  # to find it out changes the file
    if (engine := absent or render.engine) not in _OWN_ENGINES:
        words = f"the render engine {engine} comes from an add-on; workers render with Blender's own only"
        yield Finding(words, hopeless=True)
    for owner, tree in _trees():
        for node in tree.nodes:
            if node.bl_idname == "NodeUndefined":
                yield Finding(f"the node {node.name} of {owner.name} comes from an add-on or a newer Blender")


def _trees() -> Iterator[tuple[bpy.types.ID, bpy.types.NodeTree]]:
    """All node trees, each with what people know it by."""
    for owner in _all_data():
        tree = owner if isinstance(owner, bpy.types.NodeTree) else getattr(owner, "node_tree", None)
        if tree is not None:
            yield owner, tree


def _all_data() -> Iterator[bpy.types.ID]:
    for collection in bpy.data.bl_rna.properties:
        if collection.type == "COLLECTION":
            yield from getattr(bpy.data, collection.identifier)


def _scripts() -> Iterator[Finding]:
    for owner in (*((owner, owner) for owner in _all_data()), *_trees()):
        known, data = owner
        for curve in data.animation_data.drivers if getattr(data, "animation_data", None) else ():
            if curve.driver.type == "SCRIPTED" and not curve.driver.is_simple_expression:
                yield Finding(
                    f"a driver of {known.name} runs Python ({curve.driver.expression}), which workers never do"
                )
    for text in bpy.data.texts:
        if text.use_module:
            yield Finding(f"the script {text.name} runs when the file is opened, but never on a worker")
    for layer in bpy.context.scene.view_layers if bpy.context.scene.render.use_freestyle else ():
        if layer.use_freestyle and layer.freestyle_settings.mode == "SCRIPT":
            words = "Freestyle draws its lines by Python scripts, which workers never run; use its Parameter Editor"
            yield Finding(words, hopeless=True)
