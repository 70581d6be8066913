# SPDX-License-Identifier: GPL-3.0-or-later
"""Beside: pieces of files that are read, copied and hashed by several threads. None of that needs Python's lock."""

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

_THREADS = min(4, os.cpu_count() or 1)
_STRETCH = 8 << 20  # bytes that one of them has to do with: what a disk reads stays in a row

Piece = TypeVar("Piece")
Result = TypeVar("Result")


def side_by_side(
    work: Callable[[list[Piece]], Result], pieces: Iterable[Piece], *, length: Callable[[Piece], int]
) -> list[Result]:
    """What `work` gives for stretch after stretch of the pieces, in their order; `length`: how many bytes a piece has.
    Raises what `work` raises."""
    with ThreadPoolExecutor(_THREADS) as threads:
        return list(threads.map(work, _stretches(pieces, length)))


def _stretches(pieces: Iterable[Piece], length: Callable[[Piece], int]) -> Iterator[list[Piece]]:
    stretch: list[Piece] = []
    size = 0
    for piece in pieces:
        stretch.append(piece)
        size += length(piece)
        if size >= _STRETCH:
            yield stretch
            stretch, size = [], 0
    if stretch:
        yield stretch
