# SPDX-License-Identifier: GPL-3.0-or-later
"""Concerns: what of the open file would go wrong on another machine, in words for people. Looks, changes nothing."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy

from ..render_child import scenes

_OWN_ENGINES = ("CYCLES", "BLENDER_EEVEE", "BLENDER_EEVEE_NEXT", "BLENDER_WORKBENCH")
_NOT_PACKED = ("SEQUENCE", "MOVIE")
_TILE = "1001"


@dataclass(frozen=True, slots=True)
class Concern:
    """`hopeless`: no frame could be rendered, so that it is not even sent."""

    words: str
    hopeless: bool = False


def concerns() -> list[Concern]:
    """All there is to say before the open file is sent to a farm, the worst first."""
    scene = bpy.context.scene
    found = [*_scene(scene), *_files(), *_caches(), *_add_ons(), *_scripts()]
    return sorted(dict.fromkeys(found), key=lambda concern: not concern.hopeless)


def _scene(scene: bpy.types.Scene) -> Iterator[Concern]:
    edits = scene.render.use_sequencer and scene.sequence_editor is not None and bool(_strips(scene))
    if scene.camera is None and not edits:
        yield Concern(f"the scene {scene.name} has no camera", hopeless=True)
    if scene.render.is_movie_format:
        yield Concern("the scene is set to write a video; a farm renders pictures, the video can be made of them later")
    if scene.render.use_multiview and scene.render.image_settings.views_format != "STEREO_3D":
        yield Concern("the scene renders a picture for each of its views; a farm keeps one a frame", hopeless=True)
    saved, this = tuple(bpy.data.version)[:2], bpy.app.version[:2]
    if saved > this:
        words = "the file was saved by Blender {}.{}; what this one, {}.{}, doesn't know of it will be lost"
        yield Concern(words.format(*saved, *this))


def _strips(scene: bpy.types.Scene) -> Any:
    editor = scene.sequence_editor
    return editor.strips_all if hasattr(editor, "strips_all") else editor.sequences_all


def _files() -> Iterator[Concern]:
    for image in bpy.data.images:
        if (
            image.source in ("FILE", "TILED", *_NOT_PACKED)
            and image.packed_file is None
            and not len(image.packed_files)
        ):
            path = image.filepath.replace("<UDIM>", _TILE)
            yield from _file("the picture", image, path, packed=image.source not in _NOT_PACKED)
    for library in bpy.data.libraries:
        if library.packed_file is None:
            yield from _file("the library", library, library.filepath)
    for font in bpy.data.fonts:
        if font.filepath != "<builtin>" and font.packed_file is None:
            yield from _file("the font", font, font.filepath)
    for volume in bpy.data.volumes:
        if volume.packed_file is None:
            yield from _file("the volume", volume, volume.filepath, packed=not volume.is_sequence)
    for cache in bpy.data.cache_files:
        yield from _file("the file", cache, cache.filepath, packed=False)
    for clip in bpy.data.movieclips:
        yield from _file("the movie clip", clip, clip.filepath, packed=False)


def _file(kind: str, data: bpy.types.ID, path: str, *, packed: bool = True) -> Iterator[Concern]:
    if not path:
        return
    there = Path(os.path.normpath(bpy.path.abspath(path, library=data.library)))
    if not there.exists():
        yield Concern(f"{kind} {data.name} is missing: {there}")
    elif not packed:
        yield Concern(f"{kind} {data.name} can't be packed; each worker needs it as {there}")


def _caches() -> Iterator[Concern]:
    if reason := scenes.reason_not_to_keep():
        yield Concern(f"{reason}: bake it, or each frame is rendered by a Blender of its own and may differ")
    for thing in bpy.data.objects:
        for modifier in thing.modifiers:
            cache = getattr(modifier, "point_cache", None)
            if modifier.type == "FLUID" or (cache is not None and cache.is_baked and cache.use_disk_cache):
                yield Concern(
                    f"the simulation of {thing.name} is kept beside the file, not in it; workers don't get it"
                )


def _add_ons() -> Iterator[Concern]:
    engine = bpy.context.scene.render.engine
    if engine not in _OWN_ENGINES:
        yield Concern(f"the render engine {engine} comes from an add-on; each worker needs that")
    for tree in _trees():
        for node in tree.nodes:
            if node.bl_idname == "NodeUndefined":
                yield Concern(f"the node {node.name} in {tree.name} comes from an add-on or a newer Blender")


def _trees() -> Iterable[bpy.types.NodeTree]:
    owners = (*bpy.data.materials, *bpy.data.worlds, *bpy.data.lights, *bpy.data.scenes)
    own = (getattr(owner, "node_tree", None) for owner in owners)
    return [tree for tree in (*own, *bpy.data.node_groups) if tree is not None]


def _scripts() -> Iterator[Concern]:
    for data in (*bpy.data.objects, *bpy.data.materials, *bpy.data.shape_keys, *bpy.data.scenes):
        for curve in data.animation_data.drivers if data.animation_data else ():
            if curve.driver.type == "SCRIPTED" and not curve.driver.is_simple_expression:
                yield Concern(
                    f"a driver of {data.name} runs Python ({curve.driver.expression}), which workers never do"
                )
    for text in bpy.data.texts:
        if text.use_module:
            yield Concern(f"the script {text.name} runs when the file is opened, but never on a worker")
    for layer in bpy.context.scene.view_layers if bpy.context.scene.render.use_freestyle else ():
        if layer.use_freestyle and layer.freestyle_settings.mode == "SCRIPT":
            words = "Freestyle draws its lines by Python scripts, which workers never run; use its Parameter Editor"
            yield Concern(words, hopeless=True)
