# SPDX-License-Identifier: GPL-3.0-or-later
"""Missing: files and libraries of the open file that are not there, and those that workers don't get. Looks, changes
nothing."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bpy

from . import disk_caches, files
from .finding import Finding, listed
from .luggage import can_travel, may_be_packed

_KINDS: tuple[tuple[Any, str, str], ...] = (
    (bpy.types.Image, "picture", "pictures"),
    (bpy.types.VectorFont, "font", "fonts"),
    (bpy.types.Volume, "volume", "volumes"),
    (bpy.types.Sound, "sound", "sounds"),
    (bpy.types.MovieClip, "movie clip", "movie clips"),
    (bpy.types.CacheFile, "cache file", "cache files"),
    (bpy.types.FluidDomainSettings, "baked fluid", "baked fluids"),
    (files.STRIP, "strip", "strips"),
    ((bpy.types.Node, bpy.types.NodeSocket), "file of the node", "files of nodes"),
    (bpy.types.Modifier, "file of the modifier", "files of modifiers"),
    (object, "file", "files"),
)
_MISSING = "missing"
_PLURALS = {one: many for _, one, many in _KINDS} | {
    "library": "libraries",
    "baked simulation": "baked simulations",
}

Seen = set[bpy.types.ID]


def missing_files(seen: Seen, blend: Path) -> Iterator[Finding]:
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
        yield from _group(kind, _MISSING, {f"{place}": name for place, name in places.items()})


def cannot_travel(seen: Seen) -> Iterator[Finding]:
    """What machines elsewhere don't get."""
    uses = [use for use in files.read_by(seen) if not may_be_packed(use)]
    places = [str(file) for use in uses for file in use.files() if file.exists() and not can_travel(file, use)]
    if places:
        yield Finding(f"not every system can call a file so, rename it or workers may lack it: {listed(places)}")


def _kind(use: files.FileUse) -> str:
    return next(word for kind, word, _ in _KINDS if isinstance(use.holder, kind))


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
        yield Finding(f"the {kind} {name} is {is_what}: {place}", is_of_missing_files=is_what == _MISSING)
    elif places:
        told = f"{len(places)} {_PLURALS[kind]} are {is_what}: {listed(places)}"
        yield Finding(told, is_of_missing_files=is_what == _MISSING)


def libraries(seen: Seen) -> Iterator[Finding]:
    used: dict[bpy.types.Library, list[str]] = {}
    for data in seen:
        if data.library is not None:
            used.setdefault(data.library, []).extend([data.name] * data.is_missing)
    places = {library: place for library, place in files.libraries().items() if library in used}
    gone = {str(place): library.name for library, place in places.items() if not place.exists()}
    broken = {str(place): library.name for library, place in places.items() if place.exists() and library.is_missing}
    yield from _group("library", _MISSING, gone)
    yield from _group("library", "no blend that Blender can read", broken)
    for library, place in places.items():
        if used[library] and not library.is_missing:
            yield Finding(f"the library {library.name} has no {listed(used[library])}, linked from it: {place}")
