# SPDX-License-Identifier: GPL-3.0-or-later
"""Moving a folder of data to another place, once. A move that breaks off, also between disks, loses nothing."""

import errno
import os
import shutil
from contextlib import closing
from pathlib import Path

from ..core.errors import FolderInUse
from . import files
from .durable import make_names_durable, sync
from .lock import Lock

_FROM = ".moved-from"  # in the new place while the old one is being emptied: names it


def needs_another_disk(old: Path, new: Path) -> bool:
    """Whether a move would have to copy."""
    there = next(folder for folder in new.parents if folder.exists())
    return old.stat().st_dev != there.stat().st_dev


def move(old: Path, new: Path) -> None:
    """Moves the folder `old` to `new`, which is not there yet; of several processes that do it at once, one does.

    Raises OSError, and then all of it still is where it was.
    """
    new.parent.mkdir(parents=True, exist_ok=True)
    try:
        files.move(old, new)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        _copy(old, new)
    else:
        make_names_durable(new.parent)


def finish(old: Path, new: Path) -> None:
    """Empties the old place, if a move has come as far as that and broke off."""
    mark = new / _FROM
    if mark.is_file() and mark.read_text(encoding="utf-8") == str(old):
        files.discard_folder(old)
        if not old.exists():
            files.remove(mark)


def _copy(old: Path, new: Path) -> None:
    turn, part = new.with_name(f".{new.name}.moving"), new.with_name(f".{new.name}.part")
    try:
        with closing(Lock(turn)):
            if new.exists():
                return
            files.remove_folder(part)  # of a move that broke off
            try:
                shutil.copytree(old, part, symlinks=True)
                (part / _FROM).write_text(str(old), encoding="utf-8")
                _make_durable(part)
                files.move(part, new)
            except shutil.Error as error:
                raise OSError(errno.EIO, str(error)) from error
            finally:
                files.discard_folder(part)
            make_names_durable(new.parent)
            finish(old, new)
            files.remove(turn)
    except FolderInUse:
        return


def _make_durable(folder: Path) -> None:
    for place, _, names in os.walk(folder):
        for name in names:
            path = Path(place, name)
            if path.is_symlink() or not path.is_file():
                continue
            with path.open("r+b") as file:
                sync(file.fileno())
        make_names_durable(Path(place))
