# SPDX-License-Identifier: GPL-3.0-or-later
"""Tame: takes out of an open blend what does more than make its picture: runs Python, or writes caches."""

from collections.abc import Iterator

import bpy


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


def leave_out_caches() -> Iterator[str]:
    """Takes out what would write a cache, and tells for each, in words for people, what it was."""
    for name, cache in _point_caches():
        if cache.use_disk_cache and not (cache.is_baked or cache.use_external):
            yield f"the cache on disk of a simulation ({name}); it is simulated in memory"
            cache.use_disk_cache = False


def _point_caches() -> Iterator[tuple[str, bpy.types.PointCache]]:
    for thing in bpy.data.objects:
        for owner in (*thing.modifiers, *thing.particle_systems):
            if isinstance(cache := getattr(owner, "point_cache", None), bpy.types.PointCache):
                yield thing.name, cache
    for scene in bpy.data.scenes:
        if scene.rigidbody_world is not None:
            yield scene.name, scene.rigidbody_world.point_cache
