# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures compared by what they hold besides their headers, which have times in them. The standard library only."""

import struct
import zlib
from pathlib import Path


def pixels(path: Path) -> bytes:
    """All channels of all layers and views of an OpenEXR file or a PNG, packed or filtered as Blender does it: equal if
    and only if the pictures are. Raises ValueError for any other file."""
    content = path.read_bytes()
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return _of_png(content)
    magic, flags = struct.unpack_from("<4sI", content)
    if magic != b"\x76\x2f\x31\x01":
        raise ValueError(f"{path} is no OpenEXR file and no PNG")
    channels, place = _header(content, 8)
    while flags & 0x1000 and content[place]:  # it has parts
        more, place = _header(content, place)
        channels += more
    (first_chunk,) = struct.unpack_from("<Q", content, place + bool(flags & 0x1000))
    return channels + content[first_chunk:]


def _of_png(content: bytes) -> bytes:
    packed, place = b"", 8
    while place < len(content):
        length, kind = struct.unpack_from(">I4s", content, place)
        if kind == b"IDAT":
            packed += content[place + 8 : place + 8 + length]
        place += 12 + length
    return zlib.decompress(packed)


def _header(content: bytes, place: int) -> tuple[bytes, int]:
    """The names of its channels, and where it ends."""
    channels = b""
    while content[place]:
        name, place = _string(content, place)
        _, place = _string(content, place)  # its type
        (length,) = struct.unpack_from("<I", content, place)
        place += 4
        if name == b"channels":
            channels = content[place : place + length]
        place += length
    return channels, place + 1


def _string(content: bytes, place: int) -> tuple[bytes, int]:
    end = content.index(b"\0", place)
    return content[place:end], end + 1
