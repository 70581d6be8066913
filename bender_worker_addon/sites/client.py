# SPDX-License-Identifier: GPL-3.0-or-later
"""Client: asks a farm's server over HTTP. Whatever it answers, or does not, is told in a sentence; who asks is shown to
it, never to people."""

import base64
import http.client
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

from ..core.errors import FarmError
from ..core.mark import MARK
from ..settings.config import redacted
from ..settings.tls import Tls
from ..system.sockets import send_until_answered
from .site import Progress, Unreachable

_CONNECT, _SILENCE = 10.0, 60.0  # seconds to connect, and between two pieces
_PIECE = 1 << 18  # bytes
_ANSWER = 64 << 20  # bytes of JSON: a job of 100 000 frames has a third of that
_WORDS = 500  # letters of what a server says
_LATER = frozenset({408, 425, 429, 500, 502, 503, 504})


class Refused(FarmError):
    """What the server said no to, with its `status`."""

    def __init__(self, words: str, status: int) -> None:
        super().__init__(words)
        self.status = status


class Client:
    """Keeps its connection from one request to the next. For one thread at a time. Raises FarmError: Refused for what
    the server won't do, Unreachable for what may go well in a moment."""

    def __init__(self, url: str, tls: Tls) -> None:
        """`url` may hold who asks: a user and a password."""
        parts = urlsplit(url)
        self._shown = redacted(url)
        self._base = parts.path.rstrip("/")
        self._place = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
        self._port = parts.port
        self._tls = tls.context() if parts.scheme == "https" else None
        self._who = {"User-Agent": "bender-worker", **_credentials(parts)}
        self._connection: http.client.HTTPConnection | None = None
        self._is_whole = True  # what was asked last was said to its end

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def ask(self, method: str, path: str, told: Mapping[str, Any] | None = None) -> Any:
        """What is answered, read from JSON: anything that JSON can hold."""
        body = b"" if told is None else json.dumps(told).encode()
        headers = {"Content-Type": "application/json", "Content-Length": str(len(body))}
        return self._told(method, path, headers if told is not None else {}, [body])

    def send(self, method: str, path: str, pieces: Iterable[bytes]) -> Any:
        """Sends what nobody knows the length of yet; gives what is answered, read from JSON."""
        headers = {"Content-Type": "application/octet-stream", "Transfer-Encoding": "chunked"}
        return self._told(method, path, headers, _chunked(pieces))

    def text(self, path: str) -> str:
        """What is answered as lines of plain text, for people."""
        with self._answer("GET", path, {}) as answer:
            content = answer.read(_ANSWER).decode("utf-8", "replace")
        return "\n".join(map(printable, content.splitlines()))

    def put(self, path: str, file: Path, headers: Mapping[str, str], told: Progress, begun: int = 0) -> None:
        """Sends a file, piece by piece, from the byte `begun` on."""
        with in_words_of(file, "read"):
            size = file.stat().st_size
        about = {"Content-Length": str(size - begun)}
        about |= {"Content-Range": f"bytes {begun}-{size - 1}/{size}"} if begun else {}
        with self._answer("PUT", path, {**headers, **about}, _pieces(file, size, told, begun)) as answer:
            answer.read(_ANSWER)

    def get(self, path: str, place: Path, *, size: int) -> None:
        """Fills the file `place` up to `size` bytes: goes on behind what is there."""
        with in_words_of(place, "written"), place.open("ab", buffering=0) as file:
            begun = file.tell()
            with self._answer("GET", path, {"Range": f"bytes={begun}-"} if begun else {}) as answer:
                if begun and not answer.headers.get("Content-Range", "").startswith(f"bytes {begun}-"):
                    file.truncate(begun := 0)
                left = size - begun
                while left > 0 and (piece := answer.read(min(_PIECE, left))):
                    left -= len(piece)
                    with in_words_of(place, "written"):
                        file.write(piece)
                if left > 0 and answer.length:
                    raise http.client.IncompleteRead(b"", answer.length)

    def _told(self, method: str, path: str, headers: Mapping[str, str], pieces: Iterable[bytes]) -> Any:
        with self._answer(method, path, headers, pieces) as answer:
            content = answer.read(_ANSWER)
            if answer.length:
                raise http.client.IncompleteRead(content, answer.length)
        try:
            return json.loads(content)
        except (ValueError, RecursionError) as error:
            raise FarmError(f"{self._no_farm}: its answer is no JSON") from error

    @contextmanager
    def _answer(
        self, method: str, path: str, headers: Mapping[str, str], pieces: Iterable[bytes] = ()
    ) -> Iterator[http.client.HTTPResponse]:
        """The answer to a request if it is a good one, to be read."""
        try:
            answer = self._asked(method, path, headers, pieces)
            if MARK not in answer.headers and answer.status not in _LATER:
                told = f"{answer.status} {printable(answer.reason)}"
                raise Unreachable(f"{self._no_farm} ({told}): is a sign-in or maintenance before it?")
            if not HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
                raise self._refusal(answer)
            yield answer
            if not answer.isclosed() or not self._is_whole:
                self.close()  # what was not read, or said, would be taken for the next answer, or request
        except BaseException as error:
            self.close()
            if isinstance(error, (OSError, http.client.HTTPException, ValueError)):
                words = f"the farm at {self._shown} can't be reached: {_in_words(error)}"
                raise Unreachable(words) from error
            raise

    def _asked(
        self, method: str, path: str, headers: Mapping[str, str], pieces: Iterable[bytes]
    ) -> http.client.HTTPResponse:
        """A server closes a connection that was silent for long. A GET is then sent again over another; what changes
        something is never sent over one that may be closed."""
        kept = self._connection is not None
        if kept and method == "GET":
            with suppress(ConnectionError):
                return self._sent(method, path, headers, pieces)
        self.close()
        return self._sent(method, path, headers, pieces)

    def _sent(
        self, method: str, path: str, headers: Mapping[str, str], pieces: Iterable[bytes]
    ) -> http.client.HTTPResponse:
        connection = self._connected()
        connection.putrequest(method, self._base + path, skip_accept_encoding=True)
        for name, value in {**self._who, **headers}.items():
            connection.putheader(name, value)
        connection.endheaders()
        self._is_whole = False
        with suppress(ConnectionError):  # who refuses it need not read it all
            self._is_whole = all(send_until_answered(connection.sock, piece) for piece in pieces)
        return connection.getresponse()

    def _connected(self) -> http.client.HTTPConnection:
        if self._connection is None:
            if self._tls is None:
                fresh = http.client.HTTPConnection(self._place, self._port or 80, timeout=_CONNECT)
            else:
                fresh = http.client.HTTPSConnection(self._place, self._port or 443, timeout=_CONNECT, context=self._tls)
            fresh.connect()
            fresh.sock.settimeout(_SILENCE)
            self._connection = fresh
        return self._connection

    @property
    def _no_farm(self) -> str:
        return f"what answers at {self._shown} is no farm of `serve`"

    def _refusal(self, answer: http.client.HTTPResponse) -> FarmError:
        words = _said(answer.read(_ANSWER))
        if answer.status == HTTPStatus.UNAUTHORIZED:
            again = "join it again, by the line that `serve` prints"
            return Refused(f"the farm at {self._shown} doesn't know this machine (any more): {again}", answer.status)
        if answer.status in _LATER:
            words = words or f"the farm at {self._shown} can't answer now ({answer.status})"
            return Unreachable(words)
        return Refused(words or f"{self._no_farm} ({answer.status} {printable(answer.reason)})", answer.status)


