# SPDX-License-Identifier: GPL-3.0-or-later
"""A finished frame: checked, hashed, on the disk for good and only then moved into its place."""

import hashlib
import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from .errors import FrameError
from .lasting import make_last, make_names_last

_SHARED = 0o2775


@dataclass(frozen=True, slots=True)
class Format:
    """A still image format: its files' extension, its name on Blender's command line, how its files begin (one of
    `signatures`; a format without any has none to check)."""

    extension: str
    command_line: str
    signatures: tuple[bytes, ...]


FORMATS: dict[str, Format] = {
    "PNG": Format("png", "PNG", (b"\x89PNG\r\n\x1a\n",)),
    "BMP": Format("bmp", "BMP", (b"BM",)),
    "JPEG": Format("jpg", "JPEG", (b"\xff\xd8\xff",)),
    "JPEG2000": Format("jp2", "JP2", (b"\x00\x00\x00\x0cjP  ", b"\xff\x4f\xff\x51")),
    "TARGA": Format("tga", "TGA", ()),
    "TARGA_RAW": Format("tga", "RAWTGA", ()),
    "CINEON": Format("cin", "CINEON", (b"\x80\x2a\x5f\xd7", b"\xd7\x5f\x2a\x80")),
    "DPX": Format("dpx", "DPX", (b"SDPX", b"XPDS")),
    "OPEN_EXR": Format("exr", "OPEN_EXR", (b"\x76\x2f\x31\x01",)),
    "OPEN_EXR_MULTILAYER": Format("exr", "OPEN_EXR_MULTILAYER", (b"\x76\x2f\x31\x01",)),
    "HDR": Format("hdr", "HDR", (b"#?RADIANCE",)),
    "TIFF": Format("tif", "TIFF", (b"II*\x00", b"MM\x00*")),
}
"""RNA identifier of each still format a task may ask for (Blender's `image_settings.file_format`)."""


@dataclass(frozen=True, slots=True)
class StoredFrame:
    """A frame in its place: `size` in bytes, `hash` the Blake2b-512 of the file in lower-case hex."""

    number: int
    path: Path
    size: int
    hash: str


def frame_name(number: int, image_format: str) -> str:
    """`000121.png`: six digits and the format's extension, as the farm names frames."""
    return f"{number:06d}.{FORMATS[image_format].extension}"


def runs(numbers: Sequence[int]) -> list[tuple[int, int]]:
    """First and last of each run of consecutive numbers: 1, 2, 3, 5 gives (1, 3), (5, 5). `numbers` must ascend."""
    if not numbers:
        return []
    breaks = [place for place, (one, next_one) in enumerate(pairwise(numbers), 1) if next_one != one + 1]
    return [(numbers[first], numbers[end - 1]) for first, end in pairwise([0, *breaks, len(numbers)])]


def in_words(numbers: Sequence[int]) -> str:
    """`frame 7`, `frames 1-3, 5`; a long list is cut."""
    parts = [f"{first}" if first == last else f"{first}-{last}" for first, last in runs(numbers)]
    shown = ", ".join([*parts[:5], "..."] if len(parts) > 6 else parts)
    return f"frame{'s' if len(numbers) > 1 else ''} {shown}"


def store(*, rendered: Path, target: Path, number: int, image_format: str, shared: bool = False) -> StoredFrame:
    """Proves the rendered file, makes it last and moves it to `target` in one step; both must be on one disk. `shared`:
    folder and file can be written by their group.

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
            digest = hashlib.file_digest(file, "blake2b").hexdigest()
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
            return hashlib.file_digest(file, "blake2b").hexdigest() == frame.hash
    except OSError:
        return False


def make_folder(folder: Path, *, shared: bool) -> None:
    """Makes a folder, if it is missing; a `shared` one as bender does: its group may write, what is made in it is of
    that group too."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        folder.mkdir()
    except FileExistsError:
        return
    make_names_last(folder.parent)
    if shared and os.name != "nt":  # there the folder's owner says who may write what is in it
        folder.chmod(_SHARED)


def leads_away(folder: Path) -> bool:
    """Whether what is below a folder would be somewhere else: it is a symbolic link or, on Windows, a junction."""
    return folder.is_symlink() or (os.name == "nt" and folder.resolve().parent != folder.parent.resolve())


def _put_in_place(rendered: Path, target: Path, *, shared: bool) -> None:
    make_folder(target.parent, shared=shared)
    try:
        make_last(rendered, target)
    except FileNotFoundError:  # another worker has uploaded the last frame in the folder, and so removed it
        make_folder(target.parent, shared=shared)
        make_last(rendered, target)


def _check_signature(beginning: bytes, number: int, image_format: str) -> None:
    signatures = FORMATS[image_format].signatures
    if not beginning:
        raise FrameError(f"frame {number}: the file is empty")
    if signatures and not beginning.startswith(signatures):
        raise FrameError(f"frame {number}: the file is no {image_format}, it begins with {beginning[:8].hex(' ')}")
