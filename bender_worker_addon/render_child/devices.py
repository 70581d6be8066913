# SPDX-License-Identifier: GPL-3.0-or-later
"""Devices: what Cycles renders on. A Blender with factory settings knows of none but the processor."""

from typing import Any

import bpy

CPU = "CPU"


def choose(wanted: list[str], share: int) -> str:
    """Sets the device of the open blend's scene to the first kind of those `wanted` that is there, whatever the blend
    says, and gives its name; "" where the engine doesn't ask for one. Of several graphics cards a child that renders
    beside others takes its `share`, counted from 0; -1: all. Raises LookupError if none is there."""
    scene: Any = bpy.context.scene
    if scene is None or scene.render.engine != "CYCLES":
        return ""
    for kind in wanted:
        if kind == CPU:
            scene.cycles.device = CPU
            return CPU
        if kind != "OPTIX" and scene.cycles.shading_system:  # Open Shading Language runs on no other card
            continue
        if names := _use(kind, share):
            scene.cycles.device = "GPU"
            return f"{kind} ({', '.join(names)})"
    raise LookupError(f"none of {', '.join(wanted)} is here; with CPU among `devices` that would be used")


def _use(kind: str, share: int) -> list[str]:
    """Switches this kind of device on, and all others off; gives the names of what is used."""
    preferences: Any = bpy.context.preferences
    if "cycles" not in preferences.addons:
        return []
    cycles = preferences.addons["cycles"].preferences
    try:
        cycles.compute_device_type = kind
    except TypeError:  # this Blender was built without it
        return []
    found = [device for device in cycles.get_devices_for_type(kind) if device.type == kind]
    used = found if share < 0 or not found else [found[share % len(found)]]
    for device in found:
        device.use = device in used
    return [device.name for device in used]
