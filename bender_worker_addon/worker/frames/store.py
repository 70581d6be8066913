# SPDX-License-Identifier: GPL-3.0-or-later
"""A finished frame: checked, hashed, on the disk for good and only then moved into its place."""

import errno
import os
import shutil
import stat
from pathlib import Path

from ...core.errors import FrameError
from ...core.frame import FORMATS, StoredFrame
from ...system import hashing
from ...system.durable import make_durable
from ...system.files import remove
from ...system.folders import leads_away, make_folder


def store(*, rendered: Path, target: Path, number: int, image_format: str, shared: bool = False) -> StoredFrame:
    """Proves the rendered file, makes it last and moves it to `target` in one step, from another disk by a copy
    beside its folder. `shared`: folder and file can be written by their group.

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
        if shared:
            rendered.chmod(stat.S_IMODE(status.st_mode) | stat.S_IRGRP | stat.S_IWGRP)
        _put_in_place(rendered, target, shared=shared)
    except OSError as error:
        raise FrameError(f"frame {number} could not be stored as {target}: {error.strerror or error}") from error
    return StoredFrame(number=number, path=target, size=status.st_size, hash=digest)


def unchanged(frame: StoredFrame) -> bool:
    """Whether the stored file still is what it was: there, of the same size and hash."""
    try:
        with frame.path.open("rb") as file:
            if os.fstat(file.fileno()).st_size != frame.size:
                return False
            return hashing.of(file) == frame.hash
    except OSError:
        return False


def _put_in_place(rendered: Path, target: Path, *, shared: bool) -> None:
    make_folder(target.parent, shared=shared)
    try:
        _move(rendered, target)
    except FileNotFoundError:  # another worker has uploaded the last frame in the folder, and so removed it
        make_folder(target.parent, shared=shared)
        _move(rendered, target)


def _move(rendered: Path, target: Path) -> None:
    try:
        make_durable(rendered, target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        beside = target.parent.with_name(f".{target.parent.name}-{target.name}.part")  # among frames are frames alone
        try:
            shutil.copyfile(rendered, beside)
            make_durable(beside, target)
            remove(rendered)
        finally:
            remove(beside)


def _check_signature(beginning: bytes, number: int, image_format: str) -> None:
    signatures = FORMATS[image_format].signatures
    if not beginning:
        raise FrameError(f"frame {number}: the file is empty")
    if signatures and not beginning.startswith(signatures):
        raise FrameError(f"frame {number}: the file is no {image_format}, it begins with {beginning[:8].hex(' ')}")
