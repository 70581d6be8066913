# SPDX-License-Identifier: GPL-3.0-or-later
"""Part: a file that is being put together out of pieces, some from files that are here, the rest from elsewhere. It is
proven by the hashes of all its pieces, as they stand on the disk, before it counts."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import groupby
from pathlib import Path

from ..system.copying import copy_range
from .manifest import Manifest, hashes_in
from .shelf import Place, Shelf


class Part:
    """What is at `path` already may be the same part, from before a break. All methods may raise OSError."""

    def __init__(self, manifest: Manifest, path: Path) -> None:
        self._manifest = manifest
        self._path = path
        self._same: dict[bytes, list[int]] | None = None  # the numbers of pieces that are lacking, by their hash

    def lacking(self, shelf: Shelf) -> list[int]:
        """The numbers of pieces that must come from elsewhere, ascending; none when the file is whole and proven. Of
        pieces that are the same one is named."""
        lacking = self._by_hash(self._wrong() if self._has_begun() else range(len(self._manifest)))
        if lacking:
            self._take_from(shelf, lacking)
            if not lacking:
                lacking = self._by_hash(self._wrong())
        self._same = lacking
        return self.left

    def write(self, pieces: Iterable[tuple[int, bytes]]) -> None:
        """Puts pieces that have come, by their numbers, where they belong. They are not looked at: `lacking` does."""
        if self._same is None:
            self._same = self._by_hash(range(len(self._manifest)))
        with self._path.open("r+b", buffering=0) as file:
            for number, content in pieces:
                for same in self._same.pop(self._manifest.hash(number), [number]):
                    file.seek(self._manifest.offsets[same])
                    view = memoryview(content)
                    while view:
                        view = view[file.write(view) :]

    @property
    def left(self) -> list[int]:
        """What of what was lacking has not come yet."""
        return sorted(numbers[0] for numbers in (self._same or {}).values())

    def _by_hash(self, numbers: Iterable[int]) -> dict[bytes, list[int]]:
        same: dict[bytes, list[int]] = {}
        for number in numbers:
            same.setdefault(self._manifest.hash(number), []).append(number)
        return same

    def _has_begun(self) -> bool:
        """Makes room for the whole, if nothing has come."""
        size = self._manifest.size
        with suppress(FileNotFoundError):
            if self._path.stat().st_size == size:
                return True
        with self._path.open("wb") as file:
            file.truncate(size)
        return False

    def _wrong(self) -> list[int]:
        with self._path.open("rb") as file:
            pairs = zip(hashes_in(file, self._manifest.lengths), self._manifest.each_hash(), strict=True)
            return [number for number, (there, wanted) in enumerate(pairs) if there != wanted]

    def _take_from(self, shelf: Shelf, lacking: dict[bytes, list[int]]) -> None:
        """Copies what other files have, as they say; it is lacking no more."""
        found = shelf.find(set(lacking))
        numbers = sorted((number, hash) for hash in found for number in lacking.pop(hash))
        with self._path.open("r+b", buffering=0) as target:
            for path, pieces in groupby(((number, found[hash]) for number, hash in numbers), lambda one: one[1].path):
                with suppress(FileNotFoundError), path.open("rb", buffering=0) as source:
                    for begin, at, count in self._runs(pieces):
                        copy_range(source, begin, target, at, count)

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
