# SPDX-License-Identifier: GPL-3.0-or-later
"""Trial: one frame of the open file, rendered to see how long it takes. For a Blender that nobody works in."""

import time
from collections.abc import Sequence

import bpy

from ...core.errors import FarmError
from ...render_child import devices


def seconds_of(frame: int, wanted: Sequence[str]) -> float:
    """Seconds that this frame takes here, on the kind of device that a worker would use of those `wanted`. Nothing is
    written. Raises FarmError."""
    scene = bpy.context.scene
    try:
        devices.choose(list(wanted), -1)
        scene.frame_set(frame)
        began = time.monotonic()
        bpy.ops.render.render()
    except (RuntimeError, LookupError) as error:
        reason = str(error).removeprefix("Error: ").strip().partition("\n")[0]
        raise FarmError(f"frame {frame} can't be rendered: {reason}") from error
    return time.monotonic() - began
