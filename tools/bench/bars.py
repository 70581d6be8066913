# SPDX-License-Identifier: GPL-3.0-or-later
"""Stacked bars as one picture, made by Blender itself: the host needs no image library."""

from collections.abc import Mapping
from pathlib import Path

from tools.blenders.inside_blender import run_script


def make(blender: Path, title: str, things: Mapping[str, Mapping[str, float]], unit: str, out: Path) -> Path:
    """Draws a bar for each of `things`, of what it is made up of, saves it as the PNG `out` and gives `out` back.
    Raises ToolError."""
    out.parent.mkdir(parents=True, exist_ok=True)
    run_script("bars.py", blender, title, things, unit, out.absolute(), timeout=120)
    return out
