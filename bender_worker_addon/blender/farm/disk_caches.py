# SPDX-License-Identifier: GPL-3.0-or-later
"""Disk caches: simulations that are baked on disk and have no path: Blender keeps them in a folder called after the
blend."""

import glob
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy

from .files import place_of

_FOLDER = "blendcache_"
BESIDE = f"//{_FOLDER}"
"""How Blender names such a folder in paths."""


@dataclass(frozen=True, slots=True)
class DiskCache:
    """A simulation of `owner`, baked."""

    owner: bpy.types.ID
    cache: bpy.types.PointCache

    def folder(self, blend: Path) -> Path:
        """Where it is, if `blend` is open."""
        library = self.owner.library if self.cache.use_library_path else None
        return folder_of(place_of(library) if library is not None else blend)

    def move_into_blend(self) -> None:
        """From the folder that is called after the open blend into Blender's memory, and thereby into the blend."""
        self.cache.use_disk_cache = False

    def files(self, blend: Path) -> list[Path]:
        """Those that are there; Blender names them by the cache or, if that has no name, by its owner's in hex."""
        name = self.cache.name or self.owner.name.encode().hex().upper()
        return sorted(self.folder(blend).glob(f"{glob.escape(name)}_*"))


def folder_of(blend: Path) -> Path:
    return blend.parent / f"{_FOLDER}{blend.stem}"


def used_by(data: Iterable[bpy.types.ID]) -> Iterator[DiskCache]:
    for owner in data:
        for cache in _point_caches(owner):
            if cache.is_baked and cache.use_disk_cache and not cache.use_external:
                yield DiskCache(owner, cache)


def _point_caches(owner: Any) -> Iterator[bpy.types.PointCache]:
    holders = [*getattr(owner, "modifiers", ()), *getattr(owner, "particle_systems", ())]
    holders.append(getattr(owner, "rigidbody_world", None))
    for modifier in getattr(owner, "modifiers", ()):
        if isinstance(modifier, bpy.types.DynamicPaintModifier) and modifier.canvas_settings:
            holders += modifier.canvas_settings.canvas_surfaces
    for holder in holders:
        if isinstance(cache := getattr(holder, "point_cache", None), bpy.types.PointCache):
            yield cache
