# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a file is a blend, and a whole one. Looks at the file's structure, needs no Blender.

Source: Blender's `doc/blender_file_format`: a header that begins with `BLENDER`, blocks, the last of them `ENDB`;
compressed as a whole by gzip (up to 2.9x) or zstd (from 3.0; RFC 8878).
"""

import gzip
import os
import zlib
from pathlib import Path
from typing import BinaryIO

from ...core.errors import BlendError, Remedy

_GZIP, _ZSTD, _BLENDER = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"BLENDER"
LOOKED_AT = 512  # bytes that show what something is
_PAGE = (b"<!doctype html", b"<html", b"<head", b"<?xml", b"<!--")
_PIECE = 1 << 20  # bytes


def check_blend(path: Path) -> None:
    """Raises BlendError unless the file is a blend (plain, gzip or zstd) that has its end."""
    with path.open("rb") as file:
        beginning = file.read(8)
        file.seek(0)
        if beginning.startswith(_BLENDER):
            whole = _ends_with_endb(file)
        elif beginning.startswith(_GZIP):
            whole = _gzip_is_whole(file)
        elif beginning.startswith(_ZSTD):
            whole = _zstd_is_whole(file)
        else:
            raise BlendError(f"what flaskbender sent is not a blend, it begins with {beginning!r}", Remedy.NONE)
    if not whole:
        raise BlendError("the blend is cut short or damaged", Remedy.RETRY)


def begins_as_blend(beginning: bytes) -> bool:
    """Whether a file with this beginning may be a blend."""
    return beginning.startswith((_BLENDER, _GZIP, _ZSTD))


def begins_as_page(path: Path) -> bool:
    """Whether the file is a web page, by its looks."""
    with path.open("rb") as file:
        return looks_like_page(file.read(LOOKED_AT))


def looks_like_page(beginning: bytes) -> bool:
    return beginning.removeprefix(b"\xef\xbb\xbf").lstrip().lower().startswith(_PAGE)


def _ends_with_endb(file: BinaryIO) -> bool:
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - 64))
    return b"ENDB" in file.read()


def _gzip_is_whole(file: BinaryIO) -> bool:
    """Unpacks it all: the checksum stands at the end."""
    try:
        with gzip.open(file) as unpacked:
            beginning = unpacked.read(len(_BLENDER))
            last = b""
            while piece := unpacked.read(_PIECE):
                last = (last + piece)[-64:]
    except (EOFError, gzip.BadGzipFile, zlib.error):
        return False
    if beginning != _BLENDER:
        raise BlendError("what flaskbender sent is a gzip file, but no blend in it", Remedy.NONE)
    return b"ENDB" in last


def _zstd_is_whole(file: BinaryIO) -> bool:
    """Walks over frames and blocks without unpacking them (RFC 8878, 3.1): each says how long it is."""
    end = file.seek(0, os.SEEK_END)
    file.seek(0)
    while file.tell() < end:
        magic = file.read(4)
        if len(magic) == 4 and 0x184D2A50 <= int.from_bytes(magic, "little") <= 0x184D2A5F:
            length = file.read(4)
            if len(length) < 4:
                return False
            file.seek(int.from_bytes(length, "little"), os.SEEK_CUR)
        elif magic != _ZSTD or not _skip_zstd_frame(file):
            return False
    return file.tell() == end


def _skip_zstd_frame(file: BinaryIO) -> bool:
    descriptor = file.read(1)
    if not descriptor:
        return False
    flags = descriptor[0]
    single_segment = flags >> 5 & 1
    size_length = (1 if single_segment else 0, 2, 4, 8)[flags >> 6]
    file.seek((0 if single_segment else 1) + (0, 1, 2, 4)[flags & 3] + size_length, os.SEEK_CUR)
    last = False
    while not last:
        header = file.read(3)
        if len(header) < 3:
            return False
        block = int.from_bytes(header, "little")
        last, kind, length = bool(block & 1), block >> 1 & 3, block >> 3
        file.seek(1 if kind == 1 else length, os.SEEK_CUR)
    file.seek(4 if flags & 4 else 0, os.SEEK_CUR)
    return True
