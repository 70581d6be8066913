# SPDX-License-Identifier: GPL-3.0-or-later
"""Plain pictures: those of 8 bits a channel and without alpha, by the first bytes of the file. Needs no Blender.

Sources: the PNG specification (W3C), 5 and 11; ITU-T T.81 (JPEG), B.
"""

from pathlib import Path
from typing import BinaryIO

_PNG, _JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8"
_GREY, _COLOR, _PALETTE = 0, 2, 3  # the kinds of PNG without a channel for alpha
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}  # the markers of JPEG that say what kind of picture it is


def is_plain(path: Path) -> bool:
    """Whether it is a PNG or a JPEG of that kind; of other formats, and of what can't be read, it is not said."""
    try:
        with path.open("rb") as file:
            beginning = file.read(8)
            if beginning == _PNG:
                return _png_is_plain(file)
            file.seek(2)
            return beginning.startswith(_JPEG) and _jpeg_is_plain(file)
    except (OSError, ValueError):
        return False


def _png_is_plain(file: BinaryIO) -> bool:
    """Any kind can have transparent colours too (tRNS), named before the picture's data."""
    while header := file.read(8):
        length, kind = int.from_bytes(header[:4], "big"), header[4:]
        if kind == b"IHDR":
            data = file.read(length)
            if len(data) < 10 or data[8] != 8 or data[9] not in (_GREY, _COLOR, _PALETTE):
                return False
            file.seek(4, 1)
        elif kind in (b"IDAT", b"tRNS"):
            return kind == b"IDAT"
        else:
            file.seek(length + 4, 1)
    return False


def _jpeg_is_plain(file: BinaryIO) -> bool:
    """Four components are for print, as CMYK."""
    while True:
        while (byte := file.read(1)) == b"\xff":
            pass
        marker, length = byte[0] if byte else 0, int.from_bytes(file.read(2), "big")
        if marker in _FRAMES:
            data = file.read(6)
            return len(data) == 6 and data[0] == 8 and data[5] in (1, 3)
        if length < 2:
            return False
        file.seek(length - 2, 1)
