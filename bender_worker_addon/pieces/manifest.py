# SPDX-License-Identifier: GPL-3.0-or-later
"""Manifest: which pieces, in a row, are a file; with the hash of each it says of every byte what it must be."""

import hashlib
import struct
import sys
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from io import FileIO
from itertools import accumulate
from operator import itemgetter
from pathlib import Path

from .beside import side_by_side
from .cutting import LARGEST, cuts

MEDIA_TYPE = "application/vnd.bender.pieces"
HASH = 32  # bytes: Blake2b-256
MOST = 64 << 20  # bytes that one has when it travels
WORTH_IT = 1 << 20  # bytes that a file must have to be cut up

_MAGIC = b"BENDER-PIECES-1\n"
_COUNT = struct.Struct("<I")
_ENTRY = HASH + 4  # bytes
_READ = 256 << 10  # bytes at a time: a processor has room for them close by


class NoManifest(ValueError):
    """What should be one is none, or has been damaged."""


@dataclass(frozen=True)
class Manifest:
    """`lengths`: bytes of the pieces, in their order; `hashes`: those of the pieces, one behind the other."""

    lengths: "array[int]"
    hashes: bytes
    offsets: "array[int]" = field(init=False, repr=False, compare=False)
    size: int = field(init=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "offsets", array("Q", accumulate(self.lengths[:-1], initial=0)))
        object.__setattr__(self, "size", sum(self.lengths))

    def __len__(self) -> int:
        return len(self.lengths)

    def hash(self, number: int) -> bytes:
        """That of the piece of that number; they are counted from 0."""
        return self.hashes[number * HASH : (number + 1) * HASH]

    def each_hash(self) -> Iterator[bytes]:
        return (self.hashes[at : at + HASH] for at in range(0, len(self.hashes), HASH))

    def to_bytes(self) -> bytes:
        """`_MAGIC`, the number of pieces (32 bits, little-endian as all of it), their hashes, their lengths (32 bits
        each), and the Blake2b-256 of all that."""
        told = b"".join((_MAGIC, _COUNT.pack(len(self)), self.hashes, little(self.lengths).tobytes()))
        return told + hash_of(told)

    @property
    def id(self) -> str:
        """Another for any other file."""
        return self.to_bytes()[-HASH:].hex()

    @staticmethod
    def from_bytes(told: bytes) -> "Manifest":
        """Raises NoManifest."""
        head = len(_MAGIC) + _COUNT.size
        if not told.startswith(_MAGIC) or len(told) < head + HASH:
            raise NoManifest("this is no manifest of pieces")
        (count,) = _COUNT.unpack_from(told, len(_MAGIC))
        if len(told) != head + count * _ENTRY + HASH or told[-HASH:] != hash_of(told[:-HASH]):
            raise NoManifest("the manifest of pieces is damaged")
        lengths = little(array("I", told[head + count * HASH : -HASH]))
        if count and not 1 <= min(lengths) <= max(lengths) <= LARGEST:
            raise NoManifest(f"a piece has 1 to {LARGEST} bytes")
        return Manifest(lengths, told[head : head + count * HASH])

    @staticmethod
    def of(path: Path) -> "Manifest":
        """Cuts up a file. Raises OSError if it can't be read, or is changed meanwhile."""
        try:
            with path.open("rb") as file:
                lengths = array("I", cuts(file))
        except EOFError as error:
            raise OSError(None, str(error), str(path)) from error
        places = zip(accumulate(lengths, initial=0), lengths, strict=False)
        hashes = side_by_side(partial(_hashes_at, path), places, length=itemgetter(1))
        return Manifest(lengths, b"".join(hashes))


def hash_of(content: "bytes | memoryview") -> bytes:
    return hashlib.blake2b(content, digest_size=HASH).digest()


def hash_at(file: FileIO, offset: int, length: int) -> bytes:
    """That of a piece in a file. Where the file ends before, it is shorter."""
    file.seek(offset)
    hash, buffer = hashlib.blake2b(digest_size=HASH), memoryview(bytearray(min(length, _READ)))
    while length and (count := file.readinto(buffer[:length])):
        hash.update(buffer[:count])
        length -= count
    return hash.digest()


def _hashes_at(path: Path, places: Iterable[tuple[int, int]]) -> bytes:
    """`places`: offsets and lengths."""
    with path.open("rb", buffering=0) as file:
        return b"".join(hash_at(file, *place) for place in places)


def little(numbers: "array[int]") -> "array[int]":
    """As they travel, or the other way round."""
    if sys.byteorder == "little":
        return numbers
    turned = array(numbers.typecode, numbers)
    turned.byteswap()
    return turned
