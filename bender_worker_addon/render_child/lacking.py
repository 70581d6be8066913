# SPDX-License-Identifier: GPL-3.0-or-later
"""Lacking: what the open blend needs for its picture and this machine has not, in words for people. Blender itself
renders something else in its place, and not every version says so. Looks, changes nothing."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bpy

from . import scope

_MOST = 8  # sentences


def lacking(scene: bpy.types.Scene) -> list[str]:
    """A sentence for each file, library or linked thing that may be seen in the scene's picture and isn't there; of
    many one for the rest."""
    lost = [*_files(), *_linked(), *_strips(scene)]
    if not lost:
        return []
    seen = scope.seen_in(scene)
    libraries = {data.library for data in seen}
    told = list(dict.fromkeys(words for data, words in lost if data in seen or data in libraries))
    return told if len(told) <= _MOST else [*told[: _MOST - 1], f"{len(told) - _MOST + 1} more files are missing"]


def _files() -> Iterator[tuple[Any, str]]:
    for image in bpy.data.images:
        for path in _pictures(image):
            if not path.exists():
                yield image, f"the picture {image.name} is missing: {path}"
    for font in bpy.data.fonts:
        if font.filepath != "<builtin>" and not font.packed_file:
            yield from _missing(font, "font")
    for kind, things in (
        ("volume", [volume for volume in bpy.data.volumes if not volume.is_sequence and not volume.packed_file]),
        ("movie clip", [clip for clip in bpy.data.movieclips if clip.source == "MOVIE"]),
        ("cache", [cache for cache in bpy.data.cache_files if not cache.is_sequence]),
        ("library", [library for library in bpy.data.libraries if _has_a_file(library)]),
    ):
        for thing in things:
            yield from _missing(thing, kind)
    for owner in (*bpy.data.lights, *bpy.data.materials, *bpy.data.node_groups):
        tree = scope.tree_of(owner)
        for node in tree.nodes if tree is not None else ():
            if getattr(node, "mode", "") == "EXTERNAL":
                filepath: str = getattr(node, "filepath", "")
                yield from _missing(owner, f"file of the node {node.name} in", filepath)


def _linked() -> Iterator[tuple[Any, str]]:
    """Of a library that is missing that is said already."""
    for library in bpy.data.libraries:
        if _has_a_file(library) and _path(library, library.filepath).exists():
            for data in library.users_id:
                if data.is_missing:
                    yield data, f"the library {library.name} has no {data.name}: {_path(library, library.filepath)}"


def _strips(scene: Any) -> Iterator[tuple[Any, str]]:
    editor = scene.sequence_editor if scene.render.use_sequencer else None
    if editor is None:
        return
    for strip in editor.strips_all if hasattr(editor, "strips_all") else editor.sequences_all:
        if strip.mute or strip.type not in ("IMAGE", "MOVIE"):
            continue
        if strip.type == "MOVIE":
            paths = [_path(scene, strip.filepath)]
        else:
            paths = [_path(scene, strip.directory) / element.filename for element in strip.elements]
        if lost := [path for path in paths if not path.exists()]:
            yield scene, f"the strip {strip.name} is missing: {lost[0]}"


def _missing(owner: Any, kind: str, filepath: str | None = None) -> Iterator[tuple[Any, str]]:
    path = _path(owner, owner.filepath if filepath is None else filepath)
    if not path.is_file():
        yield owner, f"the {kind} {owner.name} is missing: {path}"


def _has_a_file(library: Any) -> bool:
    return library.packed_file is None and not getattr(library, "is_archive", False)


def _pictures(image: Any) -> list[Path]:
    """Those that it is made of, as far as it names them: of a sequence the one it names, if there is none beside it."""
    if image.packed_file or image.packed_files or not image.filepath:
        return []
    path = _path(image, image.filepath)
    match image.source:
        case "FILE" | "MOVIE":
            views = image.use_multiview and image.views_format == "INDIVIDUAL"
            return [] if views and path.parent.is_dir() else [path]
        case "TILED":
            return [_tile(path, tile.number) for tile in image.tiles]
        case "SEQUENCE":
            beside = path.parent.glob(f"*{path.suffix}") if path.parent.is_dir() else ()
            return [] if any(_unnumbered(other) == _unnumbered(path) for other in beside) else [path]
    return []


def _unnumbered(path: Path) -> str:
    return re.sub(r"\d+(\D*)$", r"\1", path.stem)


def _tile(path: Path, number: int) -> Path:
    across, up = (number - 1001) % 10, (number - 1001) // 10
    return path.with_name(path.name.replace("<UDIM>", str(number)).replace("<UVTILE>", f"u{across + 1}_v{up + 1}"))


def _path(owner: Any, filepath: str) -> Path:
    return Path(os.path.normpath(bpy.path.abspath(filepath, library=owner.library)))
