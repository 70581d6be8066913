# SPDX-License-Identifier: GPL-3.0-or-later
"""OpenEXR files compared by what they hold besides their header, which has times in it. The standard library only."""

import struct
from pathlib import Path


def pixels(path: Path) -> bytes:
    """All channels of all layers and views, packed as Blender packs them: equal if and only if the pictures are, for
    files with the same channels. Raises ValueError if it is no OpenEXR file of one part."""
    content = path.read_bytes()
    magic, flags = struct.unpack_from("<4sI", content)
    if magic != b"\x76\x2f\x31\x01" or flags & 0x1000:
        raise ValueError(f"{path} is no OpenEXR file of one part")
    place, channels = 8, b""
    while content[place]:
        name, place = _string(content, place)
        _, place = _string(content, place)  # its type
        (length,) = struct.unpack_from("<I", content, place)
        if name == b"channels":
            channels = content[place + 4 : place + 4 + length]
        place += 4 + length
    (first_chunk,) = struct.unpack_from("<Q", content, place + 1)
    return channels + content[first_chunk:]


def _string(content: bytes, place: int) -> tuple[bytes, int]:
    end = content.index(b"\0", place)
    return content[place:end], end + 1
