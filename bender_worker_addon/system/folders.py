# SPDX-License-Identifier: GPL-3.0-or-later
"""Folders that are made for a group, and those that lead elsewhere."""

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from .durable import make_names_durable
from .platform import WINDOWS

_SHARED = 0o2775


def make_folder(folder: Path, *, shared: bool) -> None:
    """Makes a folder, if it is missing; a `shared` one as bender does: its group may write, what is made in it is of
    that group too."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        folder.mkdir()
    except FileExistsError:
        return
    make_names_durable(folder.parent)
    if shared and not WINDOWS:  # there the folder's owner says who may write what is in it
        folder.chmod(_SHARED)


def goes_by_another_name(path: Path) -> bool:
    """Whether what is there is called otherwise: disks as of Windows and macOS take capitals and small letters for the
    same, and so find what is another's."""
    other = path.with_name(path.name.swapcase())
    try:
        if other.name == path.name or not path.samefile(other):
            return False
        return all(found.name != path.name for found in path.parent.iterdir())
    except OSError:  # a disk that tells them apart doesn't find the other
        return False


def leads_away(folder: Path) -> bool:
    """Whether what is below a folder would be somewhere else: it is a symbolic link or, on Windows, a junction."""
    return folder.is_symlink() or (WINDOWS and folder.resolve().parent != folder.parent.resolve())


def remove_empty(folder: Path, files: Iterable[Path]) -> None:
    """Removes a folder in which `files` were, and the folders in it in which they were, where nothing else is."""
    inside = {parent for file in files for parent in file.parents if folder in parent.parents}
    for emptied in (*sorted(inside, reverse=True), folder):
        with suppress(OSError):
            emptied.rmdir()
