# SPDX-License-Identifier: GPL-3.0-or-later
"""Memory: what of the open file is in Blender's memory only, brought to the Blender that sends it to the farm.

Saving a blend saves no pictures: what was painted or baked into one and is not saved or packed would be missing in a
copy. It is written beside the copy as it is in memory, and packed there; the file at hand stays as it is.
"""

import json
import tempfile
from array import array
from pathlib import Path
from typing import Any

import bpy

from ...system.files import discard_folder

_NAME = "unsaved.json"


def unsaved_pictures() -> list[bpy.types.Image]:
    return [image for image in bpy.data.images if image.is_dirty and image.source != "VIEWER"]


def can_be_brought(image: Any) -> bool:
    """Whether its pixels come out of a packed file as they are in memory. Of tiles Blender gives only the first; a file
    is multiplied by its alpha when it is read, or divided; and what is linked is packed in its own file."""
    if image.source not in ("FILE", "GENERATED") or image.library is not None:
        return False
    if image.is_float:
        return image.alpha_mode != "STRAIGHT" or min(_pixels(image)[3::4], default=1) == 1
    return bool(image.alpha_mode != "PREMUL")


def title() -> str:
    """What the open file is called."""
    return Path(bpy.data.filepath).stem or "untitled"


def saved_copy() -> tuple[Path, Path]:
    """A copy of the open file as it is now, in a folder of its own, and what tells of what isn't in it. Raises
    RuntimeError, Blender's own, or OSError."""
    folder = Path(tempfile.mkdtemp(prefix="bender-send-"))
    copy = folder / f"{title()}.blend"
    try:
        return copy, save_copy(copy)
    except (RuntimeError, OSError):
        discard_folder(folder)
        raise


def save_copy(blend: Path) -> Path:
    """Saves the open file as it is now as `blend`, and beside it what a blend doesn't hold; gives the path of the file
    that tells of that. Raises RuntimeError, Blender's own, or OSError."""
    bpy.ops.wm.save_as_mainfile(filepath=str(blend), copy=True, check_existing=False)
    unsaved = blend.with_name(_NAME)
    brought = [image for image in unsaved_pictures() if can_be_brought(image)]
    pictures = [_saved(image, unsaved.with_name(f"{number}.pixels")) for number, image in enumerate(brought)]
    unsaved.write_text(json.dumps({"blend": bpy.data.filepath, "pictures": pictures}), encoding="utf-8")
    return unsaved


def saved_as(unsaved: Path) -> Path:
    """Where the file is that was copied."""
    return Path(json.loads(unsaved.read_text(encoding="utf-8"))["blend"])


def bring_back(unsaved: Path) -> None:
    """Puts what was saved so into the copy, which is open, for good. Raises RuntimeError, Blender's own, or OSError."""
    own = {image.name: image for image in bpy.data.images if image.library is None}
    for picture in json.loads(unsaved.read_text(encoding="utf-8"))["pictures"]:
        _restore(own[picture["name"]], picture, unsaved.with_name(picture["file"]))
    bpy.ops.wm.save_mainfile()


def _saved(image: Any, path: Path) -> dict[str, Any]:
    path.write_bytes(_pixels(image))
    return {"name": image.name, "file": path.name, "size": list(image.size), "is_float": image.is_float}


def _pixels(image: Any) -> "array[float]":
    pixels = array("f", bytes(4 * len(image.pixels)))
    image.pixels.foreach_get(pixels)
    return pixels


def _restore(image: Any, picture: dict[str, Any], path: Path) -> None:
    """Packs its pixels as a file of as many bits; those with 32 are linear in Blender's memory."""
    width, height = picture["size"]
    made: Any = bpy.data.images.new("unsaved", width, height, alpha=True, float_buffer=picture["is_float"])
    made.pixels.foreach_set(array("f", path.read_bytes()))
    made.pack()
    path.write_bytes(made.packed_file.data)
    image.source, image.filepath_raw = "FILE", str(path)
    if picture["is_float"]:
        image.colorspace_settings.name = made.colorspace_settings.name
    bpy.data.images.remove(made)
    image.pack()
