# SPDX-License-Identifier: GPL-3.0-or-later
"""Counts how often Blender's evaluation of one and the same frame differs by chance. Runs inside Blender and knows
nothing of farms.

    blender -b --factory-startup --python chance.py -- '"out.json"' 2000

The locations of its objects have keys, and a driver on one part of them.
"""

import json
import sys
from collections import Counter
from pathlib import Path

import bpy

OBJECTS = 20


def main() -> None:
    out, times = map(json.loads, sys.argv[sys.argv.index("--") + 1 :])
    bpy.ops.wm.read_factory_settings(use_empty=True)
    for _ in range(OBJECTS):
        add_object()
    blend = str(Path(out).with_suffix(".blend"))
    bpy.ops.wm.save_as_mainfile(filepath=blend)
    found = Counter(evaluated(blend) for _ in range(times))
    Path(out).write_text(json.dumps(times - found.most_common(1)[0][1]))


def add_object() -> None:
    thing = bpy.data.objects.new("thing", None)
    bpy.context.collection.objects.link(thing)
    for frame, x in ((1, 0), (21, 1)):
        thing.location.x = x
        thing.keyframe_insert("location", frame=frame)
        thing.keyframe_insert("rotation_euler", frame=frame)
    thing.driver_add("location", 2).driver.expression = "frame / 20"


def evaluated(blend: str) -> tuple[float, ...]:
    """Where the objects are, in frame 9 of the blend as it was saved."""
    bpy.ops.wm.open_mainfile(filepath=blend)
    bpy.context.scene.frame_set(9)
    graph = bpy.context.evaluated_depsgraph_get()
    return tuple(part for thing in bpy.data.objects for part in thing.evaluated_get(graph).location)


main()
