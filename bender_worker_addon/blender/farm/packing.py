# SPDX-License-Identifier: GPL-3.0-or-later
"""Packing: one blend with all that it needs. Opens other files, so only for a Blender that nobody works in."""

import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import bpy

from ...core.errors import FarmError
from ...core.frame import FORMATS
from ...core.luggage import is_blend
from ...render_child import scope
from ...system.files import remove
from . import files, memory
from .luggage import Luggage

if TYPE_CHECKING:
    from ...farm.new_job import SceneFacts

_INSTEAD_OF_VIDEO = "PNG"
_UNFIT = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*]|^[ .]+|[ .]+$')
_LONGEST = 60  # letters of a name that is made

_UNTITLED = "untitled.blend"  # what Blender calls what was never saved
_Name = tuple[str, str]  # of data: its kind and its name


def open_blend(blend: Path, unsaved: Path | None = None) -> None:
    """Opens a file without running what scripts it holds. With `unsaved`, it is a copy with what is told there (see
    memory.py). Raises FarmError if this Blender can't."""
    if not blend.is_file():
        raise FarmError(f"{blend} is no file")
    try:
        _open(str(blend))  # as it was given: `//` may be beside a link
        if unsaved is not None:
            memory.bring_back(unsaved)
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
    rate = render.fps / render.fps_base
    fps = max(1, round(rate))
    return SceneFacts(
        version=bpy.app.version_string,
        engine=render.engine,
        width=render.resolution_x,
        height=render.resolution_y,
        scale=render.resolution_percentage,
        fps=fps,
        fps_base=fps / rate,
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


def name_for(blend: Path) -> str:
    """What the copy of a file is called: as the file, which a picture may show, if every system can call one so."""
    name = blend.name or _UNTITLED
    if not is_blend(name):
        name = f"{_UNFIT.sub('_', blend.stem)[:_LONGEST]}.blend"
    return name if is_blend(name) else _UNTITLED


def save_packed(
    folder: Path, *, copy_of: Path | None = None, remote: bool = False, opened: Callable[[], object] = bool
) -> None:
    """Saves what is open into `folder`, as `name_for` it: a blend with all that its scene's picture is made of:
    libraries, pictures and fonts in it, beside it what can't be in it. `copy_of`: the file that what is open is a copy
    of, if it is one; `remote`: the folder's files travel on from there; `opened` is called when that was opened again,
    to change what was changed in it. Nothing else is changed. Raises FarmError."""
    blend = bpy.data.filepath
    saved_as = copy_of or Path(blend)
    try:
        _save_packed(blend, saved_as, Luggage(folder, of=saved_as, remote=remote), folder, opened)
    except RuntimeError as error:
        reason = str(error).removeprefix("Error: ").strip().partition("\n")[0]
        raise FarmError(f"{blend} can't be packed into {folder}: {reason}") from error


def _save_packed(blend: str, saved_as: Path, luggage: Luggage, folder: Path, opened: Callable[[], object]) -> None:
    """Blender packs what a file itself uses. A library that uses pictures is therefore opened and packed by itself,
    then put into the file: what it holds is as it was, with its own names and overrides."""
    own = name_for(saved_as)
    places = dict.fromkeys(_readable_libraries())
    prefix = "scene" if not own.startswith("scene-") else "part"
    copies = {place: f"{prefix}-{number}-{place.name}" for number, place in enumerate(places)}
    used = _used_by_library()
    for place, name in copies.items():
        _open(str(place))
        renamed = {library.name: copies[of] for library, of in files.libraries().items() if of in copies}
        luggage.take(_named(used.get(place, set())), blend=place, copy=name)
        _rename_libraries(renamed)
        bpy.ops.wm.save_mainfile(compress=luggage.compress)
    if copies:
        _open(blend)
        opened()
    renamed = {library.name: copies.get(of, of.name) for library, of in files.libraries().items()}
    luggage.take(_own(scope.used_by(bpy.context.scene)), blend=saved_as, copy=own)
    if renamed:
        _rename_libraries(renamed)  # as long as one is named by its whole path Blender packs none of the others
        _pack_libraries()
        bpy.ops.wm.save_mainfile(compress=luggage.compress)
    for name in (*copies.values(), own):
        remove(folder / f"{name}1")  # Blender's own backup
    for name in copies.values():
        remove(folder / name)


def _open(blend: str) -> None:
    bpy.ops.wm.open_mainfile(filepath=blend, load_ui=False, use_scripts=False)


def _pack_libraries() -> None:
    """Blender packs all there is, then complains of each file that is not."""
    try:
        bpy.ops.file.pack_libraries()
    except RuntimeError as error:
        if not all(line.endswith("not found") for line in str(error).splitlines() if line.strip()):
            raise


def _readable_libraries() -> Iterator[Path]:
    for library, place in files.libraries().items():
        if place.is_file() and not library.is_missing:
            yield place


def _used_by_library() -> dict[Path, set[_Name]]:
    """What the scene uses of each library."""
    places = files.libraries()
    used: dict[Path, set[_Name]] = {}
    for data in scope.used_by(bpy.context.scene):
        if data.library in places:
            used.setdefault(places[data.library], set()).add((data.id_type, data.name))
    return used


def _named(names: set[_Name]) -> list[bpy.types.ID]:
    """Those of the open file, which is a library, that have these names in it."""
    return [data for data in _own(scope.all_data()) if (data.id_type, data.name) in names]


def _own(everything: Iterable[bpy.types.ID]) -> list[bpy.types.ID]:
    """What the open file holds itself; from Blender 5 on that may be linked too."""
    return [data for data in everything if data.library is None or getattr(data, "is_linked_packed", False)]


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
