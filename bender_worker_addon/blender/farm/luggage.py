# SPDX-License-Identifier: GPL-3.0-or-later
"""Luggage: the files that the open blend is read from, taken along into the copy that is made of it, or beside it.

Into the blend goes what Blender reads there as it reads the file, simulations that are baked on disk too. The rest,
pictures that Cycles reads otherwise when they are packed, sequences, films and caches of other kinds, goes into a
folder beside the copy, under the names it had.
"""

import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import bpy

from ...core.errors import FarmError
from ...system.files import discard_folder, remove
from . import disk_caches, files, outputs
from .files import FileUse
from .plain_pictures import is_plain

FOLDER = "scene.files"
_SAME_WHEN_PACKED = ("sRGB", "Non-Color", "Linear Rec.709")  # colour spaces in which Cycles reads plain pictures alike


class Luggage:
    """What goes into one job's `folder`, from the blend that is sent and from its libraries; nothing but blends where
    nothing `beside` them gets to the workers. `of`: the blend that is sent, as it is called where it was made."""

    def __init__(self, folder: Path, *, of: Path, beside: bool) -> None:
        self._folder = folder
        self._of = of
        self._beside = beside
        self.compress = beside  # what goes over a network is not: it does so in pieces, see `pieces/`
        self._numbers: dict[Path, int] = {}

    def take(self, data: Iterable[bpy.types.ID], *, blend: Path, copy: str) -> None:
        """Takes along all files from which some of `data`, all of the open `blend`, is read, and saves what is open as
        `copy` in the job's folder, to be read from there. What is missing is left out, and named by the place where it
        is not. Raises FarmError if a file can't be copied."""
        _make_paths_absolute()
        outputs.name_after(self._of, library=blend)
        data = list(data)
        left = [use for use in list(files.read_by(data)) if not _pack(use, changed=not self._beside)]
        taken = [(use, self._take_beside(use)) for use in left if self._beside]
        caches = [cache for cache in disk_caches.used_by(data) if cache.files(blend)]
        baked = disk_caches.folder_of(self._folder / copy)  # where Blender looks for them once the copy is open
        for file in {file for cache in caches for file in cache.files(blend)}:
            self._copy(file, baked / file.name)
        target = str(self._folder / copy)
        for number, library in enumerate(files.archives()):  # what it holds takes paths from where it seems to be
            library.filepath = f"//{copy}-{number}"
        bpy.ops.wm.save_as_mainfile(filepath=target, check_existing=False, relative_remap=False, compress=self.compress)
        for use, folder in taken:  # only now, as Blender looks there at once
            if folder:
                use.point_to(folder)
        for cache in caches:
            cache.move_into_blend()
        bpy.ops.wm.save_mainfile(compress=self.compress)
        remove(Path(f"{target}1"))  # Blender's own backup of the first of the two
        discard_folder(baked)

    def _take_beside(self, use: FileUse) -> str:
        """Gives where, as Blender names it; nowhere if there is nothing to take."""
        there = [file for file in use.files() if file.is_file()]
        if not there:
            return ""
        number = self._numbers.setdefault(use.folder, len(self._numbers) + 1)
        for file in there:
            self._copy(file, self._folder / FOLDER / str(number) / file.relative_to(use.folder))
        return f"//{FOLDER}/{number}/"

    def _copy(self, file: Path, target: Path) -> None:
        if target.exists():
            return
        for folder in reversed([parent for parent in target.parents if not parent.exists()]):
            folder.mkdir()
            shutil.copymode(self._folder, folder)  # in a group's folder, it is the group's too
        try:
            shutil.copyfile(file, target)
        except OSError as error:
            raise FarmError(f"{file} can't be copied to {target}: {error.strerror or error}") from error


def _make_paths_absolute() -> None:
    """Blender's own command for that takes the folder of a simulation's cache for a path, from Blender 5.1 on, and then
    forgets what the blend holds of a simulation that is not baked."""
    data: Any = bpy.data
    if not hasattr(data, "file_path_foreach"):
        bpy.ops.file.make_paths_absolute()
        return

    def absolute(owner: Any, path: str, _: object) -> str | None:
        stays = owner.library is not None or not path.startswith("//") or path.startswith(disk_caches.BESIDE)
        return None if stays else bpy.path.abspath(path)

    data.file_path_foreach(absolute)


def _pack(use: FileUse, *, changed: bool) -> bool:
    """Packs what is read, if it may be `changed` thereby or is not; gives whether it did."""
    data: Any = use.owner
    if not can_be_packed(use) or not (changed or is_same_when_packed(use)):
        return False
    try:
        data.pack()
    except RuntimeError:  # a file is missing, or none that can be read
        return False
    return data.packed_file is not None or bool(getattr(data, "packed_files", ()))


def can_be_packed(use: FileUse) -> bool:
    """Sequences and films can't."""
    data: Any = use.owner
    return use.holder == data and hasattr(data, "pack") and getattr(data, "source", "FILE") in ("FILE", "TILED")


def is_same_when_packed(use: FileUse) -> bool:
    """Whether Cycles makes the same of what can be packed: measured, for all kinds of pictures that Blender writes,
    their alpha modes and colour spaces, on Blender 4.3 and 5.2."""
    image: Any = use.owner
    if image.id_type != "IMAGE" or image.use_multiview:  # of views Blender packs each
        return True
    return image.colorspace_settings.name in _SAME_WHEN_PACKED and all(is_plain(file) for file in use.files())
