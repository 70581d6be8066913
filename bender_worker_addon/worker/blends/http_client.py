# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP: requests and their answers. The only module that knows requests and urllib3, and nothing of the farm.

Whatever a server says, or doesn't: there is an Answer, or NoAnswer says why not, and it takes no longer than allowed.
"""

import http.client
import io
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from email.utils import parsedate_to_datetime
from functools import partial
from http import HTTPStatus
from typing import Any, BinaryIO

import requests
import urllib3
from requests.adapters import HTTPAdapter

from ...core.errors import WorkerError
from ...settings.tls import Tls
from ...system.sockets import send_until_answered
from .multipart import Form

_CONNECT, _SILENCE = 10.0, 60.0  # seconds to connect, and between two pieces of an answer
_ANSWER = 60.0  # seconds from when an answer is waited for to its last header, redirects included
_REDIRECTS = 5  # in a row
_HEADERS = {"User-Agent": "bender-worker"}
_IN_ITS_PLACE = "is a sign-in or maintenance before it?"

_FORESEEN = (
    requests.RequestException,
    urllib3.exceptions.HTTPError,
    http.client.HTTPException,
    OSError,
    ValueError,  # of numbers, addresses, encodings
    MemoryError,  # of sizes that nobody has
)
"""What requests, urllib3 and what they stand on make of answers. They promise the first two and don't keep it: a
Location alone can end in three others."""

_TOO_LATE = (TimeoutError, requests.Timeout, urllib3.exceptions.ReadTimeoutError)
_CUT = (http.client.RemoteDisconnected, http.client.IncompleteRead, urllib3.exceptions.IncompleteRead)


class NoAnswer(WorkerError):
    """The server could not be reached, or what it said was no answer. The text: why, in a few words for people."""


class Answer:
    """What came before the body, and the body to be read. `is_packed`: it is unpacked while it is read, and its bytes
    are not those that were sent."""

    def __init__(self, response: requests.Response, deadline: "_Deadline") -> None:
        self.status = response.status_code
        self.reason = _printable(response.reason or "")
        self._response = response
        self._deadline = deadline
        self.is_packed = self.header("Content-Encoding") not in ("", "identity")

    def header(self, name: str) -> str:
        """Empty if there is none."""
        return str(self._response.headers.get(name, ""))

    @property
    def length(self) -> int | None:
        """Bytes still to come, if they were announced."""
        return self._response.raw.length_remaining

    @property
    def retry_after(self) -> float:
        """Seconds after which the server wants to be asked again; 0 if it hasn't said, or not so that one could tell.
        A date is taken by the server's own clock."""
        told = self.header("Retry-After")
        try:
            if told.isdecimal():
                return float(told)
            return max(0.0, (parsedate_to_datetime(told) - parsedate_to_datetime(self.header("Date"))).total_seconds())
        except (ValueError, TypeError, LookupError, OverflowError):
            return 0.0

    def within(self, seconds: float) -> None:
        """So long may what is read from now on take."""
        self._deadline.set(seconds)

    def read(self, most: int) -> bytes:
        """What comes next, as soon as it comes: so many bytes, or fewer; none at its end. Raises NoAnswer."""
        with _in_our_words():
            return self._response.raw.read1(most, decode_content=self.is_packed)

    def text(self, most: int) -> str:
        """All of it, if that is no more than `most` bytes; else nothing. Raises NoAnswer."""
        came = b""
        while piece := self.read(most + 1 - len(came)):
            came += piece
            if len(came) > most:
                return ""
        return came.decode("utf-8-sig", "replace")


