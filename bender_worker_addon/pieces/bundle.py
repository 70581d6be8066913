# SPDX-License-Identifier: GPL-3.0-or-later
"""Bundle: pieces on their way, and how they are asked for.

Of each, one after the other: its number, how many bytes follow (32 bits each, little-endian), and what it holds;
compressed by zlib (RFC 1950) if that is shorter than the piece."""

import struct
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from .manifest import Manifest

_HEAD = struct.Struct("<II")
_TOGETHER = 256 << 10  # bytes that go at once, at least
_SAMPLE, _PAYS = 4096, 0.7  # bytes that are tried; what may be left of them so that all is compressed
_QUICK, _WELL, _TABLES = 1, 3, 0.3  # levels of zlib; the second is as quick for what shrinks to this, as tables do


class NoBundle(ValueError):
    """What has come is none, or not of this file."""


def as_runs(numbers: Iterable[int]) -> list[list[int]]:
    """Ascending numbers of pieces as they are asked for in JSON: the first of each run, and how many it has."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and sum(runs[-1]) == number:
            runs[-1][1] += 1
        else:
            runs.append([number, 1])
    return runs


def in_runs(told: Any, *, of: int) -> list[int]:
    """The other way round; `of`: how many pieces there are. Raises ValueError for what can't be meant."""
    numbers: list[int] = []
    if not isinstance(told, list):
        raise ValueError("pieces are asked for as a list of runs")
    for run in told:
        if not (isinstance(run, list) and len(run) == 2 and all(type(number) is int for number in run)):
            raise ValueError("a run of pieces is its first number and how many it has")
        first, count = run
        if not (numbers[-1] if numbers else -1) < first < first + count <= of:
            raise ValueError(f"there are pieces from 0 to {of - 1}, and they are asked for in their order")
        numbers.extend(range(first, first + count))
    return numbers


def packed(path: Path, manifest: Manifest, numbers: Iterable[int]) -> Iterator[tuple[bytes, int]]:
    """A bundle of pieces of a file, part by part, each with how many bytes of the file it holds. Raises OSError, also
    if the file became shorter."""
    parts, size, held = [], 0, 0
    with path.open("rb") as file:
        for number in numbers:
            file.seek(manifest.offsets[number])
            content = file.read(manifest.lengths[number])
            if len(content) != manifest.lengths[number]:
                raise OSError(None, "it became shorter while it was read", str(path))
            short = _compressed(content)
            parts += [_HEAD.pack(number, len(short)), short]
            size, held = size + len(short), held + len(content)
            if size >= _TOGETHER:
                yield b"".join(parts), held
                parts, size, held = [], 0, 0
    if parts:
        yield b"".join(parts), held


class Unpacking:
    """A bundle that comes bit by bit. At most one piece, compressed, is held back."""

    def __init__(self, manifest: Manifest) -> None:
        self._manifest = manifest
        self._come = bytearray()

    def feed(self, more: bytes) -> Iterator[tuple[int, bytes]]:
        """The pieces that are complete now, by their numbers. Raises NoBundle."""
        self._come += more
        at = 0
        while len(self._come) - at >= _HEAD.size:
            number, stored = _HEAD.unpack_from(self._come, at)
            if number >= len(self._manifest) or stored > self._manifest.lengths[number]:
                raise NoBundle("these are no pieces of this file")
            begin = at + _HEAD.size
            if len(self._come) < begin + stored:
                break
            at = begin + stored
            yield number, _whole(bytes(self._come[begin:at]), self._manifest.lengths[number])
        del self._come[:at]

    def end(self) -> None:
        """Raises NoBundle if something of a piece is missing."""
        if self._come:
            raise NoBundle("the last piece is cut short")


def _compressed(content: bytes) -> bytes:
    share = len(zlib.compress(content[:_SAMPLE], _QUICK)) / len(content[:_SAMPLE])
    if share > _PAYS:
        return content
    short = zlib.compress(content, _WELL if share < _TABLES else _QUICK)
    return short if len(short) < len(content) else content


def _whole(stored: bytes, length: int) -> bytes:
    if len(stored) == length:
        return stored
    unpacking = zlib.decompressobj()
    try:
        content = unpacking.decompress(stored, length + 1)
    except zlib.error as error:
        raise NoBundle("a piece can't be unpacked") from error
    if len(content) != length:
        raise NoBundle("a piece is not as long as it should be")
    return content
