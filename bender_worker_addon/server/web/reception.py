# SPDX-License-Identifier: GPL-3.0-or-later
"""Reception: a frame that a worker sends: read from the request piece by piece, proven by its size and hash, put into
its place in one step. What is not whole leaves nothing behind."""

import contextlib
import logging
import re
import secrets
import shutil
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from multipart import MultipartError, MultipartSegment, PushMultipartParser, parse_options_header
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request

from ...core.preview import MOST, OF_TILE, is_preview, name_of
from ...system import hashing
from ...system.durable import make_durable
from ...system.files import move, remove
from ..farm import Farm

log = logging.getLogger(__name__)

_RANGE = re.compile(r"bytes ([0-9]{1,15})-[0-9]{1,15}/[0-9]{1,15}", re.ASCII)
_PIECE = 1 << 20  # bytes
_FIELD = 1024  # bytes of a field that is no file
_LARGEST = 16 << 30  # bytes of a file
_LOOK = 64 << 20  # bytes that come between two looks at how full the disk is
ARRIVING = re.compile(r"\.[0-9a-f]{16}")  # names of files that are not whole yet
INCOMING = ".incoming"  # in the folder of frames: those that are on their way


class Refused(Exception):
    """`status` is what HTTP is to answer; below 500 the sender need not try again."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status = status


@dataclass(frozen=True, slots=True)
class Got:
    """What has come and is proven, as it is answered: `filesize` in bytes, `filehash` in lower-case hex."""

    filesize: int
    filehash: str


async def receive(request: Request, farm: Farm, job_id: str, task_id: str) -> Got:
    """Takes the frame in. Raises Refused."""
    folder = farm.frames / INCOMING
    arriving = folder / secrets.token_hex(8)
    try:
        await run_in_threadpool(folder.mkdir, parents=True, exist_ok=True)
        form = _Form(request, arriving, Room(request, folder, farm.keep_free))
        await form.read()
        expected = await run_in_threadpool(farm.expected, job_id, task_id, form.filename)
        if expected is None:
            raise Refused(404, f"{form.filename!r} is no frame of task {task_id} of job {job_id}")
        form.check()
        if is_preview(form.preview):  # before the frame: whoever hears of that may look at it at once
            usual = farm.previews(job_id) / name_of(expected.number)
            place = expected.path.with_name(OF_TILE) if expected.is_tile else usual
            await run_in_threadpool(_keep_preview, place, form.preview)
        await run_in_threadpool(farm.store, arriving, expected, size=form.size, digest=form.digest)
    except ClientDisconnect as error:
        raise Refused(400, "the connection was lost before the frame was whole") from error
    except OSError as error:
        raise Refused(507, f"the frame can't be stored: {error.strerror or error}") from error
    finally:
        with contextlib.suppress(OSError):
            remove(arriving)
    return Got(form.size, form.digest)


async def take_file(
    request: Request,
    place: Path,
    *,
    keep_free: int,
    stays: Callable[[], bool] = lambda: False,
    proof: hashing.Hash | None = None,
    told: str = "",
    wants_hash: bool = True,
    begun: Path | None = None,
) -> Got:
    """Takes in a file that is the request's whole body, with its hash in the header `X-Blake2b`; so many bytes of the
    disk stay free. `stays`: whether one that is there already does; `proof`: another hash, to be as `told`.
    `wants_hash`: whether there must be one; browsers can't make it. `begun`: where what has come is kept if the
    connection is lost; who sends the rest says in `Content-Range` from where on. Raises Refused."""
    arriving = place.with_name(f".{secrets.token_hex(8)}")
    size, digest = 0, proof or hashing.fresh()
    told = told or request.headers.get("x-blake2b", "").lower()
    try:
        await run_in_threadpool(place.parent.mkdir, parents=True, exist_ok=True)
        room = Room(request, place.parent, keep_free)
        if begun is not None and (size := _sent_before(request)):
            await run_in_threadpool(_go_on, begun, arriving, size, digest)
        with arriving.open("ab") as file:
            async for chunk in request.stream():
                size += len(chunk)
                room.take(len(chunk))
                await run_in_threadpool(_write_and_hash, file, digest, chunk)
        if digest.hexdigest() != told and (wants_hash or "x-blake2b" in request.headers):
            raise Refused(400, f"{place.name} has another hash than was told")
        if not (place.is_file() and await run_in_threadpool(stays)):
            await run_in_threadpool(make_durable, arriving, place)
    except ClientDisconnect as error:
        if begun is not None:
            with contextlib.suppress(OSError):
                await run_in_threadpool(move, arriving, begun)
        raise Refused(400, "the connection was lost before the file was whole") from error
    except OSError as error:
        raise Refused(507, f"{place.name} can't be stored: {error.strerror or error}") from error
    finally:
        with contextlib.suppress(OSError):
            remove(arriving)
    return Got(size, digest.hexdigest())


def _sent_before(request: Request) -> int:
    """Bytes of a file that are not in this request."""
    told = request.headers.get("content-range", "")
    found = _RANGE.fullmatch(told)
    if told and found is None:
        raise Refused(400, "the part of the file that is sent is not told as it should be")
    return int(found[1]) if found else 0


def _go_on(begun: Path, arriving: Path, size: int, digest: hashing.Hash) -> None:
    """With what has come before, which is nobody else's from now on. Raises OSError."""
    try:
        move(begun, arriving)
    except FileNotFoundError:
        raise Refused(409, "what was sent before is not here any more: send all of it") from None
    if arriving.stat().st_size < size:
        raise Refused(409, "less was sent before: send all of it")
    with arriving.open("r+b") as file:
        file.truncate(size)
        while piece := file.read(_PIECE):
            digest.update(piece)