class HttpClient:
    """Asks as others of the same TLS settings do: a server whose certificate is not believed is never talked to. Each
    request has a connection of its own."""

    def __init__(self, tls: Tls, *, mark: str = "") -> None:
        """`mark`: a header without which an answer is none: somebody else has given it."""
        self._mark = mark
        cert = None if tls.client_cert is None else str(tls.client_cert)
        self._options: dict[str, Any] = {
            "verify": True if tls.ca_file is None else str(tls.ca_file),
            "cert": (cert, str(tls.client_key)) if cert is not None and tls.client_key is not None else cert,
        }

    def get(
        self, url: str, *, headers: Mapping[str, str] | None = None, json: object = None
    ) -> AbstractContextManager[Answer]:
        """Follows redirects. Raises NoAnswer when entered."""
        return self._answer("GET", url, headers=headers or {}, json=json)

    def post(self, url: str, form: Form) -> AbstractContextManager[Answer]:
        """Follows none: requests would with a GET, and a sign-in page is no answer to a POST. Raises NoAnswer when
        entered."""
        headers = {"Content-Type": form.content_type}
        return self._answer("POST", url, headers=headers, data=form, allow_redirects=False)

    def ask(self, url: str, told: object) -> AbstractContextManager[Answer]:
        """Posts something as JSON. Follows no redirects. Raises NoAnswer when entered."""
        return self._answer("POST", url, headers={"Accept-Encoding": "identity"}, json=told, allow_redirects=False)

    def put(self, url: str, file: BinaryIO, *, headers: Mapping[str, str]) -> AbstractContextManager[Answer]:
        """The rest of `file` is the body. Follows no redirects. Raises NoAnswer when entered."""
        return self._answer("PUT", url, headers=headers, data=file, allow_redirects=False)

    @contextmanager
    def _answer(self, method: str, url: str, *, headers: Mapping[str, str], **request: Any) -> Iterator[Answer]:
        deadline = _Deadline()
        with requests.Session() as session:
            session.max_redirects = _REDIRECTS
            for scheme in ("http://", "https://"):
                session.mount(scheme, _Adapter(deadline))
            with _in_our_words():
                response = session.request(
                    method,
                    url,
                    headers={**_HEADERS, **headers},
                    stream=True,
                    timeout=(_CONNECT, _SILENCE),
                    hooks={"response": _leave_body_of_redirect},
                    **self._options,
                    **request,
                )
            try:
                is_told = response.status_code < HTTPStatus.INTERNAL_SERVER_ERROR  # above, a proxy may tell how it is
                if is_told and self._mark and self._mark not in response.headers:
                    raise NoAnswer(f"something else answers there ({response.status_code}): {_IN_ITS_PLACE}")
                yield Answer(response, deadline)
            finally:
                with _in_our_words():
                    response.close()


class _Deadline:
    """When all that is waited for must have come. Without it a server that says a byte now and then, or the same for
    ever, would be listened to for ever: a time-out is for the wait between two bytes."""

    def __init__(self) -> None:
        self._at: float | None = None

    def set(self, seconds: float) -> None:
        self._at = time.monotonic() + seconds

    def left(self) -> float:
        """Seconds; they begin to run when it is asked for the first time. Raises TimeoutError when they are over."""
        if self._at is None:
            self.set(_ANSWER)
        left = (self._at or 0.0) - time.monotonic()
        if left <= 0:
            raise TimeoutError("no end in time")
        return left


class _Timed(io.RawIOBase):
    """What comes from a socket, until the deadline."""

    def __init__(self, raw: io.RawIOBase, connection: socket.socket, deadline: _Deadline) -> None:
        self._raw = raw
        self._connection = connection
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._connection.settimeout(min(_SILENCE, self._deadline.left()))
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Adapter(HTTPAdapter):
    """Its connections are read until the deadline and no longer."""

    def __init__(self, deadline: _Deadline) -> None:
        super().__init__()
        self._deadline = deadline
        self._readers: list[io.BufferedReader] = []

    def get_connection_with_tls_context(self, *arguments: Any, **options: Any) -> Any:
        pool: Any = super().get_connection_with_tls_context(*arguments, **options)
        connect = type(pool).ConnectionCls

        def timed(*arguments: Any, **options: Any) -> Any:
            connection: Any = connect(*arguments, **options)
            connection.response_class = self._response
            connection.send = partial(_send, connection, connection.send)
            return connection

        pool.ConnectionCls = timed
        return pool

    def close(self) -> None:
        """Those too of answers that were so odd that urllib3 has left them lying about."""
        for reader in self._readers:
            reader.close()
        super().close()

    def _response(self, connection: socket.socket, *arguments: Any, **options: Any) -> http.client.HTTPResponse:
        response = http.client.HTTPResponse(connection, *arguments, **options)
        response.fp = io.BufferedReader(_Timed(response.fp.detach(), connection, self._deadline))
        self._readers.append(response.fp)
        return response


def _send(connection: Any, send: Callable[[bytes], None], data: bytes) -> None:
    """No more once there is an answer. urllib3 takes this error for a reason to read it."""
    if connection.sock is None:
        send(data)  # which connects
    elif not send_until_answered(connection.sock, data):
        raise BrokenPipeError


def _leave_body_of_redirect(response: requests.Response, **_: object) -> None:
    """Else requests reads it all, into memory."""
    if response.is_redirect:
        response.raw.close()


@contextmanager
def _in_our_words() -> Iterator[None]:
    try:
        yield
    except _FORESEEN as error:
        raise NoAnswer(_words(error)) from error


def _words(error: BaseException) -> str:
    """What the system has said, if it was the one to say something."""
    causes = list(_causes(error))
    if any(isinstance(cause, _TOO_LATE) for cause in causes):
        return "no answer in time"
    for cause in causes:
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror
        if isinstance(cause, _CUT):
            return "the connection was cut"
        if type(cause) is OSError:  # a file of certificates that is gone, a proxy that refuses
            return _printable(str(cause))
    return f"what it says can't be understood ({type(causes[-1]).__name__})"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _printable(text: str) -> str:
    return "".join(filter(str.isprintable, text))[:200]
