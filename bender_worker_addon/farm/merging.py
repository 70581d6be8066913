# SPDX-License-Identifier: GPL-3.0-or-later
"""Merging: what a report changes in what is known of a task, by the rules of bender's own bookkeeper."""

from collections.abc import Mapping
from typing import Any

from ..core.task import BLENDER, FOLDER, KIND, REGION, TILES
from . import stored

_FINAL = frozenset({"Finished", "Aborted"})
_OURS = (FOLDER, REGION, TILES)  # of `data`: what the farm alone says
_OF_A_FILE = (BLENDER, KIND, "device")  # of `data`: how a file came to be
_UNKNOWN = "unknown"


def merged(known: Mapping[str, Any], told: Mapping[str, Any]) -> dict[str, Any]:
    """The task as it is known after a report of it. Reports may be late: what is finished never runs again, what was
    canceled can only be finished still, and of two times for one moment the older holds."""
    newest = known if stays(known, told) else told
    data = _with_ours(newest.get("data"), known.get("data"))
    if REGION in data and _has_another_file(known["command"], newest["command"]):
        before = known.get("data") or {}
        data = {key: value for key, value in data.items() if key not in _OF_A_FILE}
        data |= {BLENDER: _UNKNOWN} | {key: before[key] for key in _OF_A_FILE if key in before}
    return {
        **newest,
        "time": _oldest(known.get("time"), told.get("time")),
        "command": _with_files(newest["command"], known["command"]),
        "data": data,
    }


def stays(known: Mapping[str, Any], told: Mapping[str, Any]) -> bool:
    """Whether the task is what it was before, whatever the report says."""
    return known["status"] in _FINAL and told["status"] != "Finished"


def _oldest(known: Any, told: Any) -> dict[str, Any]:
    """RFC 3339 in UTC sorts as text, but for the `Z` behind fractions of another length. What is no text is no time."""
    times = {moment: time for moment, time in (known or {}).items() if time is None or isinstance(time, str)}
    for moment, time in (told or {}).items():
        before = times.get(moment)
        if before is None or (isinstance(time, str) and time.rstrip("Z") < before.rstrip("Z")):
            times[moment] = time if isinstance(time, str) else None
    return times


def _with_ours(data: Any, known: Any) -> dict[str, Any]:
    told = {key: value for key, value in (data or {}).items() if key not in _OURS}
    return told | {key: value for key, value in (known or {}).items() if key in _OURS}


def _with_files(command: Mapping[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    blender, before = command.get("Blender"), known.get("Blender")
    if not blender or not before:
        return dict(command)
    frames = {
        number: stored.merged(before["frame"].get(number, {}), frame) for number, frame in blender["frame"].items()
    }
    return {**command, "Blender": {**blender, "frame": frames}}


def _has_another_file(known: Mapping[str, Any], told: Mapping[str, Any]) -> bool:
    """Of two workers that rendered the same tile the first one's is in its place, and this is the other's report."""
    before, frames = (command.get("Blender", {}).get("frame", {}) for command in (known, told))
    return any(stored.is_of_another(before.get(number, {}), frame) for number, frame in frames.items())
