# SPDX-License-Identifier: GPL-3.0-or-later
"""Flaskbender: a job's blend and status, and its frames back, over HTTP.

Every method blocks and gives an event; they are run on an Executor.
"""

import ast
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote

from ...core.errors import BlendError, Remedy, UploadError
from ...core.frame import StoredFrame
from ...core.luggage import TAKES, Listed
from ...core.mark import MARK, has_given_a_secret
from ...core.other_files import TAKES_OTHERS, OtherFile
from ...core.tile import Tile
from ...core.transfers import (
    JOB_STATUSES,
    BlendFailed,
    BlendReady,
    FrameNotUploaded,
    FrameUploaded,
    JobStatus,
    TilesFailed,
    TilesReady,
    unfinished,
)
from ...pieces import shelf
from ...settings.tls import SYSTEM_TLS, Tls
from ...system.disks import is_full
from ...system.durable import make_durable
from ...system.files import remove
from .blend_file import LOOKED_AT, begins_as_blend, begins_as_page, check_blend, looks_like_page
from .download import Cut, Download
from .http_client import Answer, HttpClient, NoAnswer
from .luggage import Arriving, check_is_its_own
from .multipart import Form
from .pieces import PieceDownload
from .tiles import fetch_tile

_BUSY = frozenset({408, 425, 429})  # client errors that say: later
_REQUEST = {"request": "blendfile"}
_LONGEST_STATUS = 4096  # bytes
_LONGEST_LIST = 64 << 20


class Interrupted(BlendError):
    """The download of a blend's pieces: the next one goes on where it was."""


