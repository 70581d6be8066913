# SPDX-License-Identifier: GPL-3.0-or-later
"""Luggage: the files that the open blend is read from, taken along into the copy that is made of it, or beside it.

Into the blend goes what Blender reads there as it reads the file, simulations that are baked on disk too. The rest,
pictures that Cycles reads otherwise when they are packed, sequences, films and caches of other kinds, goes into a
folder beside the copy, under the names it had; see `core/luggage.py`.
"""

import os
import shutil
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import bpy

from ...core.errors import FarmError
from ...core.luggage import FOLDER, is_safe
from ...system.files import discard_folder, remove
from . import disk_caches, files, outputs
from .files import FileUse
from .plain_pictures import is_plain

_SAME_WHEN_PACKED = ("sRGB", "Non-Color", "Linear Rec.709")  # colour spaces in which Cycles reads plain pictures alike


class Luggage:
    """What goes into one job's `folder`, from the blend that is sent and from its libraries. `of`: the blend that is
    sent, as it is called where it was made; `remote`: from that folder all of it travels to other machines."""

    def __init__(self, folder: Path, *, of: Path, remote: bool) -> None:
        self._folder = folder
        self._of = of
        self._remote = remote
        self.compress = not remote  # what goes over a network is not: it does so in pieces, see `pieces/`
        self._numbers: dict[Path, int] = {}

    def take(self, data: Iterable[bpy.types.ID], *, blend: Path, copy: str) -> None:
        """Takes along all files from which some of `data`, all of the open `blend`, is read, and saves what is open as
        `copy` in the job's folder, to be read from there. What is missing is left out, and named by the place where it
        is not. Raises FarmError if a file can't be copied."""
        _make_paths_absolute()
        outputs.name_after(self._of, library=blend)
        data = list(data)
        left = [use for use in list(files.read_by(data)) if not _pack(use)]
        taken = [(use, self._take_beside(use)) for use in left]
        caches = [cache for cache in disk_caches.used_by(data) if cache.files(blend)]
        baked = disk_caches.folder_of(self._folder / copy)  # where Blender looks for them once the copy is open
        for file in {file for cache in caches for file in cache.files(blend)}:
            self._copy(file, baked / file.name)
        target = str(self._folder / copy)
        for number, library in enumerate(files.archives()):  # what it holds takes paths from where it seems to be
            library.filepath = f"//{copy}-{number}".replace("{", "_")  # in a path Blender 5 would replace it
        bpy.ops.wm.save_as_mainfile(filepath=target, check_existing=False, relative_remap=False, compress=self.compress)
        beside = [(use, folder) for use, folder in taken if folder]
        if not beside and not caches:
            return
        for use, folder in beside:  # only now, as Blender looks there at once
            use.point_to(folder)
        for cache in caches:
            cache.move_into_blend()
        bpy.ops.wm.save_mainfile(compress=self.compress)
        remove(Path(f"{target}1"))  # Blender's own backup of the first of the two
        discard_folder(baked)

    def _take_beside(self, use: FileUse) -> str:
        """Gives where, as Blender names it; nowhere if there is nothing to take."""
        there = [file for file in use.files() if file.is_file() and (not self._remote or can_travel(file, use))]
        if not there:
            return ""
        number = self._numbers.setdefault(use.folder, len(self._numbers) + 1)
        for file in there:
            target = self._folder / FOLDER / str(number) / file.relative_to(use.folder)
            self._copy(file, target, put=_link if self._remote else shutil.copyfile)
        return f"//{FOLDER}/{number}/"

    def _copy(self, file: Path, target: Path, *, put: Callable[[Path, Path], object] = shutil.copyfile) -> None:
        if target.exists():
            return
        for folder in reversed([parent for parent in target.parents if not parent.exists()]):
            folder.mkdir()
            shutil.copymode(self._folder, folder)  # in a group's folder, it is the group's too
        try:
            put(file, target)
        except OSError as error:
            raise FarmError(f"{file} can't be copied to {target}: {error.strerror or error}") from error


def can_travel(file: Path, use: FileUse) -> bool:
    """Whether every machine can have a file of that name."""
    return is_safe(f"{FOLDER}/1/{file.relative_to(use.folder).as_posix()}")


def _link(file: Path, target: Path) -> None:
    """What is only sent on from there need not be copied, where the system has links for everybody."""
    for link in (os.symlink, os.link):
        with suppress(OSError, NotImplementedError):
            link(file, target)
            return
    shutil.copyfile(file, target)


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


def _pack(use: FileUse) -> bool:
    """Packs what is read, if its pictures stay the same; gives whether it did."""
    data: Any = use.owner
    if not may_be_packed(use):
        return False
    try:
        data.pack()
    except RuntimeError:  # a file is missing, or none that can be read
        return False
    return data.packed_file is not None or bool(getattr(data, "packed_files", ()))


def may_be_packed(use: FileUse) -> bool:
    """Whether it can be, and Cycles makes the same of it."""
    return _can_be_packed(use) and _is_same_when_packed(use)


def _can_be_packed(use: FileUse) -> bool:
    """Sequences and films can't."""
    data: Any = use.owner
    return use.holder == data and hasattr(data, "pack") and getattr(data, "source", "FILE") in ("FILE", "TILED")


def _is_same_when_packed(use: FileUse) -> bool:
    """Whether Cycles makes the same of what can be packed: measured, for all kinds of pictures that Blender writes,
    their alpha modes and colour spaces, on Blender 4.3 and 5.2."""
    image: Any = use.owner
    if image.id_type != "IMAGE" or image.use_multiview:  # of views Blender packs each
        return True
    return image.colorspace_settings.name in _SAME_WHEN_PACKED and all(is_plain(file) for file in use.files())
