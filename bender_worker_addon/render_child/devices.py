# SPDX-License-Identifier: GPL-3.0-or-later
"""Devices: what Cycles renders on. A Blender with factory settings knows of none but the processor."""

from collections.abc import Sequence
from typing import Any, TypeVar

import bpy

CPU = "CPU"

_Device = TypeVar("_Device")


def choose(wanted: list[str], share: int) -> str:
    """Sets what the open blend's scene is rendered on, whatever the blend says, and gives its name; "" where the engine
    doesn't ask for a device. `wanted`: kinds of devices, of which the first kind of cards that is there counts, and the
    processor; `share`: see `part`. Raises LookupError if none is there."""
    scene: Any = bpy.context.scene
    if scene is None or scene.render.engine != "CYCLES":
        return ""
    here = _here(wanted, only_optix=scene.cycles.shading_system)  # Open Shading Language runs on no other card
    if not here:
        raise LookupError(f"none of {', '.join(wanted)} is here; with CPU among `devices` that would be used")
    used = part(here, share)
    kind = used[0][0]
    if kind == CPU:
        scene.cycles.device = CPU
        return CPU
    for _, card in here:
        if card is not None:
            card.use = (kind, card) in used
    scene.cycles.device = "GPU"
    return f"{kind} ({', '.join(card.name for _, card in used)})"


def part(here: Sequence[tuple[str, _Device]], share: int) -> Sequence[tuple[str, _Device]]:
    """Which of the devices that are `here`, of one kind or another and the best first, a child renders on: one that is
    alone, whose `share` is -1, on all of the first one's kind; of several, counted from 0, each on one, in turn."""
    if share < 0:
        return [device for device in here if device[0] == here[0][0]]
    return [here[share % len(here)]]


def _here(wanted: list[str], *, only_optix: bool) -> list[tuple[str, Any]]:
    """Kind and device of each one that is wanted and there, in the order of `wanted`."""
    here: list[tuple[str, Any]] = []
    for kind in wanted:
        if kind == CPU:
            here.append((CPU, None))
        elif all(found == CPU for found, _ in here) and (kind == "OPTIX" or not only_optix):
            here += [(kind, card) for card in _cards(kind)]
    return here


def _cards(kind: str) -> list[Any]:
    preferences: Any = bpy.context.preferences
    if "cycles" not in preferences.addons:
        return []
    cycles = preferences.addons["cycles"].preferences
    try:
        cycles.compute_device_type = kind
    except TypeError:  # this Blender was built without it
        return []
    return [device for device in cycles.get_devices_for_type(kind) if device.type == kind]