class Flaskbender:
    def __init__(self, url: str, tls: Tls = SYSTEM_TLS) -> None:
        self._url = url
        self._is_of_serve = has_given_a_secret(url)
        self._http = _client(url, tls)

    def fetch_blend(self, job_id: str, target: Path) -> BlendReady | BlendFailed:
        """Downloads the job's blend, proves that it is one and moves it to `target` whole. A farm of `serve` knows its
        name and its luggage: then all of it comes into a folder of its own, see `files`."""
        try:
            listed = self._listed(job_id) if self._is_of_serve else None
            if listed is None:
                self._fetch(job_id, target)
                return BlendReady(job_id, target.stat().st_size)
            return self._fetch_all(job_id, listed, target.parent)
        except OSError as error:
            remedy = Remedy.ELSEWHERE if is_full(error) else Remedy.RETRY
            text = f"the blend can't be stored as {target}: {error.strerror or error}"
            return BlendFailed(job_id, BlendError(text, remedy))
        except BlendError as error:
            return BlendFailed(job_id, error)

    def serves(self, job_id: str) -> bool:
        """Whether the job's blend could be had now: looks at its beginning only."""
        try:
            url = f"{self._url}/job/worker/blend/{job_id}"
            with self._ask(url, {"Range": "bytes=0-63"}, _REQUEST) as answer:
                return begins_as_blend(answer.read(64))
        except (NoAnswer, BlendError):
            return False

    def job_status(self, job_id: str) -> JobStatus:
        try:
            with self._http.get(f"{self._url}/job/worker/status/{job_id}") as answer:
                text = answer.text(_LONGEST_STATUS) if answer.status < HTTPStatus.BAD_REQUEST else ""
        except NoAnswer:
            return JobStatus(job_id, None)
        return JobStatus(job_id, _job_status(text))

    def upload(
        self, *, job_id: str, task_id: str, frame: StoredFrame, preview: bytes = b""
    ) -> FrameUploaded | FrameNotUploaded:
        """Sends a frame with its size and hash, after what was written with it. Only an answer of 2xx says that
        flaskbender has it: one that is no web page, and of a farm of `serve` one that says what it got."""
        url = f"{self._url}/job/{job_id}/{task_id}"
        try:
            taken = frame.others if frame.others and self._takes_others(url, frame) else ()
            for other in taken:
                self._upload_other(url, frame, other)
            self._upload(url, frame, preview)
        except UploadError as error:
            return FrameNotUploaded(task_id, frame.number, error)
        return FrameUploaded(task_id, frame.number, alone=taken != frame.others)

    def fetch_tiles(self, job_id: str, task_id: str, tiles: Mapping[Path, Tile]) -> TilesReady | TilesFailed:
        """Only a farm of `serve` has any."""
        try:
            for path, tile in tiles.items():
                fetch_tile(tile, path, partial(self._download, f"{self._url}/job/worker/tiles/{job_id}/{tile.task}"))
            return TilesReady(task_id)
        except OSError as error:
            remedy = Remedy.ELSEWHERE if is_full(error) else Remedy.RETRY
            words = f"the tiles of the picture can't be stored: {error.filename}: {error.strerror or error}"
            return TilesFailed(task_id, BlendError(words, remedy))
        except BlendError as error:
            return TilesFailed(task_id, error)

    def _upload(self, url: str, frame: StoredFrame, preview: bytes) -> None:
        fields = {"filesize": str(frame.size), "filehash": frame.hash}
        with _sent(frame.path, frame.number) as file:
            form = Form(fields, file=file, filename=frame.path.name, size=frame.size, preview=preview)
            with self._http.post(url, form) as answer:
                self._check_stored(answer, frame.number, size=frame.size, digest=frame.hash)

    def _takes_others(self, url: str, frame: StoredFrame) -> bool:
        """Asked before anything is sent: flaskbender knows no such files, and might cut the connection."""
        with _sent(frame.path, frame.number), self._http.get(f"{url}/other") as answer:
            if _is_of_no_use(answer.status):
                _check_upload(answer, frame.number)
            return answer.status == HTTPStatus.OK and answer.text(_LONGEST_STATUS) == TAKES_OTHERS

    def _upload_other(self, url: str, frame: StoredFrame, other: OtherFile) -> None:
        with _sent(other.path(frame.path.parent), frame.number) as file:
            headers = {"X-Blake2b": other.hash, "Content-Type": "application/octet-stream"}
            with self._http.put(f"{url}/other/{quote(other.name)}", file, headers=headers) as answer:
                self._check_stored(answer, frame.number, size=other.size, digest=other.hash)

    def _check_stored(self, answer: Answer, number: int, *, size: int, digest: str) -> None:
        """Raises UploadError, NoAnswer."""
        _check_upload(answer, number)
        if self._is_of_serve:
            if _read_json(answer.text(_LONGEST_STATUS)) != {"filesize": size, "filehash": digest}:
                raise UploadError(f"the farm doesn't say that it has frame {number} whole", Remedy.WAIT)
        elif looks_like_page(_beginning(answer)):
            words = f"a web page came when frame {number} was sent; is a sign-in or maintenance before flaskbender?"
            raise UploadError(words, Remedy.WAIT)

    def _fetch(self, job_id: str, target: Path) -> None:
        part = unfinished(target)
        target.parent.mkdir(parents=True, exist_ok=True)
        check_is_its_own(target)
        try:
            self._fetch_blend(job_id, part, target.parent)
            shelf.forget(target)
            make_durable(part, target)
            shelf.follow(part, target)
        except Interrupted:  # what has come stays until the next try
            raise
        except (BlendError, OSError):
            remove(part)
            shelf.forget(part)
            raise

    def _comes_in_pieces(self, job_id: str, part: Path, blends: Path) -> bool:
        """Only a farm that this machine has joined is asked for that."""
        if not self._is_of_serve:
            return False
        url = f"{self._url}/job/worker/blend/{job_id}"
        try:
            return PieceDownload(self._http, url, part, blends=blends).run()
        except NoAnswer as error:
            raise Interrupted(f"the blend's download was cut short: {error}", Remedy.WAIT) from error

    def _fetch_all(self, job_id: str, listed: Listed, folder: Path) -> BlendReady:
        """What has come stays until the next try, unless that would be in vain."""
        arriving = Arriving(folder, job_id, listed)
        try:
            missing = list(arriving.missing())
            arriving.see_if_there_is_room(missing)
            for file in missing:
                url = f"{self._url}/job/worker/files/{job_id}/{quote(file.name)}"
                arriving.prove(file, partial(self._download, url, goes_on=True))
            self._fetch_blend(job_id, arriving.blend, folder)
            return arriving.arrive()
        except (BlendError, OSError) as error:
            if not isinstance(error, BlendError) or error.remedy in (Remedy.NONE, Remedy.ELSEWHERE):
                arriving.discard()
            raise

    def _fetch_blend(self, job_id: str, part: Path, blends: Path) -> None:
        """Raises BlendError unless a whole blend is there now. `blends`: the folder of those that are here."""
        content_type = ""
        if not self._comes_in_pieces(job_id, part, blends):
            content_type = self._download(f"{self._url}/job/worker/blend/{job_id}", part, json=_REQUEST)
        _check_blend(part, content_type)

    def _listed(self, job_id: str) -> Listed | None:
        """What the farm has of the job; None if it is another server than that of `serve`, or knows no such job."""
        try:
            with self._http.get(f"{self._url}/job/worker/files/{job_id}") as answer:
                if answer.status == HTTPStatus.NOT_FOUND:
                    return None
                _check_download(answer)
                told = answer.text(_LONGEST_LIST)
        except NoAnswer as error:
            raise BlendError(f"flaskbender can't be reached: {error}", Remedy.WAIT) from error
        try:
            return Listed.from_json(json.loads(told))
        except (ValueError, RecursionError) as error:
            text = f"what the farm says of the job's files can't be understood: {error}"
            raise BlendError(text, Remedy.ELSEWHERE) from error

    def _download(self, url: str, part: Path, *, json: object = None, goes_on: bool = False) -> str:
        """Gives what the server says it is."""
        download = Download(lambda headers: self._ask(url, headers, json), part, goes_on=goes_on)
        try:
            download.run()
        except Cut as error:
            raise BlendError(f"the blend's download was cut short: {error}", Remedy.WAIT) from error
        except NoAnswer as error:
            raise BlendError(f"flaskbender can't be reached: {error}", Remedy.WAIT) from error
        return download.content_type

    @contextmanager
    def _ask(self, url: str, headers: Mapping[str, str], json: object) -> Iterator[Answer]:
        """For a blend, or a file of its job. Raises NoAnswer; BlendError for an answer that holds none."""
        with self._http.get(url, headers={**TAKES, **headers}, json=json) as answer:
            _check_download(answer)
            yield answer


