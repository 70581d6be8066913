# SPDX-License-Identifier: GPL-3.0-or-later
"""Colors: whether the open file's colours are those of Blender's own OCIO configuration."""

import os
import re
from pathlib import Path
from typing import Any

import bpy

from ...core.errors import WorkerError

_FALLBACK = "Standard"  # the view that Blender takes instead of one it doesn't know
_LOST = re.compile(r"color.management\b.*?[:|] (?:WARNING )?(.*not found.*)", re.IGNORECASE)
_PATIENCE = 600.0  # seconds


def own_configuration() -> Path | None:
    """The configuration this Blender works with, if it is not the one it came with."""
    utils: Any = bpy.utils
    stock = utils.system_resource("DATAFILES", path="colormanagement")  # Blender 5 sets $OCIO to it
    own = Path(os.environ.get("OCIO") or utils.user_resource("DATAFILES", path="colormanagement"))
    return own if own.exists() and not own.is_relative_to(stock) else None


def lost() -> list[str]:
    """What is said of a view, or a colour space, that this Blender doesn't know: RNA shows another in its place, and a
    command is run quietly. So the file is opened once more where its view may be such another one."""
    from ...worker.children.process import run_to_end

    scene: Any = bpy.context.scene
    if not bpy.app.background or scene.view_settings.view_transform != _FALLBACK:
        return []
    command = [bpy.app.binary_path, "-b", "--factory-startup", "--disable-autoexec", bpy.data.filepath]
    try:
        _, words = run_to_end(command, timeout=_PATIENCE)
    except WorkerError:
        return []
    return [found[1].rstrip(".") for line in words.splitlines() if (found := _LOST.search(line))]
