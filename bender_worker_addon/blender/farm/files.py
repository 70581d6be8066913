# SPDX-License-Identifier: GPL-3.0-or-later
"""Files: what files the data of the open file is read from. Looks, changes nothing.

Blender's RNA says of each property whether it is a path, so all that has one is found, kinds of data newer than this
too. Named here is only what RNA doesn't know: which paths are not read, which are read only now and then, and which
stand for more than one file.
"""

import glob
import os
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import bpy

_PATHS = ("FILE_PATH", "DIR_PATH")
_NOT_READ = {
    "BakeSettings": {"filepath"},
    "Brush": {"icon_filepath"},
    "CollectionExport": {"filepath"},
    "CompositorNodeOutputFile": {"base_path", "directory", "file_name"},
    "DynamicPaintSurface": {"image_output_path"},
    "Image": {"filepath_raw"},
    "ImagePackedFile": {"filepath"},
    "Library": {"filepath"},  # see `libraries`
    "LibraryWeakReference": {"filepath", "id_name"},
    "MovieClipProxy": {"directory"},
    "NodeTreeInterfaceSocketStringFilePath": {"default_value"},
    "PointCache": {"point_caches"},  # the caches beside the one at hand
    "RenderSettings": {"filepath"},
    "SequenceEditor": {"proxy_dir"},
    "SequenceProxy": {"directory", "filepath"},
    "StripProxy": {"directory", "filepath"},
    "ViewLayer": {"depsgraph"},
    "VolumeGrids": {"frame_filepath"},
}
STRIP: Any = getattr(bpy.types, "Strip", None) or bpy.types.Sequence
"""The class of strips, which has another name before Blender 4.4."""

_INTERFACE = ("_HT_", "_MT_", "_OT_", "_PT_", "_UL_")

_Place = tuple[Any, str]  # a struct and the RNA path of a path in it


@dataclass(frozen=True, slots=True)
class FileUse:
    """A path that is read: `attribute` of `holder`, which is `owner` or something in it."""

    owner: bpy.types.ID
    holder: Any
    attribute: str

    @property
    def path(self) -> Path:
        """As Blender finds it: from the path by which the owner's file was reached, be that a link or not."""
        value = self.holder.path_resolve(self.attribute)
        return Path(os.path.normpath(bpy.path.abspath(value, library=self.owner.library)))

    @property
    def is_folder(self) -> bool:
        prop = self.holder.bl_rna.properties.get(self.attribute)
        return prop is not None and prop.subtype == "DIR_PATH"

    @property
    def folder(self) -> Path:
        return self.path if self.is_folder else self.path.parent

    def files(self) -> list[Path]:
        """What should be there; where nothing says how many that are, what is there. At least one."""
        return _files_of(self.holder, self.path) or [self.path]

    def point_to(self, folder: str) -> None:
        """Lets it be read from another folder, where the files have the same names."""
        value = folder if self.is_folder else folder + self.path.name
        if self.attribute.startswith("["):
            self.holder[self.attribute[2:-2]] = value
        else:  # to set an image's own path would load it anew
            setattr(self.holder, "filepath_raw" if isinstance(self.holder, bpy.types.Image) else self.attribute, value)


def read_by(data: Iterable[bpy.types.ID]) -> Iterator[FileUse]:
    """Each path from which some of `data` is read, but for libraries."""
    walk = _Walk()
    for owner in data:
        for holder, attribute in walk.paths_in(owner):
            if holder.path_resolve(attribute) and _is_read_now(holder, attribute):
                yield FileUse(owner, holder, attribute)


def place_of(library: bpy.types.Library) -> Path:
    """The path by which it is reached."""
    return Path(os.path.normpath(bpy.path.abspath(library.filepath)))


def libraries() -> dict[bpy.types.Library, Path]:
    """Where the libraries of the open file are, those of libraries too; not those that are packed."""
    return {
        library: place_of(library)
        for library in bpy.data.libraries
        if library.packed_file is None and not getattr(library, "is_archive", False)
    }


def archives() -> list[bpy.types.Library]:
    """From Blender 5 on, libraries of which a part is in the open file itself."""
    return [library for library in bpy.data.libraries if getattr(library, "is_archive", False)]


