# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures: whether a file that Blender wrote is a whole picture. Uses Blender's imbuf, not bpy; fine in a thread."""

from pathlib import Path

import imbuf

from .openexr import is_openexr, multilayer_size

Size = tuple[int, int]
"""Width and height."""


class BrokenPicture(Exception):
    """The file is there and is not the picture it should be."""


def folder_of(frame: Path) -> Path:
    """Where what is written with a frame lies."""
    return frame.with_suffix(".files")


def check_all(frame: str, sizes: set[Size]) -> None:
    """A frame and what was written with it, whatever the size of that. Raises BrokenPicture."""
    check(frame, sizes)
    for path in sorted(folder_of(Path(frame)).rglob("*")):
        if path.is_file():
            check(str(path), set())


def check(file: str, sizes: set[Size]) -> None:
    """Opens the picture and decodes all of it. Raises BrokenPicture if it can't be or is of none of the `sizes`, if
    there are any."""
    try:
        found = _size(Path(file))
    except (ValueError, OSError) as error:
        raise BrokenPicture(f"{Path(file).name} was written, but can't be read as a picture: {error}") from error
    if sizes and found not in sizes:
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
