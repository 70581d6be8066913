# SPDX-License-Identifier: GPL-3.0-or-later
"""Bundle: pieces on their way, and how they are asked for.

In stretches, one after the other: how many pieces it has, how many bytes follow their numbers, and these numbers (32
bits each, little-endian); then what the pieces hold, in a row, compressed by zlib (RFC 1950) if that is shorter. Small
pieces go together: of what they have in common each by itself could make no use."""

import struct
import zlib
from array import array
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from .cutting import LARGEST
from .manifest import Manifest, little

_HEAD = struct.Struct("<II")
_NUMBER = 4  # bytes
_STRETCH = 256 << 10  # bytes of pieces that go together
_SAMPLE, _SAMPLES, _PAYS = 4096, 4, 0.7  # bytes that are tried in so many places; what may be left of them if it pays
_QUICK, _WELL = (
    1,
    3,
)  # levels of zlib; the second is for small blocks: it makes a fifth less of these and nothing of meshes
_BITS, _MEMORY = 15, 9  # of zlib's window, and how much memory it may take
_BESIDE, _AHEAD = 2, 4  # threads that compress; stretches that are ready before they are asked for


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
    """A bundle of pieces of a file, stretch by stretch, each with how many bytes of the file it holds. The next ones
    are compressed meanwhile. Raises OSError, also if the file became shorter."""
    coming: deque[Future[tuple[bytes, int]]] = deque()
    with path.open("rb") as file, ThreadPoolExecutor(_BESIDE) as beside:
        for some in _together(manifest, numbers):
            parts = []
            for number in some:
                file.seek(manifest.offsets[number])
                parts.append(file.read(manifest.lengths[number]))
                if len(parts[-1]) != manifest.lengths[number]:
                    raise OSError(None, "it became shorter while it was read", str(path))
            coming.append(beside.submit(_stretch, some, b"".join(parts)))
            if len(coming) > _AHEAD:
                yield coming.popleft().result()
        while coming:
            yield coming.popleft().result()


class Unpacking:
    """A bundle that comes bit by bit. At most one stretch is held back."""

    def __init__(self, manifest: Manifest) -> None:
        self._manifest = manifest
        self._come = bytearray()

    def feed(self, more: bytes) -> Iterator[tuple[int, bytes]]:
        """The pieces that are complete now, by their numbers. Raises NoBundle."""
        self._come += more
        at = 0
        while len(self._come) - at >= _HEAD.size:
            count, stored = _HEAD.unpack_from(self._come, at)
            begin = at + _HEAD.size + count * _NUMBER
            if not 0 < count <= len(self._manifest) or stored > LARGEST:
                raise NoBundle("these are no pieces of this file")
            if len(self._come) < begin + stored:
                break
            numbers = little(array("I", bytes(self._come[at + _HEAD.size : begin])))
            at = begin + stored
            yield from self._pieces(numbers, bytes(self._come[begin:at]))
        del self._come[:at]

    def end(self) -> None:
        """Raises NoBundle if something of a piece is missing."""
        if self._come:
            raise NoBundle("the last piece is cut short")

    def _pieces(self, numbers: "array[int]", stored: bytes) -> Iterator[tuple[int, bytes]]:
        if max(numbers) >= len(self._manifest):
            raise NoBundle("these are no pieces of this file")
        lengths = [self._manifest.lengths[number] for number in numbers]
        content, at = _whole(stored, sum(lengths)), 0
        for number, length in zip(numbers, lengths, strict=True):
            yield number, content[at : at + length]
            at += length


def _together(manifest: Manifest, numbers: Iterable[int]) -> Iterator["array[int]"]:
    """The pieces of each stretch: several small ones, or one."""
    some, size = array("I"), 0
    for number in numbers:
        length = manifest.lengths[number]
        if some and size + length > _STRETCH:
            yield some
            some, size = array("I"), 0
        some.append(number)
        size += length
    if some:
        yield some


def _stretch(numbers: "array[int]", content: bytes) -> tuple[bytes, int]:
    short = _compressed(content, _WELL if len(numbers) > 1 else _QUICK)
    return b"".join((_HEAD.pack(len(numbers), len(short)), little(numbers).tobytes(), short)), len(content)


def _compressed(content: bytes, level: int) -> bytes:
    step = max(_SAMPLE, len(content) // _SAMPLES)
    sample = b"".join(content[at : at + _SAMPLE] for at in range(0, len(content), step))
    if len(zlib.compress(sample, _QUICK)) > _PAYS * len(sample):
        return content
    packing = zlib.compressobj(level, zlib.DEFLATED, _BITS, _MEMORY)
    short = packing.compress(content) + packing.flush()
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
