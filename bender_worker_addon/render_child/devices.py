# SPDX-License-Identifier: GPL-3.0-or-later
"""Devices: what Cycles renders on. A Blender with factory settings knows of none but the processor."""

import re
from collections.abc import Sequence
from typing import Any, TypeVar

import bpy

CPU = "CPU"
_NOISE = re.compile(r"\s+(\d+-Core )?Processor\b|\s+CPU(?=\s*(@|$))|\s+with Radeon.*|\s+\(Display\)$", re.IGNORECASE)
_CLOCK = re.compile(r"\s*@\s*[\d.]+\s*[GM]Hz$")

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
    for _, card in here:
        if card is not None:
            card.use = (kind, card) in used
    scene.cycles.device = CPU if kind == CPU else "GPU"
    return _name(used)


def found(wanted: list[str], share: int, *, renderers: int) -> tuple[str, str]:
    """What a child renders on, as `choose` calls it, and the one device that all of so many do, "" if they differ. Any
    card of one model counts as the same. Where none is there both are ""."""
    here = _here(wanted, only_optix=False)
    if not here:
        return "", ""
    shares = range(renderers) if renderers > 1 else [-1]
    all_used = {_name([device]) for one in shares for device in part(here, one)}
    return _name(part(here, share)), all_used.pop() if len(all_used) == 1 else ""


def short(name: str) -> str:
    """A device's name without what tells nothing: `AMD EPYC 7B13 64-Core Processor` is an AMD EPYC 7B13. The clock
    stays where there is no model, as with some machines that are rented."""
    name = " ".join(_NOISE.sub("", name).split())
    without = _CLOCK.sub("", name)
    return without if re.search(r"\d", without) else name


def _name(used: Sequence[tuple[str, Any]]) -> str:
    names = [short(_processor() if card is None else card.name) for _, card in used]
    return f"{used[0][0]} ({', '.join(names)})" if all(names) else used[0][0]


def _processor() -> str:
    """As Cycles calls it; to ask for that looks for no cards."""
    try:
        import _cycles  # type: ignore[import-not-found]
    except ImportError:  # a Blender without Cycles
        return ""
    return str(_cycles.available_devices(CPU)[0][0])


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
