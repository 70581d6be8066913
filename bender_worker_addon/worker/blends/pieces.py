# SPDX-License-Identifier: GPL-3.0-or-later
"""Pieces: a blend from a farm of `serve` as far as possible out of the blends that are here; only what they lack of it
is downloaded. What breaks off goes on, also with the next try."""

import logging
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path

from ...core import retry
from ...core.errors import BlendError, Remedy
from ...pieces import bundle, manifest, shelf
from ...pieces.bundle import NoBundle, Unpacking
from ...pieces.manifest import MEDIA_TYPE, Manifest, NoManifest
from ...pieces.part import Part
from ...pieces.shelf import Shelf
from .download import pieces_of
from .http_client import Answer, HttpClient, NoAnswer

log = logging.getLogger(__name__)

_ROUNDS = 3  # of all that is lacking; what is wrong then always will be
_AT_ONCE = 100_000  # runs of pieces that are asked for in one request
_WRITTEN = 1 << 20  # bytes that have come when they are written


class OtherBlend(Exception):
    """What was told of the blend doesn't fit what was sent."""


class PieceDownload:
    """Of the blend at `url`, into the file `part`."""

    def __init__(self, http: HttpClient, url: str, part: Path, *, blends: Path) -> None:
        """`blends`: the folder of those that are here."""
        self._http = http
        self._url = url
        self._path = part
        self._blends = blends

    def run(self) -> bool:
        """Whether the blend is there now; else it is to be downloaded as a whole. Raises NoAnswer, BlendError; OSError
        if it can't be written."""
        told = self._manifest()
        if told is None:
            return False
        try:
            self._put_together(told, Part(told, self._path))
        except OtherBlend as error:
            log.warning("%s; the blend is downloaded as a whole", error)
            return False
        shelf.keep(self._path, told)
        return True

    def _manifest(self) -> Manifest | None:
        """None from a server that has none to tell of this blend; what it says then is of no interest here."""
        headers = {"Accept": f"{MEDIA_TYPE}, */*;q=0.5", "Range": "bytes=0-0", "Accept-Encoding": "identity"}
        with self._http.get(self._url, headers=headers) as answer:
            if answer.status != HTTPStatus.OK or answer.header("Content-Type") != MEDIA_TYPE:
                return None
            come = bytearray()
            for piece in pieces_of(answer):
                come += piece
                if len(come) > manifest.MOST:
                    return None
        with suppress(NoManifest):
            return Manifest.from_bytes(bytes(come))
        return None

    def _put_together(self, whole: Manifest, part: Part) -> None:
        self._see_if_there_is_room(whole)
        here = Shelf(blends_in(self._blends))
        for _ in range(_ROUNDS):
            lacking = part.lacking(here)
            if not lacking:
                return
            size = sum(whole.lengths[number] for number in lacking)
            log.info("of %.1f MB of the blend %.1f MB are not here yet", whole.size / 1e6, size / 1e6)
            self._persistently(lambda: self._get(whole, part), part)
        raise OtherBlend("what the farm sends of the blend is not what it said it is")

    def _persistently(self, get: Callable[[], None], part: Part) -> None:
        failures = 0
        while left := len(part.left):
            try:
                get()
            except NoAnswer:
                failures = failures + 1 if len(part.left) == left else 0
                wait = retry.RESUMES.again_in(Remedy.RETRY, failures)
                if wait is None:
                    raise
                time.sleep(wait)

    def _get(self, whole: Manifest, part: Part) -> None:
        runs = bundle.as_runs(part.left)[:_AT_ONCE]
        with self._http.ask(f"{self._url}/pieces", {"of": whole.id, "pieces": runs}) as answer:
            if answer.status in (HTTPStatus.CONFLICT, HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND):
                raise OtherBlend("the farm has another blend now than when it was asked for first")
            if answer.status != HTTPStatus.OK:
                text = f"the farm could not serve the blend ({answer.status})"
                raise BlendError(text, Remedy.WAIT, retry_after=answer.retry_after)
            unpacking = Unpacking(whole)
            try:
                for come in _together(answer):
                    part.write(unpacking.feed(come))
                unpacking.end()
            except NoBundle as error:
                raise OtherBlend(f"what the farm sends of the blend can't be understood: {error}") from error

    def _see_if_there_is_room(self, whole: Manifest) -> None:
        with suppress(FileNotFoundError):
            if self._path.stat().st_size == whole.size:
                return  # it has its room already
        if whole.size > shutil.disk_usage(self._path.parent).free:
            text = f"the blend has {whole.size / 1e9:.1f} GB, more than are free in {self._path.parent}"
            raise BlendError(text, Remedy.ELSEWHERE)


def blends_in(folder: Path) -> Iterator[Path]:
    """Those whose pieces are known, the one that was used last first."""
    found = []
    for pattern in (shelf.manifest_file(Path("*")).name, f"*/{shelf.manifest_file(Path('*')).name}"):
        with suppress(OSError):
            for blend in map(shelf.blend_of, folder.glob(pattern)):
                with suppress(OSError):
                    found.append((blend.stat().st_mtime, blend))
    return (blend for _, blend in sorted(found, reverse=True))


def _together(answer: Answer) -> Iterator[bytes]:
    """What comes, some of it at a time; when it breaks off, what has come until then."""
    come = bytearray()
    try:
        for piece in pieces_of(answer):
            come += piece
            if len(come) >= _WRITTEN:
                yield bytes(come)
                come.clear()
    except NoAnswer:
        yield bytes(come)
        raise
    yield bytes(come)