def printable(text: str) -> str:
    """Another machine's words, as people may see them: in a line, and without what would steer a terminal."""
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text[:_WORDS])


def _pieces(file: Path, size: int, told: Progress, begun: int = 0) -> Iterator[bytes]:
    """As many bytes as were announced, whatever becomes of the file."""
    with in_words_of(file, "read"), file.open("rb") as opened:
        opened.seek(begun)
        while (left := size - opened.tell()) > 0:
            piece = opened.read(min(_PIECE, left))
            if not piece:
                raise FarmError(f"{file.resolve()} has become shorter while it was sent: send the job again")
            yield piece
            told(opened.tell(), size)


def _chunked(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """As HTTP/1.1 has it."""
    for piece in filter(None, pieces):
        yield b"%x\r\n%b\r\n" % (len(piece), piece)
    yield b"0\r\n\r\n"


@contextmanager
def in_words_of(file: Path, done: str) -> Iterator[None]:
    """For what befalls a file of this machine: it is no fault of the server's."""
    try:
        yield
    except OSError as error:
        raise FarmError(f"{file} can't be {done}: {error.strerror or error}") from error


def _credentials(parts: SplitResult) -> dict[str, str]:
    if parts.username is None and parts.password is None:
        return {}
    pair = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}"
    return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}


def _said(content: bytes) -> str:
    """The sentence in an answer that says no; nothing if there is none."""
    try:
        told = json.loads(content)
    except (ValueError, RecursionError):
        return ""
    words = told.get("error") if isinstance(told, dict) else None
    return printable(words) if isinstance(words, str) else ""


def _in_words(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, OSError) and error.strerror:
        return printable(getattr(error, "verify_message", "") or error.strerror)
    if isinstance(error, (http.client.IncompleteRead, http.client.RemoteDisconnected)):
        return "the connection broke off"
    return f"it speaks no HTTP ({type(error).__name__})"
