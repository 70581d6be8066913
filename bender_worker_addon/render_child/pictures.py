# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures: whether a file that Blender wrote is a whole picture. Uses Blender's imbuf, not bpy; fine in a thread."""

from pathlib import Path

import imbuf

from .openexr import is_openexr, multilayer_size

Size = tuple[int, int]
"""Width and height."""


class BrokenPicture(Exception):
    """The file is there and is not the picture it should be."""


def check(file: str, sizes: set[Size]) -> None:
    """Opens the picture and decodes all of it. Raises BrokenPicture if it can't be or is of none of the `sizes`."""
    try:
        found = _size(Path(file))
    except (ValueError, OSError) as error:
        raise BrokenPicture(f"{Path(file).name} was written, but can't be read as a picture: {error}") from error
    if found not in sizes:
        wanted = " or ".join(f"{width}x{height}" for width, height in sorted(sizes))
        raise BrokenPicture(f"{Path(file).name} is {found[0]}x{found[1]} pixels, it should be {wanted}")


def _size(path: Path) -> Size:
    if is_openexr(path) and (size := multilayer_size(path)) is not None:
        return size
    picture = imbuf.load(str(path))
    try:
        width, height = picture.size
        return width, height
    finally:
        picture.free()
