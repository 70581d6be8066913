# SPDX-License-Identifier: GPL-3.0-or-later
"""OpenEXR files that imbuf can't load, checked by their structure. The standard library only.

Source: "OpenEXR File Layout" of the OpenEXR documentation: a magic number, a version, one or more headers of
attributes, a table of chunk offsets for each header, chunks. A file that was cut off, or not closed, has offsets of
zero or chunks that end behind its end.
"""

import struct
from pathlib import Path
from typing import BinaryIO

_MAGIC = b"\x76\x2f\x31\x01"
_TILED, _MULTIPART = 0x200, 0x1000
_LINES = {0: 1, 1: 1, 2: 1, 3: 16, 4: 32, 5: 16, 6: 32, 7: 32, 8: 32, 9: 256, 10: 32, 11: 256}  # by compression

Attributes = dict[str, bytes]


def is_openexr(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == _MAGIC


def multilayer_size(path: Path) -> tuple[int, int] | None:
    """Width and height of a whole file with layers or views; None for one without, which imbuf can load.

    Raises ValueError if the file is not whole.
    """
    try:
        with path.open("rb") as file:
            return _multilayer_size(file)
    except (LookupError, struct.error) as error:
        raise ValueError("its header is damaged") from error


def texts_of(path: Path, *beginnings: str) -> dict[str, str]:
    """What a file says in those of its attributes whose names begin so, which have to be text. Raises ValueError if its
    header is damaged."""
    try:
        with path.open("rb") as file:
            file.seek(8)
            header = _header(file)
    except struct.error as error:
        raise ValueError("its header is damaged") from error
    return {name: value.decode("utf-8", "replace") for name, value in header.items() if name.startswith(beginnings)}


def _multilayer_size(file: BinaryIO) -> tuple[int, int] | None:
    file.seek(4)
    flags = struct.unpack("<I", _read(file, 4))[0]
    headers = _headers(file, multipart=bool(flags & _MULTIPART))
    if len(headers) == 1 and not _has_layers(headers[0]) and "multiView" not in headers[0]:
        return None
    if flags & _TILED:
        raise ValueError("it is tiled, which Blender's render output never is")
    _check_chunks(file, headers, multipart=bool(flags & _MULTIPART))
    left, bottom, right, top = _window(headers[0])
    return right - left + 1, top - bottom + 1


def _headers(file: BinaryIO, *, multipart: bool) -> list[Attributes]:
    headers = [_header(file)]
    while multipart and (header := _header(file)):
        headers.append(header)
    return headers


def _header(file: BinaryIO) -> Attributes:
    attributes: Attributes = {}
    while name := _string(file):
        _string(file)  # its type; those read here are of known types
        attributes[name] = _read(file, struct.unpack("<I", _read(file, 4))[0])
    return attributes


def _has_layers(header: Attributes) -> bool:
    """Whether a channel's name has a dot: `ViewLayer.Combined.R` against plain `R`."""
    return any(b"." in name for name in header["channels"].split(b"\0"))


def _check_chunks(file: BinaryIO, headers: list[Attributes], *, multipart: bool) -> None:
    counts = [_chunk_count(header) for header in headers]
    table = file.tell()
    end = file.seek(0, 2)
    if min(counts) < 0 or table + 8 * sum(counts) > end:
        raise ValueError("it is cut short: its table of contents is not complete")
    file.seek(table)
    offsets = struct.unpack(f"<{sum(counts)}Q", _read(file, 8 * sum(counts)))
    prefix = 4 if multipart else 0  # a part number
    for offset in offsets:
        if not 0 < offset < end:
            raise ValueError("it is cut short: a part of the picture is missing")
        file.seek(offset + prefix + 4)
        length = struct.unpack("<I", _read(file, 4))[0]
        if file.tell() + length > end:
            raise ValueError("it is cut short: a part of the picture is not complete")


def _chunk_count(header: Attributes) -> int:
    if "chunkCount" in header:
        count: int = struct.unpack("<i", header["chunkCount"])[0]
        return count
    _, bottom, _, top = _window(header)
    lines = _LINES[header["compression"][0]]
    return -(-(top - bottom + 1) // lines)


def _window(header: Attributes) -> tuple[int, int, int, int]:
    left, bottom, right, top = struct.unpack("<4i", header["dataWindow"])
    return left, bottom, right, top


def _string(file: BinaryIO) -> str:
    text = bytearray()
    while (character := _read(file, 1)) != b"\0":
        text += character
        if len(text) > 255:
            raise ValueError("its header is damaged")
    return text.decode("latin-1")


def _read(file: BinaryIO, length: int) -> bytes:
    content = file.read(length)
    if len(content) < length:
        raise ValueError("it is cut short")
    return content