def _write_and_hash(file: BinaryIO, digest: hashing.Hash, piece: bytes) -> None:
    file.write(piece)
    digest.update(piece)


class _Form:
    """The fields `filesize`, `filehash`, `file` and `preview`, in any order; others are passed over."""

    def __init__(self, request: Request, arriving: Path, room: "Room") -> None:
        self._request = request
        self._room = room
        self._arriving = arriving
        self._fields: dict[str, bytes] = {}
        self._hash = hashing.fresh()
        self.size = 0
        self.filename = ""
        self.preview = b""

    @property
    def digest(self) -> str:
        """Of the file, as far as it has come."""
        return self._hash.hexdigest()

    async def read(self) -> None:
        kind, options = parse_options_header(self._request.headers.get("content-type", ""))
        if kind != "multipart/form-data" or not options.get("boundary"):
            raise Refused(400, "a frame comes as multipart/form-data")
        try:
            with PushMultipartParser(options["boundary"], max_segment_count=16) as parser:
                await self._read(parser, self._request.stream())
        except (MultipartError, UnicodeError) as error:
            raise Refused(400, f"the form can't be understood: {error}") from error

    async def _read(self, parser: PushMultipartParser, chunks: AsyncIterator[bytes]) -> None:
        segment: MultipartSegment | None = None
        with self._arriving.open("xb") as file:
            async for chunk in chunks:
                self._room.take(len(chunk))
                for event in parser.parse(chunk):
                    if isinstance(event, MultipartSegment):
                        segment = event
                        if segment.name == "file":
                            self.filename = segment.filename or ""
                    elif event and segment is not None and segment.name == "file":
                        await run_in_threadpool(self._take, file, bytes(event))
                    elif event and segment is not None and segment.name == "preview":
                        self.preview = (self.preview + bytes(event))[: MOST + 1]
                    elif event and segment is not None:
                        self._take_field(segment.name, bytes(event))

    def check(self) -> None:
        """Whether what came is what was to come."""
        size, digest = (self._fields.get(name, b"").decode("ascii", "replace") for name in ("filesize", "filehash"))
        if size != str(self.size):
            raise Refused(400, f"{self.size} bytes came of {self.filename}, it should be {size[:40] or 'told'}")
        if digest.lower() != self.digest:
            raise Refused(400, f"{self.filename} has another hash than was told")

    def _take(self, file: BinaryIO, piece: bytes) -> None:
        self.size += len(piece)
        _write_and_hash(file, self._hash, piece)

    def _take_field(self, name: str, piece: bytes) -> None:
        value = self._fields.get(name, b"") + piece
        if len(value) > _FIELD:
            raise Refused(400, f"the field {name[:40]!r} is too long")
        self._fields[name] = value


class Room:
    """What there is for a request's body. Raises Refused before any of it has come if it can be known, else as soon as
    too much has."""

    def __init__(self, request: Request, folder: Path, keep_free: int) -> None:
        length = request.headers.get("content-length", "0")
        self._folder, self._keep_free = folder, keep_free
        self._came = self._seen = 0
        self._check(int(length) if length.isascii() and length.isdigit() and len(length) < 20 else 0)

    def take(self, count: int) -> None:
        self._came += count
        if self._came >= self._seen + _LOOK:
            self._seen = self._came
            self._check(0)

    def _check(self, coming: int) -> None:
        check_size(self._came + coming)
        check_room(self._folder, coming + self._keep_free)


def check_size(size: int) -> None:
    """Raises Refused for a file that is too large for any farm."""
    if size > _LARGEST:
        raise Refused(413, f"a file has {_LARGEST >> 30} GB at most")


def check_room(folder: Path, size: int) -> None:
    """Raises Refused if so many bytes are not free there."""
    if shutil.disk_usage(folder).free < size:
        raise Refused(507, "the farm's disk is nearly full: free some space")


def _keep_preview(place: Path, content: bytes) -> None:
    """A frame without one is a frame, too."""
    arriving = place.with_name(f".{secrets.token_hex(8)}")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        arriving.write_bytes(content)
        move(arriving, place)
    except OSError as error:
        log.debug("the preview %s can't be kept: %s", place, error)
        with contextlib.suppress(OSError):
            remove(arriving)
