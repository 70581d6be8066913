# SPDX-License-Identifier: GPL-3.0-or-later
"""Part: a file that is being put together out of pieces, some from files that are here, the rest from elsewhere. Each
counts only when its hash has been seen to be right."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from io import FileIO
from itertools import groupby
from pathlib import Path

from ..system.copying import copy_range
from ..system.durable import on_its_way
from .beside import side_by_side
from .bundle import NoBundle
from .manifest import Manifest, hash_at, hash_of
from .shelf import Place, Shelf


class Part:
    """What is at `path` already may be the same part, from before a break. All methods may raise OSError."""

    def __init__(self, manifest: Manifest, path: Path) -> None:
        self._manifest = manifest
        self._path = path
        self._proven = bytearray(len(manifest))  # 1 for each piece that is in its place
        self._same: dict[bytes, list[int]] = {}  # the numbers of all pieces, by their hash
        for number, hash in enumerate(manifest.each_hash()):
            self._same.setdefault(hash, []).append(number)

    def lacking(self, shelf: Shelf) -> list[int]:
        """The numbers of pieces that must come from elsewhere, ascending; none when the file is whole and proven. Of
        pieces that are the same one is named."""
        if self._has_begun():
            self._prove(number for number, proven in enumerate(self._proven) if not proven)
        else:
            self._proven = bytearray(len(self._manifest))
        if self.left:
            self._take_from(shelf)
        return self.left

    def write(self, pieces: Iterable[tuple[int, bytes]]) -> None:
        """Puts pieces that have come, by their numbers, where they belong. Raises NoBundle for one that is not what it
        should be."""
        with self._path.open("r+b", buffering=0) as file:
            for number, content in pieces:
                hash = hash_of(content)
                if hash != self._manifest.hash(number):
                    raise NoBundle("a piece is not what it was said to be")
                for same in self._same[hash]:
                    if not self._proven[same]:
                        self._put(file, same, content)

    @property
    def left(self) -> list[int]:
        """What is lacking and has not come yet."""
        unproven = (
            next((number for number in numbers if not self._proven[number]), -1) for numbers in self._same.values()
        )
        return sorted(number for number in unproven if number >= 0)

    def _put(self, file: FileIO, number: int, content: bytes) -> None:
        file.seek(self._manifest.offsets[number])
        view = memoryview(content)
        while view:
            view = view[file.write(view) :]
        self._proven[number] = 1

    def _has_begun(self) -> bool:
        """Makes room for the whole, if nothing has come."""
        size = self._manifest.size
        with suppress(FileNotFoundError):
            if self._path.stat().st_size == size:
                return True
        with self._path.open("wb") as file:
            file.truncate(size)
        return False

    def _prove(self, numbers: Iterable[int]) -> None:
        """Reads what is in the place of these pieces."""
        side_by_side(self._look_at, numbers, length=self._manifest.lengths.__getitem__)

    def _look_at(self, numbers: Iterable[int]) -> None:
        whole = self._manifest
        with self._path.open("rb", buffering=0) as file:
            for number in numbers:
                found = hash_at(file, whole.offsets[number], whole.lengths[number])
                self._proven[number] = found == whole.hash(number)

    def _take_from(self, shelf: Shelf) -> None:
        """What other files have, as they say."""
        found = shelf.find({self._manifest.hash(number) for number in self.left})
        places = sorted((number, found[hash]) for hash in found for number in self._same[hash])
        with on_its_way(self._path):
            side_by_side(self._copy, places, length=lambda one: self._manifest.lengths[one[0]])

    def _copy(self, places: Sequence[tuple[int, Place]]) -> None:
        """What is copied is looked at while it is still near."""
        with self._path.open("r+b", buffering=0) as target:
            for path, pieces in groupby(places, lambda one: one[1].path):
                with suppress(FileNotFoundError), path.open("rb", buffering=0) as source:
                    for begin, at, count in self._runs(pieces):
                        copy_range(source, begin, target, at, count)
        self._look_at(number for number, _ in places)

    def _runs(self, pieces: Iterable[tuple[int, Place]]) -> Iterator[tuple[int, int, int]]:
        """From where to where, and how many bytes: pieces that stand in a row here and there are copied as one."""
        begin = at = count = 0
        for number, place in pieces:
            offset, length = self._manifest.offsets[number], self._manifest.lengths[number]
            if (begin + count, at + count) != (place.offset, offset):
                if count:
                    yield begin, at, count
                begin, at, count = place.offset, offset, 0
            count += length
        if count:
            yield begin, at, count
