# SPDX-License-Identifier: GPL-3.0-or-later
"""Other files of a frame, as its child has left them: moved into the job's folder, under names that lead nowhere else.

A child may be in the hands of its blend: what it left are files and folders, all else is let be.
"""

import logging
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ...core.errors import FrameError
from ...core.other_files import OtherFile, safe_name
from ...system import hashing
from ...system.files import move
from ...system.folders import leads_away
from .place import put_in_place

log = logging.getLogger(__name__)

_DEEPEST = 8  # folders
_MOST = 1000  # files of one frame


def store(rendered: Path, *, folder: Path, shared: bool) -> tuple[OtherFile, ...]:
    """Moves what was written with the frame `rendered` into its job's `folder`. Raises FrameError, OSError."""
    made = rendered.with_suffix(".files")
    if made.is_symlink() or not made.is_dir():
        return ()
    with tempfile.TemporaryDirectory(prefix="other-", dir=made.parent.parent, ignore_cleanup_errors=True) as scratch:
        taken = Path(scratch, made.name)  # out of the child's hands
        move(made, taken)
        return tuple(_stored(taken, folder, shared=shared))


def _stored(made: Path, folder: Path, *, shared: bool) -> Iterator[OtherFile]:
    names = set[str]()  # in small letters: on some disks others are the same
    for file in _plain_files(made, _DEEPEST):
        name = safe_name(file.relative_to(made).parts)
        if not name or name.casefold() in names or len(names) == _MOST:
            why = "it is no picture, or one too many" if name.casefold() not in names else f"{name} is there already"
            log.warning("%s is left out of %s: %s", file.name, folder, why)
        else:
            names.add(name.casefold())
            yield _store(file, name, folder, shared=shared)


def _store(file: Path, name: str, folder: Path, *, shared: bool) -> OtherFile:
    with file.open("rb") as opened:
        size, digest = os.fstat(opened.fileno()).st_size, hashing.of(opened)
    other = OtherFile(name, size, digest)
    target = other.path(folder)
    for parent in (parent for parent in reversed(target.parents) if folder in parent.parents):
        if leads_away(parent):
            raise FrameError(f"{name} was not stored: {parent} is a link to another folder; remove it")
    put_in_place(file, target, shared=shared)
    return other


def _plain_files(folder: Path, depth: int) -> Iterator[Path]:
    """Through no link: a pipe would be waited for, and a link lead out of here."""
    with os.scandir(folder) as found:
        entries = sorted(found, key=lambda entry: entry.name)
    for entry in entries:
        if entry.is_file(follow_symlinks=False):
            yield Path(entry.path)
        elif entry.is_dir(follow_symlinks=False) and depth:
            yield from _plain_files(Path(entry.path), depth - 1)