class _Walk:
    """Through all of RNA that can lead to a path, and into no data that stands by itself."""

    def __init__(self) -> None:
        self._leads_to_paths = _kinds_with_paths()
        self._members: dict[str, tuple[list[str], list[str]]] = {}

    def paths_in(self, owner: bpy.types.ID) -> Iterator[_Place]:
        seen, waiting = set[tuple[int, str]](), [owner]
        while waiting:
            struct: Any = waiting.pop()
            place = (struct.as_pointer(), struct.bl_rna.identifier)
            if place in seen:
                continue
            seen.add(place)
            paths, ways = self._members_of(struct.bl_rna)
            yield from ((struct, name) for name in paths)
            if isinstance(struct, bpy.types.NodesModifier):
                yield from _paths_among_inputs(struct)
            for way in ways:
                waiting += _parts(getattr(struct, way))

    def _members_of(self, rna: Any) -> tuple[list[str], list[str]]:
        """The names of a struct's paths, and of what in it can lead to some."""
        if rna.identifier not in self._members:
            paths, ways = [], []
            for name, prop in rna.properties.items():
                if _is_path(rna, prop):
                    paths.append(name)
                elif _is_way(rna, prop) and prop.fixed_type.identifier in self._leads_to_paths:
                    ways.append(name)
            self._members[rna.identifier] = paths, ways
        return self._members[rna.identifier]


@cache
@cache
def _kinds_with_paths() -> set[str]:
    """The kinds of structs in which a path may be, at any depth."""
    names = [name for name in dir(bpy.types) if not any(part in name for part in _INTERFACE)]
    kinds = [kind.bl_rna for name in names if hasattr(kind := getattr(bpy.types, name), "bl_rna")]
    found, wholes = set[str](), dict[str, set[str]]()
    for rna in kinds:
        for prop in rna.properties:
            if _is_path(rna, prop):
                found.add(rna.identifier)
            elif _is_way(rna, prop):
                wholes.setdefault(prop.fixed_type.identifier, set()).add(rna.identifier)
        if rna.base is not None:  # where a node may be, a node of that kind may be
            wholes.setdefault(rna.identifier, set()).add(rna.base.identifier)
    found.add("NodesModifier")
    waiting = list(found)
    while waiting:
        more = wholes.get(waiting.pop(), set()) - found
        found |= more
        waiting += more
    return found


def _is_path(rna: Any, prop: Any) -> bool:
    """What add-ons have registered is read by them alone."""
    is_path = prop.type == "STRING" and prop.subtype in _PATHS and not prop.is_runtime
    return is_path and prop.identifier not in _NOT_READ.get(rna.identifier, ())


def _is_way(rna: Any, prop: Any) -> bool:
    """Whether it leads to a part of what has it, not to data that stands by itself. Of node trees there are both."""
    if prop.type not in ("POINTER", "COLLECTION") or prop.identifier in _NOT_READ.get(rna.identifier, ()):
        return False
    kind = prop.fixed_type
    while kind is not None and kind.identifier not in ("ID", "NodeTree"):
        kind = kind.base
    return kind is None or kind.identifier == "NodeTree"


def _parts(there: Any) -> list[Any]:
    parts = there if isinstance(there, bpy.types.bpy_prop_collection) else [there]
    return [part for part in parts if part is not None and getattr(part, "is_embedded_data", True)]


def _paths_among_inputs(modifier: Any) -> Iterator[_Place]:
    """What is given to a group of nodes has no RNA before Blender 5.2, and one of its own there."""
    for socket in modifier.node_group.interface.items_tree if modifier.node_group else ():
        if getattr(socket, "in_out", "") == "INPUT" and getattr(socket, "subtype", "") in _PATHS:
            if hasattr(modifier, "properties"):
                yield getattr(modifier.properties.inputs, socket.identifier), "value"
            elif modifier.get(socket.identifier):
                yield modifier, f'["{socket.identifier}"]'


# What RNA doesn't know


def _is_read_now(holder: Any, attribute: str) -> bool:
    kind = holder.bl_rna.identifier
    if attribute.startswith("["):
        return True
    if isinstance(holder, STRIP):
        return bool(holder.id_data.render.use_sequencer)
    return _READ_ONLY_IF[kind](holder) if kind in _READ_ONLY_IF else not getattr(holder, "packed_file", None)


def _is_read_image(image: Any) -> bool:
    return image.source in ("FILE", "TILED", "SEQUENCE", "MOVIE") and not image.packed_file and not image.packed_files


