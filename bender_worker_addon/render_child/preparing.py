# SPDX-License-Identifier: GPL-3.0-or-later
"""Preparing: what Blender's engines do before a frame's first sample, in words for people.

Source of theirs: what `bpy.app.handlers.render_stats` gets, recorded with Blender 4.3 and 5.2. No bpy.
"""

import re

_STAGES = (
    ("Loading render kernels", "Loading render kernels (may take a few minutes)"),
    ("Compiling", "Compiling shaders (may take a few minutes)"),
    ("Updating Images", "Loading textures"),
)
_OTHERWISE = "Preparing the scene"


def part_done(statistics: str) -> float | None:
    """Of a frame, 0 to 1. Cycles says `Sample 5/64`, EEVEE `Rendering 5 / 64 samples`; what is before can't be
    counted: None."""
    samples = re.search(r"(?:Sample|Rendering) (\d+) ?/ ?(\d+)", statistics)
    return int(samples[1]) / max(1, int(samples[2])) if samples else None


def stage(statistics: str) -> str:
    """What is done while no samples can be counted."""
    return next((words for found, words in _STAGES if found in statistics), _OTHERWISE)
