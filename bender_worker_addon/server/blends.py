# SPDX-License-Identifier: GPL-3.0-or-later
"""Blends: those of the farm's jobs as rows of pieces: what a new one has in common with them, and what workers need to
put one together. Its methods block; any thread may call them."""

import logging
import os
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from ..pieces import shelf
from ..pieces.manifest import Manifest, NoManifest
from ..pieces.part import Part
from ..pieces.shelf import Shelf
from ..system.durable import make_durable
from ..system.files import remove

log = logging.getLogger(__name__)

_LOOKED_THROUGH = 200  # jobs, the ones in which something has changed last
_REMEMBERED = 8  # files that are being put together, each with what is known of its pieces
_AT_ONCE = 64  # files that are put together or cut up


class Blends:
    """`folder`: that of the jobs, a folder each."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._arriving: OrderedDict[Path, Part] = OrderedDict()  # the one last that was heard of last
        self._known = threading.Lock()  # for those
        self._turns = [threading.Lock() for _ in range(_AT_ONCE)]  # one for each file; others may have the same

    def manifest(self, blend: Path) -> Manifest:
        """That of a job's blend; made now if it came as a whole. Raises OSError."""
        with self._turn(blend):
            manifest = shelf.kept(blend)
            if manifest is None:
                manifest = Manifest.of(blend)
                try:
                    shelf.keep(blend, manifest)
                except OSError as error:
                    log.warning("the pieces of %s can't be noted: %s", blend, error.strerror or error)
            return manifest

    def is_begun(self, place: Path, id: str) -> bool:
        """Whether something has come of a file that is to be at `place`: its room is taken."""
        return _part(place, id).exists()

    def announce(self, place: Path, manifest: Manifest) -> list[int]:
        """Puts a file that is to be at `place` together, as far as can be. Gives the numbers of the pieces that must be
        sent; when there are none it is there. Raises OSError."""
        part = _part(place, manifest.id)
        with self._turn(place):
            if not part.exists() and shelf.kept(place) == manifest:
                return []  # it was told before, but the answer was lost
            place.parent.mkdir(parents=True, exist_ok=True)
            shelf.keep(part, manifest)
            lacking = self._part(part, manifest).lacking(Shelf(self._blends()))
            if not lacking:
                with self._known:
                    self._arriving.pop(part, None)
                shelf.forget(place)
                make_durable(part, place)
                shelf.keep(place, manifest)
                for other in (_part(place, "*"), shelf.manifest_file(_part(place, "*"))):
                    for left in place.parent.glob(other.name):
                        remove(left)
            return lacking

    def comes_whole(self, place: Path) -> None:
        """What was known of an earlier file there counts no more. Raises OSError."""
        shelf.forget(place)

    def arriving(self, place: Path, id: str) -> tuple[Manifest, Part] | None:
        """What was announced, to be written to; None if nothing was, or if it has come."""
        part = _part(place, id)
        manifest = shelf.kept(part)
        return None if manifest is None else (manifest, self._part(part, manifest))

    def _part(self, path: Path, manifest: Manifest) -> Part:
        """One that is known still: what was seen to be right in it need not be looked at again."""
        with self._known:
            part = self._arriving.pop(path, None) or Part(manifest, path)
            self._arriving[path] = part
            while len(self._arriving) > _REMEMBERED:
                self._arriving.popitem(last=False)
            return part

    def _blends(self) -> Iterator[Path]:
        """Those whose pieces are known, the ones first that somebody has to do with now."""
        for job in _newest(self._folder)[:_LOOKED_THROUGH]:
            with suppress(OSError):
                yield from map(shelf.blend_of, job.glob(shelf.manifest_file(Path("*")).name))

    def _turn(self, file: Path) -> threading.Lock:
        return self._turns[hash(file) % len(self._turns)]


def read_manifest(told: bytes, id: str) -> Manifest:
    """Raises NoManifest, also for one of another id."""
    manifest = Manifest.from_bytes(told)
    if manifest.id != id:
        raise NoManifest("the manifest of pieces is another than was told")
    return manifest


def _newest(folder: Path) -> list[Path]:
    found = []
    with suppress(FileNotFoundError), os.scandir(folder) as jobs:
        for job in jobs:
            if not job.name.startswith("."):
                with suppress(OSError):
                    found.append((job.stat().st_mtime, job.path))
    return [Path(path) for _, path in sorted(found, reverse=True)]


def _part(place: Path, id: str) -> Path:
    """Where it is until it is whole: each has its own, or of two that are sent to one place none would ever be."""
    return place.with_name(f".{place.name}.{id[:16]}.part")
