# SPDX-License-Identifier: GPL-3.0-or-later
"""Shelf: the blends that are here, and which pieces stand where in them. There is no second store: beside a blend lies
its manifest, and goes when it goes."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ..system.files import move, remove
from .manifest import Manifest, NoManifest

_MOST = 64 << 20  # bytes of manifests that are looked through


@dataclass(frozen=True, slots=True)
class Place:
    """Where a piece should be: so the manifest beside that file says, and nobody believes it without a look."""

    path: Path
    offset: int


class Shelf:
    """`blends`: those there may be, the one first that is looked through first."""

    def __init__(self, blends: Iterable[Path]) -> None:
        self._blends = blends

    def find(self, wanted: set[bytes]) -> dict[bytes, Place]:
        """Where pieces of these hashes are; those that are nowhere are left out."""
        left, found = set(wanted), dict[bytes, Place]()
        for blend, manifest in self._manifests():
            here = left.intersection(manifest.each_hash())
            if here:
                for hash, offset in zip(manifest.each_hash(), manifest.offsets, strict=True):
                    if hash in here:
                        found[hash] = Place(blend, offset)
                left -= here
            if not left:
                break
        return found

    def _manifests(self) -> Iterator[tuple[Path, Manifest]]:
        size = 0
        for blend in self._blends:
            size += _size(manifest_file(blend))
            if size > _MOST:
                return
            manifest = kept(blend)
            if manifest is not None:
                yield blend, manifest


def manifest_file(blend: Path) -> Path:
    return blend.with_name(f".{blend.name}.pieces")


def blend_of(manifest: Path) -> Path:
    """The other way round."""
    return manifest.with_name(manifest.name.removeprefix(".").removesuffix(".pieces"))


def keep(blend: Path, manifest: Manifest) -> None:
    """Lays it beside the blend, which is whole. Raises OSError."""
    file = manifest_file(blend)
    fresh = file.with_name(f"{file.name}.part")
    try:
        fresh.write_bytes(manifest.to_bytes())
        move(fresh, file)
    except OSError:
        with suppress(OSError):
            remove(fresh)
        raise


def follow(blend: Path, to: Path) -> None:
    """Its manifest goes where the blend has gone, if there is one. Raises OSError."""
    with suppress(FileNotFoundError):
        move(manifest_file(blend), manifest_file(to))


def kept(blend: Path) -> Manifest | None:
    """The manifest that lies beside it; None if none does, or another's."""
    with suppress(OSError, NoManifest):
        manifest = Manifest.from_bytes(manifest_file(blend).read_bytes())
        return manifest if manifest.size == blend.stat().st_size else None
    return None


def forget(blend: Path) -> None:
    """For who replaces or removes the blend. Raises OSError."""
    remove(manifest_file(blend))


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0
