# SPDX-License-Identifier: GPL-3.0-or-later
"""Many frames as one picture, made by Blender itself: the host needs no image library."""

from collections.abc import Sequence
from pathlib import Path

from tools.blenders.inside_blender import run_script


def make(
    blender: Path,
    frames: Sequence[Path],
    out: Path,
    *,
    columns: int = 6,
    width: int = 200,
    gap: int = 6,
    timeout: float = 120,
) -> Path:
    """Lays `frames`, row by row, each `width` pixels wide, out on a dark ground, saves it as the PNG `out` and gives
    `out` back. Raises ToolError."""
    paths = [frame.absolute() for frame in frames]
    run_script("contact_sheet.py", blender, paths, out.absolute(), columns, width, gap, timeout=timeout)
    return out