def _is_kept_on_disk(bake: Any, modifier: Any) -> bool:
    """Before Blender 4.3 all are."""
    target = getattr(bake, "bake_target", "DISK")
    return (modifier.bake_target if target == "INHERIT" else target) == "DISK"


_READ_ONLY_IF: dict[str, Callable[[Any], bool]] = {
    "Camera": lambda camera: camera.type == "CUSTOM" and camera.custom_mode == "EXTERNAL",
    "FluidDomainSettings": lambda domain: domain.has_cache_baked_any,
    "Image": _is_read_image,
    "MultiresModifier": lambda modifier: modifier.is_external,
    "NodeSocketStringFilePath": lambda _: bpy.app.version >= (4, 5),  # before, Blender takes no path from the file's
    "NodesModifier": lambda modifier: any(_is_kept_on_disk(bake, modifier) for bake in modifier.bakes),
    "NodesModifierBake": lambda bake: bake.use_custom_path and getattr(bake, "bake_target", "DISK") != "PACKED",
    "OceanModifier": lambda modifier: modifier.is_cached,
    "PointCache": lambda cache: cache.use_external,
    "ShaderNodeScript": lambda node: node.mode == "EXTERNAL",
    "ShaderNodeTexIES": lambda node: node.mode == "EXTERNAL",
    "VectorFont": lambda font: font.filepath != "<builtin>" and not font.packed_file,
}


_IN_CACHES = {
    "FluidDomainSettings": [f"{part}/*" for part in ("config", "data", "guiding", "mesh", "noise", "particles")],
    "NodesModifierBake": ["meta/*", "blobs/*"],
    "OceanModifier": [f"{part}_*" for part in ("disp", "foam", "normal", "spray", "spray_inverse")],
}


def _files_of(holder: Any, path: Path) -> list[Path]:
    if isinstance(holder, bpy.types.Image) and holder.source == "TILED":
        return [tile_path(path, tile.number) for tile in holder.tiles]
    if isinstance(holder, bpy.types.Image) and holder.use_multiview and holder.views_format == "INDIVIDUAL":
        return _views(path)
    if getattr(holder, "source", "") == "SEQUENCE" or getattr(holder, "is_sequence", False):
        return sequence(path)
    if isinstance(holder, STRIP) and holder.type == "IMAGE":
        return [path / element.filename for element in holder.elements]
    if isinstance(holder, bpy.types.ShaderNodeScript):
        return [path, *[path.with_suffix(".oso")] * path.with_suffix(".oso").exists()]
    return _in_folder(holder, path)


def _in_folder(holder: Any, folder: Path) -> list[Path]:
    """Only what Blender itself writes there: a cache may be kept in a folder where all kinds of things are."""
    kind = holder.bl_rna.identifier
    patterns = _IN_CACHES.get(kind, ())
    if kind == "PointCache":
        patterns = [f"{glob.escape(holder.name)}_*.bphys"]
    elif kind == "NodesModifier":
        patterns = [f"{bake.bake_id}/{pattern}" for bake in holder.bakes for pattern in _IN_CACHES["NodesModifierBake"]]
    return sorted(file for pattern in patterns for file in folder.glob(pattern) if file.is_file())


def tile_path(path: Path, number: int) -> Path:
    across, up = (number - 1001) % 10, (number - 1001) // 10
    name = path.name.replace("<UDIM>", str(number)).replace("<UVTILE>", f"u{across + 1}_v{up + 1}")
    return path.with_name(name)


def _views(path: Path) -> list[Path]:
    """A picture for each eye or camera; the path names one of them, or none, without the ends of their names."""
    scene: Any = bpy.context.scene
    suffixes = [view.file_suffix for view in scene.render.views]
    base = next((path.stem.removesuffix(end) for end in suffixes if end and path.stem.endswith(end)), path.stem)
    views = [path.with_name(f"{base}{suffix}{path.suffix}") for suffix in suffixes]
    return [view for view in views if view.exists()]


def sequence(path: Path) -> list[Path]:
    """The files whose names differ from that of `path` only in their last number."""
    found = re.fullmatch(r"(.*?)(\d+)(\D*)", path.stem, re.DOTALL)
    if not found or not path.parent.is_dir():
        return [path] if path.exists() else []
    head, digits, tail = found.groups()
    alike = re.compile(f"{re.escape(head)}\\d{{{len(digits)},}}{re.escape(tail + path.suffix)}", re.DOTALL)
    return sorted(file for file in path.parent.iterdir() if alike.fullmatch(file.name))
