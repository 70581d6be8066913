# SPDX-License-Identifier: GPL-3.0-or-later
"""Round trip: a file is cut into pieces, sent, and put together again out of what is here and what came."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from bender_worker_addon.pieces import bundle
from bender_worker_addon.pieces.bundle import Unpacking
from bender_worker_addon.pieces.manifest import Manifest
from bender_worker_addon.pieces.part import Part
from bender_worker_addon.pieces.shelf import Shelf

_LARGEST = 64 << 20  # bytes; larger ones are holes with a beginning and an end


def put_together(manifest: Manifest, part: Path, here: Shelf, source: Path) -> int:
    """Gives how many bytes came of the source. Fails unless the part is the source in the end."""
    came = 0
    made = Part(manifest, part)
    while lacking := made.lacking(here):
        unpacking = Unpacking(manifest)
        for some, _ in bundle.packed(source, manifest, lacking):
            came += len(some)
            made.write(unpacking.feed(some))
        unpacking.end()
    assert part.read_bytes() == source.read_bytes()
    return came


def all_come_back(folder: Path, scratch: Path) -> int:
    """Sends every blend in the folder, of those that are the same one; gives how many. Fails for one that is another
    then."""
    seen = set[bytes]()
    for blend in _blends_in(folder):
        content = b""
        with suppress(OSError):  # a test may have left what nobody can read
            content = blend.read_bytes()
        digest = hashlib.blake2b(content, digest_size=16).digest()
        if digest in seen:
            continue
        seen.add(digest)
        source, part = scratch / "source", scratch / "part"
        source.write_bytes(content)
        part.unlink(missing_ok=True)
        put_together(Manifest.of(source), part, Shelf([]), source)
    return len(seen)


def _blends_in(folder: Path) -> Iterator[Path]:
    for place, _, names in os.walk(folder):
        for blend in (Path(place, name) for name in names if name.endswith(".blend")):
            with suppress(OSError):
                if blend.is_file() and not blend.is_symlink() and blend.stat().st_size <= _LARGEST:
                    yield blend
