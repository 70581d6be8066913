# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures: whether a file that Blender wrote is a whole picture. Uses Blender's imbuf, not bpy; fine in a thread."""

from pathlib import Path

import imbuf

from .openexr import is_openexr, multilayer_size


class BrokenPicture(Exception):
    """The file is there and is not the picture it should be."""


def check(file: str, size: tuple[int, int]) -> None:
    """Opens the picture and decodes all of it. Raises BrokenPicture if it can't be or is not `size` (width, height)."""
    try:
        found = _size(Path(file))
    except (ValueError, OSError) as error:
        raise BrokenPicture(f"{Path(file).name} was written, but can't be read as a picture: {error}") from error
    if found != size:
        raise BrokenPicture(f"{Path(file).name} is {found[0]}x{found[1]} pixels, it should be {size[0]}x{size[1]}")


def _size(path: Path) -> tuple[int, int]:
    if is_openexr(path) and (size := multilayer_size(path)) is not None:
        return size
    picture = imbuf.load(str(path))
    try:
        width, height = picture.size
        return width, height
    finally:
        picture.free()
