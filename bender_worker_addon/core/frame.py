# SPDX-License-Identifier: GPL-3.0-or-later
"""A frame: the formats it may have, how its file is called, what is known of it once it is stored."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .other_files import OtherFile


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
    "WEBP": Format("webp", "WEBP", (b"RIFF",)),
    "IRIS": Format("rgb", "IRIS", (b"\x01\xda",)),
    "AVIF": Format("avif", "AVIF", ()),
}
"""RNA identifier of each still format a task may ask for (Blender's `image_settings.file_format`)."""

_NAME = re.compile(rf"[0-9]{{6}}\.({'|'.join(sorted({kind.extension for kind in FORMATS.values()}))})", re.ASCII)


@dataclass(frozen=True, slots=True)
class StoredFrame:
    """A frame in its place: `size` in bytes, `hash` the Blake2b-512 of the file in lower-case hex. `others`: what was
    written with it, in the same folder."""

    number: int
    path: Path
    size: int
    hash: str
    others: "tuple[OtherFile, ...]" = ()

    @property
    def alone(self) -> "StoredFrame":
        return replace(self, others=())


def frame_name(number: int, image_format: str) -> str:
    """`000121.png`: six digits and the format's extension, as the farm names frames."""
    return f"{number:06d}.{FORMATS[image_format].extension}"


def is_frame_name(name: str) -> bool:
    """Whether a file of this name can be a frame."""
    return _NAME.fullmatch(name) is not None


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
