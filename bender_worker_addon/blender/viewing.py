# SPDX-License-Identifier: GPL-3.0-or-later
"""Viewing: a frame shown beside the file that is open, and never in it: what is loaded there would be saved with it."""

import subprocess
from pathlib import Path

import bpy

_COMMON = (".png", ".jpg", ".bmp", ".tif", ".webp")  # every desktop has a program for these


def show(frame: Path) -> None:
    """Shows it in the desktop's own program, or, where there may be none, in Blender's player. Raises OSError if that
    can't be started."""
    if frame.suffix.lower() in _COMMON:
        bpy.ops.wm.path_open(filepath=str(frame))
    else:
        play(frame)


def play(first: Path, *, step: int = 1, last: int = 0, fps: float = 24.0) -> None:
    """Plays a picture, and those that are numbered on from it, in Blender's player, up to `last` if that is given.
    Raises OSError if that can't be started."""
    rate = ["-f", str(max(1, round(fps))), f"{max(1, round(fps)) / fps:g}", "-j", str(step)]
    rate += ["-s", str(int(first.stem)), "-e", str(last)] if last else []
    subprocess.Popen(
        [bpy.app.binary_path, "-a", *rate, str(first)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
