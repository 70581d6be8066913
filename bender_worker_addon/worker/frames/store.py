# SPDX-License-Identifier: GPL-3.0-or-later
"""A finished frame: checked, hashed, on the disk for good and only then moved into its place."""

import os
import stat
from pathlib import Path

from ...core.errors import FrameError, Remedy
from ...core.frame import FORMATS, StoredFrame
from ...system import hashing
from ...system.files import remove
from ...system.folders import goes_by_another_name, leads_away, remove_empty
from . import other_files
from .place import put_in_place


def store(*, rendered: Path, target: Path, number: int, image_format: str, shared: bool = False) -> StoredFrame:
    """Proves the rendered file, makes it last and moves it to `target` in one step, from another disk by a copy beside
    its folder. What was written with it goes before it. `shared`: folders and files can be written by their group.

    Raises FrameError if the file is missing, no plain file, empty, of another format, or can't be stored; and where the
    target's folder is a link, for which a job has no use: it would lead the frame out of the folder for frames.
    """
    try:
        if not stat.S_ISREG(rendered.lstat().st_mode):  # opening a pipe would wait for ever
            raise FrameError(f"frame {number}: {rendered} is no plain file")
        if leads_away(target.parent):
            text = f"{target.parent} is a link to another folder; remove it"
            raise FrameError(f"frame {number} was not stored: {text}")
        with rendered.open("rb") as file:
            status = os.fstat(file.fileno())
            _check_signature(file.read(16), number, image_format)
            file.seek(0)
            digest = hashing.of(file)
        if goes_by_another_name(target.parent):
            text = f"{target.parent} is the folder of another job, whose id differs in capital letters only"
            raise FrameError(f"frame {number} was not stored: {text}; send this one again under another", Remedy.NONE)
        others = other_files.store(rendered, folder=target.parent, shared=shared)
        put_in_place(rendered, target, shared=shared)
    except OSError as error:
        raise FrameError(f"frame {number} could not be stored as {target}: {error.strerror or error}") from error
    return StoredFrame(number=number, path=target, size=status.st_size, hash=digest, others=others)


def unchanged(frame: StoredFrame) -> bool:
    """Whether the stored file still is what it was, there, of the same size and hash; and all that goes with it."""
    others = ((other.path(frame.path.parent), other.size, other.hash) for other in frame.others)
    return all(_is(*file) for file in ((frame.path, frame.size, frame.hash), *others))


def delete(frame: StoredFrame) -> None:
    """Deletes its files, and the folders that thereby become empty. Raises OSError."""
    folder = frame.path.parent
    files = [other.path(folder) for other in frame.others]
    for path in (*files, frame.path):
        remove(path)
    remove_empty(folder, files)


def _is(path: Path, size: int, digest: str) -> bool:
    try:
        with path.open("rb") as file:
            return os.fstat(file.fileno()).st_size == size and hashing.of(file) == digest
    except OSError:
        return False


def _check_signature(beginning: bytes, number: int, image_format: str) -> None:
    signatures = FORMATS[image_format].signatures
    if not beginning:
        raise FrameError(f"frame {number}: the file is empty")
    if signatures and not beginning.startswith(signatures):
        raise FrameError(f"frame {number}: the file is no {image_format}, it begins with {beginning[:8].hex(' ')}")
