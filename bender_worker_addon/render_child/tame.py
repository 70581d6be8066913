# SPDX-License-Identifier: GPL-3.0-or-later
"""Tame: takes out of an open blend what does more than make its picture: runs Python, or writes caches."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import bpy
from bpy.app.handlers import persistent


def runs_python() -> bool:
    """Takes out the scripts with which Freestyle can draw its lines: Blender runs them in every render, whatever it was
    told of scripts. Gives whether the picture would have needed one."""
    needed = False
    for scene in bpy.data.scenes:
        for layer in scene.view_layers:
            settings = layer.freestyle_settings
            on = scene.render.use_freestyle and layer.use_freestyle and settings.mode == "SCRIPT"
            for module in list(settings.modules):
                needed = needed or (on and module.use and module.script is not None)
                settings.modules.remove(module)
    return needed


@contextmanager
def caches_left_out() -> Iterator[list[str]]:
    """What is opened meanwhile writes no caches but in this process's own folder: already as it is opened Blender shows
    a frame, and simulates for that. Gives, in words for people, what that was."""
    left_out: list[str] = []

    @persistent  # type: ignore[untyped-decorator]
    def leave_out(*_: object) -> None:
        left_out.extend(_leave_out_caches())

    bpy.app.handlers.load_post.append(leave_out)
    try:
        yield left_out
    finally:
        bpy.app.handlers.load_post.remove(leave_out)


def _leave_out_caches() -> Iterator[str]:
    for name, cache in _point_caches():
        if cache.use_disk_cache and not (cache.is_baked or cache.use_external):
            yield f"the cache on disk of a simulation ({name}); it is simulated in memory"
            cache.use_disk_cache = False
    for number, (name, domain) in enumerate(_fluids()):
        if not domain.has_cache_baked_any:
            yield f"the cache of a fluid ({name}); it is simulated in a folder of this process"
            domain.cache_directory = str(Path(bpy.app.tempdir, f"fluid-{number}"))


def _fluids() -> Iterator[tuple[str, bpy.types.FluidDomainSettings]]:
    for thing in bpy.data.objects:
        for modifier in thing.modifiers:
            if isinstance(modifier, bpy.types.FluidModifier) and modifier.domain_settings is not None:
                yield thing.name, modifier.domain_settings


def _point_caches() -> Iterator[tuple[str, bpy.types.PointCache]]:
    for thing in bpy.data.objects:
        for owner in (*thing.modifiers, *thing.particle_systems):
            if isinstance(cache := getattr(owner, "point_cache", None), bpy.types.PointCache):
                yield thing.name, cache
    for scene in bpy.data.scenes:
        if scene.rigidbody_world is not None:
            yield scene.name, scene.rigidbody_world.point_cache
