# SPDX-License-Identifier: GPL-3.0-or-later
"""Cutting: where a blend is cut so that most of its pieces are the same in the next version of it.

Source: Blender's `doc/blender_file_format` and `BLO_core_bhead.hh`: a header, then blocks, each with a header that says
how long it is. What large blocks hold (meshes, packed pictures) has no addresses in it and stays the same from one save
to the next. Whatever the file holds, its pieces put in a row are the file.
"""

import os
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO
from zlib import crc32

LARGEST = 4 << 20  # bytes of a piece

_ALONE = 16 << 10  # bytes from which on a block is a piece of its own
_RUN, _SHORTEST, _LONGEST = 16 << 10, 4 << 10, 64 << 10  # bytes of a run of smaller blocks: about, least, most
_UNKNOWN = 64 << 10  # bytes of a piece of what isn't understood, at least
_MARK = b"\x5b\xc3"  # where that is cut: one in 65 536 places of what is compressed
_WINDOW = 256 << 10  # bytes
_NESTED = 3  # blends in blends, as packed libraries are

_LEGACY = re.compile(rb"BLENDER([-_])([vV])[0-9]{3}")
_CURRENT = re.compile(rb"BLENDER17-01v[0-9]{4}")


@dataclass(frozen=True, slots=True)
class _Layout:
    """How long a file's header is, and what the header of a block is, which says how many bytes follow."""

    header: int
    block: struct.Struct


def cuts(file: BinaryIO) -> Iterator[int]:
    """The lengths of the pieces of a file that can be sought in: bytes, 1 to LARGEST, as many as it has in all."""
    size = file.seek(0, os.SEEK_END)
    yield from _cuts(_Window(file), 0, size, _NESTED)


def _cuts(window: "_Window", start: int, end: int, nested: int) -> Iterator[int]:
    layout = _layout(window.at(start, min(17, end - start)))
    if layout is None:
        yield from _unknown(window, start, end)
        return
    head, unpack = layout.block.size, layout.block.unpack_from
    begun, at = start, start + layout.header  # of the run; of the next block
    while at + head <= end:
        header = window.at(at, head)
        (length,) = unpack(header)
        after = at + head + length
        if length < 0 or after > end:
            break
        if length < _ALONE:
            run = after - begun
            # By the header alone: what is changed in a block moves no cut, and neither does a block that is inserted.
            if run >= _LONGEST or (run >= _SHORTEST and crc32(header) % _RUN < head + length):
                yield run
                begun = after
        else:
            yield at + head - begun
            if nested and window.at(at + head, 7) == b"BLENDER":
                yield from _cuts(window, at + head, after, nested - 1)
            else:
                yield from _even(length)
            begun = after
        at = after
    if at < end:
        yield from _unknown(window, begun, end)
    elif begun < end:
        yield end - begun


def _layout(beginning: bytes) -> _Layout | None:
    """None for what is no blend, or none that is not compressed."""
    if _CURRENT.match(beginning):
        return _Layout(17, struct.Struct("<16xq8x"))
    if found := _LEGACY.match(beginning):
        order = "<" if found[2] == b"v" else ">"
        return _Layout(12, struct.Struct(order + ("4xi16x" if found[1] == b"-" else "4xi12x")))
    return None


def _unknown(window: "_Window", start: int, end: int) -> Iterator[int]:
    """Cuts where what is there says so, so that what is inserted moves no cut but the next."""
    while start < end:
        at = _mark(window, min(start + _UNKNOWN, end), min(start + LARGEST, end))
        yield at - start
        start = at


def _mark(window: "_Window", at: int, end: int) -> int:
    """Behind the next mark, or the end."""
    while True:
        count = min(_WINDOW, end - at)
        found = window.at(at, count).find(_MARK)
        if found >= 0:
            return at + found + len(_MARK)
        if at + count == end:
            return end
        at += count - 1  # half of a mark may be its last byte


def _even(length: int) -> Iterator[int]:
    while length:
        yield min(length, LARGEST)
        length -= min(length, LARGEST)


class _Window:
    """A part of a file, which moves along with what is asked for."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._begin, self._content = 0, b""

    def at(self, place: int, count: int) -> bytes:
        """Raises EOFError if the file became shorter meanwhile."""
        begin = place - self._begin
        if begin < 0 or begin + count > len(self._content):
            self._file.seek(place)
            self._begin, self._content, begin = place, self._file.read(_WINDOW), 0
            if len(self._content) < count:
                raise EOFError("the file became shorter while it was read")
        return self._content[begin : begin + count]
