# SPDX-License-Identifier: GPL-3.0-or-later
"""Colors: what of the open file's colours this Blender doesn't know."""

import re
from collections.abc import Iterable
from typing import Any

import bpy

from ...core.errors import WorkerError
from ...system.programs import run_to_end

_FALLBACK = "Standard"  # the view that Blender takes instead of one it doesn't know
_LOST = re.compile(r"color.management\b.*?[:|] (?:WARNING )?(.*not found.*)", re.IGNORECASE)
_OF_A_PICTURE = "image "  # Blender says so of each, also of those that are not seen
_PATIENCE = 600.0  # seconds


def lost(seen: Iterable[bpy.types.ID]) -> list[str]:
    """What is said of a view, or of the colour space of a picture among what is `seen`, that this Blender doesn't know:
    RNA shows another view in its place, or no colour space, and a command is run quietly. So the file is opened once
    more where that may be so."""
    scene: Any = bpy.context.scene
    images: list[Any] = [data for data in seen if isinstance(data, bpy.types.Image)]
    has_lost_space = any(not image.colorspace_settings.name for image in images)
    if not bpy.app.background or not (has_lost_space or scene.view_settings.view_transform == _FALLBACK):
        return []
    command = [bpy.app.binary_path, "-b", "--factory-startup", "--disable-autoexec", bpy.data.filepath]
    try:
        _, words = run_to_end(command, timeout=_PATIENCE)
    except WorkerError:
        return []
    found = [found[1].rstrip(".") for line in words.splitlines() if (found := _LOST.search(line))]
    return [words for words in found if has_lost_space or not words.startswith(_OF_A_PICTURE)]