@contextmanager
def _sent(path: Path, number: int) -> Iterator[BinaryIO]:
    """Raises UploadError if the file of this frame can't be read, or doesn't get anywhere."""
    try:
        with path.open("rb") as file:
            yield file
    except NoAnswer as error:
        raise UploadError(f"flaskbender can't be reached for frame {number}: {error}", Remedy.WAIT) from error
    except OSError as error:
        text = f"frame {number} can't be read from {path}: {error.strerror or error}"
        raise UploadError(text, Remedy.WAIT) from error


def why_unreachable(url: str, tls: Tls) -> str:
    """Asks for the page at `url`; gives what is wrong and what to do, or nothing if somebody answers."""
    try:
        with _client(url, tls).get(url):
            return ""
    except NoAnswer as error:
        return f"{error}; is flaskbender running there, and is the address right?"


def _client(url: str, tls: Tls) -> HttpClient:
    return HttpClient(tls, mark=MARK if has_given_a_secret(url) else "")


def _beginning(answer: Answer) -> bytes:
    """Of what it says, as far as that can be read: it is the status that counts."""
    came = b""
    with suppress(NoAnswer):
        while len(came) < LOOKED_AT and (piece := answer.read(LOOKED_AT - len(came))):
            came += piece
    return came


def _is_of_no_use(status: int) -> bool:
    """Whether it says nothing of what was asked for: the server isn't up to it, or another answers in its place, as one
    that wants a sign-in does, with a redirect."""
    return status < 200 or 300 <= status < 400 or status >= 500 or status in _BUSY


def _check_download(answer: Answer) -> None:
    status = answer.status
    if _is_of_no_use(status):
        text = f"flaskbender could not serve the blend ({status})"
        raise BlendError(text, Remedy.WAIT, retry_after=answer.retry_after)
    if status == HTTPStatus.NOT_FOUND:
        raise BlendError("flaskbender has no blend for this job (404)", Remedy.NONE)
    if status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
        raise BlendError("flaskbender has another blend than the one that had begun to come (416)", Remedy.RETRY)
    if status not in (HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT):
        raise BlendError(f"flaskbender refused the blend ({status})", Remedy.ELSEWHERE)


def _check_blend(file: Path, content_type: str) -> None:
    """Raises BlendError unless the file is a whole blend. A web page in the place of one is nobody's fault: a proxy's,
    one for signing in, or what is said during maintenance."""
    try:
        check_blend(file)
    except BlendError as error:
        if error.remedy is Remedy.NONE and (content_type.lower().startswith("text/html") or begins_as_page(file)):
            text = (
                "flaskbender answers with a web page in the place of the blend; is a sign-in or maintenance before it?"
            )
            raise BlendError(text, Remedy.WAIT) from error
        raise


def _check_upload(answer: Answer, number: int) -> None:
    status = answer.status
    if _is_of_no_use(status):
        text = f"flaskbender could not take frame {number} ({status})"
        raise UploadError(text, Remedy.WAIT, retry_after=answer.retry_after)
    if not 200 <= status < 300:
        raise UploadError(f"flaskbender refused frame {number} ({status} {answer.reason})", Remedy.RETRY)


def _job_status(text: str) -> str | None:
    """Reads `{'Job': 'Finished'}`: Python's repr, as flaskbender writes it, or JSON."""
    for read in (_read_json, _read_repr):
        answer = read(text)
        if isinstance(answer, dict):
            status = answer.get("Job")
            return status if isinstance(status, str) and status in JOB_STATUSES else None
    return None


def _read_json(text: str) -> object:
    """None if it is none."""
    with suppress(ValueError, RecursionError):
        found: object = json.loads(text)
        return found
    return None


def _read_repr(text: str) -> object:
    """The same of what Python's repr has written."""
    with suppress(ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        found: object = ast.literal_eval(text.strip())
        return found
    return None
