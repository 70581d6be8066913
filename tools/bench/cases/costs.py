# SPDX-License-Identifier: GPL-3.0-or-later
"""Costs: what the add-on adds to a Blender's start, and its worker to the memory."""

from tools.bench import footprint
from tools.bench.cases.yard import Bench, Figure


def footprints(bench: Bench) -> list[Figure]:
    blend, folder = bench.scene("trivial", frames=10), bench.scratch / "footprint"
    without, with_addon = footprint.start_seconds(bench.blender, bench.bare, bench.env)
    bare = footprint.bare_megabytes(bench.blender, bench.bare)
    waiting, worked = footprint.worker_megabytes(bench.farm, bench.blender, bench.env, blend, folder=folder)
    sizes = {
        "a bare `blender -b`": bare,
        "a worker before its first task": waiting,
        "a worker after some tasks": worked,
    }
    return [
        Figure("start without the add-on", 1000 * without, "ms"),
        Figure("start with the add-on", 1000 * with_addon, "ms"),
        *(Figure(name, size, "MB") for name, size in sizes.items() if size is not None),
    ]
