# SPDX-License-Identifier: GPL-3.0-or-later
"""Packing: one blend with all that it needs. Opens other files, so only for a Blender that nobody works in."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import bpy

from ...core.errors import FarmError
from ...core.frame import FORMATS

if TYPE_CHECKING:
    from ...farm.new_job import SceneFacts

FILE = "scene.blend"

_INSTEAD_OF_VIDEO = "PNG"


def open_blend(blend: Path) -> None:
    """Opens a file without running what scripts it holds. Raises FarmError if this Blender can't."""
    if not blend.is_file():
        raise FarmError(f"{blend} is no file")
    try:
        bpy.ops.wm.open_mainfile(filepath=str(blend), load_ui=False, use_scripts=False)
    except RuntimeError as error:
        reason = str(error).removeprefix("Error: ").strip().partition("\n")[0]
        version = _saved_by(blend)
        newer = f"; it was saved by Blender {version}" if version else ""
        raise FarmError(f"this Blender ({bpy.app.version_string}) can't open it: {reason}{newer}") from error


def facts() -> "SceneFacts":
    """What there is to know of the open file's scene."""
    from ...farm.new_job import SceneFacts

    scene = bpy.context.scene
    render = scene.render
    return SceneFacts(
        version=bpy.app.version_string,
        engine=render.engine,
        width=render.resolution_x,
        height=render.resolution_y,
        scale=render.resolution_percentage,
        fps=round(render.fps / render.fps_base),
        step=scene.frame_step,
    )


def default_frames() -> str:
    """The open scene's own range and step, as people write it."""
    scene = bpy.context.scene
    step = f"x{scene.frame_step}" if scene.frame_step > 1 else ""
    return f"{scene.frame_start}-{scene.frame_end}{step}"


def default_format() -> str:
    """The format the open scene's pictures have, or one that loses nothing if it is none of a still picture."""
    chosen = bpy.context.scene.render.image_settings.file_format
    return chosen if chosen in FORMATS else _INSTEAD_OF_VIDEO


def save_packed(blend: Path, folder: Path) -> None:
    """Saves the file `blend`, which is open, into `folder` with its pictures, fonts and libraries, and theirs, in it.
    The file itself is not touched. Raises FarmError."""
    try:
        _save_packed(blend, folder)
    except RuntimeError as error:
        reason = str(error).removeprefix("Error: ").strip().partition("\n")[0]
        raise FarmError(f"{blend} can't be packed into {folder}: {reason}") from error


def _save_packed(blend: Path, folder: Path) -> None:
    """Blender packs what a file itself uses. A library that uses pictures is therefore opened and packed by itself,
    then put into the file: what it holds is as it was, with its own names and overrides."""
    places = {place: f"{number}-{place.name}" for number, place in enumerate(_libraries().values())}
    for place, name in places.items():
        bpy.ops.wm.open_mainfile(filepath=str(place), load_ui=False, use_scripts=False)
        names = {library: places[of] for library, of in _libraries().items() if of in places}
        _pack()
        _rename_libraries(names)
        bpy.ops.wm.save_as_mainfile(filepath=str(folder / name), copy=True, relative_remap=False, compress=True)
    if places:
        bpy.ops.wm.open_mainfile(filepath=str(blend), load_ui=False, use_scripts=False)
    names = {library: places[of] for library, of in _libraries().items()}
    _pack()
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / FILE), check_existing=False, relative_remap=False, compress=True)
    if places:
        _rename_libraries(_missing_libraries() | names)
        _but_for_what_is_missing(bpy.ops.file.pack_libraries)
        bpy.ops.wm.save_mainfile(compress=True)
    for name in (*places.values(), f"{FILE}1"):  # the last is Blender's own backup of the first of the two
        (folder / name).unlink(missing_ok=True)


def _pack() -> None:
    """What can't be packed is looked for where it is now: the copy is somewhere else. What is missing is left out."""
    bpy.ops.file.make_paths_absolute()
    _but_for_what_is_missing(bpy.ops.file.pack_all)


def _but_for_what_is_missing(pack: Callable[[], object]) -> None:
    """Blender packs all there is, then complains of each file that is not."""
    try:
        pack()
    except RuntimeError as error:
        if not all(line.endswith("not found") for line in str(error).splitlines() if line.strip()):
            raise


def _libraries() -> dict[str, Path]:
    """Where the libraries of the open file are, those of libraries too; those missing or packed are not among them."""
    places = {
        library.name: Path(bpy.path.abspath(library.filepath)).resolve()
        for library in bpy.data.libraries
        if library.packed_file is None
    }
    return {name: place for name, place in places.items() if place.is_file()}


def _missing_libraries() -> dict[str, str]:
    """What they can be called here: as long as one is named by its whole path Blender packs none of the others."""
    unpacked = [library for library in bpy.data.libraries if library.packed_file is None]
    return {library.name: Path(bpy.path.abspath(library.filepath)).name for library in unpacked}


def _rename_libraries(names: dict[str, str]) -> None:
    for library in bpy.data.libraries:
        if library.name in names:
            library.filepath = f"//{names[library.name]}"


def _saved_by(blend: Path) -> str:
    """The version in a file's header, where it is not compressed; `BLENDER-v403` or, from 5.0, `BLENDER17-01v0502`."""
    with blend.open("rb") as file:
        header = file.read(17)
    found = re.match(rb"BLENDER(?:[-_]v(\d)|17-01v(\d\d))(\d\d)", header)
    return f"{int(found[1] or found[2])}.{int(found[3])}" if found else ""
