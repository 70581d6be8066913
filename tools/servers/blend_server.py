# SPDX-License-Identifier: GPL-3.0-or-later
"""The farm's HTTP side: serves blends, answers for jobs, takes frames; misbehaves when told to. Knows no RabbitMQ.

with BlendServer() as server:
    server.add("job-a", Path("scene.blend"))
    server.add("job-b", Path("scene.blend"), behaviour=failing(2))
    ...  # a worker asks server.url
    assert server.requests["/job/worker/blend/job-a"] == 1
"""

import hashlib
import io
import itertools
import re
import socket
import ssl
import sys
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, BinaryIO, Self

Blend = Path | bytes
Behaviour = Callable[["Answer", Blend], None]

_PIECE = 1 << 20  # bytes
_HTML_PAGE = b"<!doctype html><html><head><title>Farm</title></head><body><h1>Please sign in</h1></body></html>"


@dataclass(frozen=True, slots=True)
class Request:
    """What somebody asked for; header names are in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Upload:
    """A frame that was sent back; `whole` says if its size and hash are what was announced with it."""

    job_id: str
    task_id: str
    filename: str
    content: bytes
    whole: bool


@dataclass(slots=True)
class _Job:
    blend: Blend
    behaviour: Behaviour
    status: str


class BlendServer:
    """Serves on 127.0.0.1 from `with` to its end; `url` is the farm's `bender_url`.

    Whatever came is kept: `requests` counts by path, `log` holds the requests and `uploads` the frames, in order.
    `before_status` is called with a job before its status is told, and may take its time. `upload_answers` are given to
    the next frames that are sent back, one each; those after them are taken. While it doesn't `reads_uploads` an answer
    is given before a frame is read, as by a proxy. `refused`: answers to frames of these names.
    """

    def __init__(self, *, port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        self.requests: Counter[str] = Counter()
        self.log: list[Request] = []
        self.uploads: list[Upload] = []
        self.before_status: Callable[[str], object] = lambda _: None
        self.upload_answers: list[HTTPStatus] = []
        self.refused: dict[str, HTTPStatus] = {}
        self.reads_uploads = True
        self.closing = threading.Event()
        self._jobs: dict[str, _Job] = {}
        self._lock = threading.Lock()
        self._http = _Http(("127.0.0.1", port), Answer, farm=self)
        self._scheme = "http"
        if tls is not None:
            self._scheme = "https"
            self._http.socket = tls.wrap_socket(self._http.socket, server_side=True)
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), name="blend server")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self._http.shutdown()
        self._thread.join()
        self._http.hang_up()
        self._http.server_close()

    @property
    def url(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self._http.server_port}"

    def add(self, job_id: str, blend: Blend, *, behaviour: Behaviour | None = None, status: str = "Running") -> None:
        """Registers a job, or registers it anew; without a `behaviour` its blend is served well."""
        self._jobs[job_id] = _Job(blend, behaviour or well, status)

    def set_status(self, job_id: str, status: str) -> None:
        self._jobs[job_id].status = status

    def job(self, job_id: str) -> _Job | None:
        return self._jobs.get(job_id)

    def keep(self, request: Request) -> None:
        with self._lock:
            self.requests[request.path] += 1
            self.log.append(request)


class _Http(ThreadingHTTPServer):
    daemon_threads = False

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler], *, farm: BlendServer) -> None:
        super().__init__(address, handler)
        self.farm = farm
        self._connections: set[socket.socket] = set()

    def process_request(self, request: Any, client_address: Any) -> None:
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client may hang up at any time; http.server would print a traceback for that too."""
        if not isinstance(sys.exception(), (ConnectionError, TimeoutError, ssl.SSLError)):
            super().handle_error(request, client_address)

    def hang_up(self) -> None:
        """Ends the connections that clients keep open, so that no thread waits on them."""
        for connection in list(self._connections):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue  # the client was faster


class Answer(BaseHTTPRequestHandler):
    """One client's connection; a Behaviour answers through it."""

    protocol_version = "HTTP/1.1"
    timeout = 60
    cut_after = sys.maxsize  # bytes of a blend
    server: _Http

    def do_GET(self) -> None:
        self._keep_request()
        kind, _, job_id = self.path.removeprefix("/job/worker/").partition("/")
        job = self.server.farm.job(job_id)
        if job is None:
            self.send_error(HTTPStatus.NOT_FOUND)
        elif kind == "blend":
            job.behaviour(self, job.blend)
        elif kind == "status":
            self.server.farm.before_status(job_id)
            self.say(repr({"Job": job.status}).encode())
        elif kind == "elsewhere":
            well(self, job.blend)
        else:
            self.send_error(HTTPStatus.NOT_FOUND)

    def do_POST(self) -> None:
        answers = self.server.farm.upload_answers
        if not self.server.farm.reads_uploads:
            self.close_connection = True
            self.send_error(answers.pop(0))
            return
        request = self._keep_request()
        match = re.fullmatch(r"/job/([^/]+)/([^/]+)", self.path)
        if match is None:
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        try:
            told = answers.pop(0)
        except IndexError:
            told = HTTPStatus.OK
        if told != HTTPStatus.OK:
            self.send_error(told)
            return
        fields = _multipart(request)
        filename, content = fields.get("file", ("", b""))
        if filename in self.server.farm.refused:
            self.send_error(self.server.farm.refused[filename])
            return
        announced = tuple(fields.get(name, ("", b""))[1].decode() for name in ("filesize", "filehash"))
        whole = announced == (str(len(content)), hashlib.blake2b(content).hexdigest())
        self.server.farm.uploads.append(Upload(match[1], match[2], filename, content, whole))
        self.say(b"stored" if whole else b"broken", status=HTTPStatus.OK if whole else HTTPStatus.BAD_REQUEST)

    def say(self, body: bytes, *, status: HTTPStatus = HTTPStatus.OK, content_type: str = "text/plain") -> None:
        self.begin(len(body), status=status, content_type=content_type)
        self.wfile.write(body)

    def begin(
        self,
        length: int,
        *,
        status: HTTPStatus = HTTPStatus.OK,
        content_type: str = "application/octet-stream",
        **headers: str,
    ) -> None:
        """Sends all that comes before the body."""
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(length))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Silent: what was asked is kept in the server's log."""

    def _keep_request(self) -> Request:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, self.path, headers, body)
        self.server.farm.keep(request)
        return request


def _multipart(request: Request) -> dict[str, tuple[str, bytes]]:
    """The fields of a form: name to (file name, content)."""
    boundary = request.headers.get("content-type", "").partition("boundary=")[2].strip('"').encode()
    fields = {}
    for part in (b"\r\n" + request.body).split(b"\r\n--" + boundary)[1:-1]:
        head, _, content = part.partition(b"\r\n\r\n")
        names = dict(re.findall(r'\b(name|filename)="([^"]*)"', head.decode()))
        fields[names["name"]] = (names.get("filename", ""), content)
    return fields


# --- How a blend is served -------------------------------------------------------------------------------------------


def well(answer: Answer, blend: Blend) -> None:
    """As it should be, ranges included."""
    size = _size(blend)
    match = re.fullmatch(r"bytes=(\d+)-(\d*)", answer.headers.get("Range", ""))
    if match is None or answer.headers.get("If-Range", _tag(blend)) != _tag(blend):
        answer.begin(size, **_resumable(blend))
        _send(answer, blend, 0, size)
    elif (start := int(match[1])) >= size:
        answer.begin(0, status=HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, Content_Range=f"bytes */{size}")
    else:
        end = min(int(match[2] or size - 1), size - 1)
        content_range = f"bytes {start}-{end}/{size}"
        status, headers = HTTPStatus.PARTIAL_CONTENT, _resumable(blend)
        answer.begin(end - start + 1, status=status, Content_Range=content_range, **headers)
        _send(answer, blend, start, end - start + 1)


def _resumable(blend: Blend) -> dict[str, Any]:
    return {"Accept_Ranges": "bytes", "ETag": _tag(blend)}


def _tag(blend: Blend) -> str:
    content = blend if isinstance(blend, bytes) else f"{blend} {blend.stat().st_mtime_ns}".encode()
    return f'"{hashlib.blake2b(content, digest_size=8).hexdigest()}"'


def cut_often(times: int) -> Behaviour:
    """Hangs up in the middle of what was asked for, `times` times; goes on from anywhere."""
    counter = itertools.count()

    def behaviour(answer: Answer, blend: Blend) -> None:
        if next(counter) >= times:
            well(answer, blend)
            return
        answer.cut_after = 1 + _size(blend) // (times + 1)
        well(answer, blend)
        answer.close_connection = True

    return behaviour


def creeping(answer: Answer, blend: Blend) -> None:
    """A byte every tenth of a second."""
    answer.begin(_size(blend))
    with _opened(blend) as file:
        while not answer.server.farm.closing.wait(0.1) and (piece := file.read(1)):
            answer.wfile.write(piece)
    answer.close_connection = True


def not_found(answer: Answer, blend: Blend) -> None:
    answer.send_error(HTTPStatus.NOT_FOUND)


def failing(times: int | None = None, *, status: int = HTTPStatus.INTERNAL_SERVER_ERROR) -> Behaviour:
    """An error the first `times` times, then well; without a number, always."""
    counter = itertools.count()

    def behaviour(answer: Answer, blend: Blend) -> None:
        if times is None or next(counter) < times:
            answer.send_error(status)
        else:
            well(answer, blend)

    return behaviour


def html_page(answer: Answer, blend: Blend) -> None:
    """What a sign-in page or a proxy does: 200, and no blend."""
    answer.say(_HTML_PAGE, content_type="text/html")


def cut_short(answer: Answer, blend: Blend) -> None:
    """Announces all of it, sends half and hangs up."""
    answer.begin(_size(blend))
    _send(answer, blend, 0, _size(blend) // 2)
    answer.close_connection = True


def wrong_length(answer: Answer, blend: Blend) -> None:
    """Announces and sends half of it, so that only the blend itself shows that something is missing."""
    half = _size(blend) // 2
    answer.begin(half)
    _send(answer, blend, 0, half)


def unannounced(answer: Answer, blend: Blend) -> None:
    """Doesn't say how long it is."""
    answer.send_response(HTTPStatus.OK)
    answer.send_header("Transfer-Encoding", "chunked")
    answer.end_headers()
    with _opened(blend) as file:
        while piece := file.read(_PIECE):
            answer.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
    answer.wfile.write(b"0\r\n\r\n")


def slow(seconds: float) -> Behaviour:
    """Takes about `seconds` for the whole blend, a little at a time."""

    def behaviour(answer: Answer, blend: Blend) -> None:
        size, pieces = _size(blend), 20
        answer.begin(size)
        for start, end in itertools.pairwise(size * step // pieces for step in range(pieces + 1)):
            if answer.server.farm.closing.wait(seconds / pieces):
                answer.close_connection = True
                return
            _send(answer, blend, start, end - start)

    return behaviour


def silent(seconds: float) -> Behaviour:
    """Says nothing for `seconds`, then serves well."""

    def behaviour(answer: Answer, blend: Blend) -> None:
        if not answer.server.farm.closing.wait(seconds):
            well(answer, blend)

    return behaviour


def redirect(answer: Answer, blend: Blend) -> None:
    """Sends the client to another address of this server, where the blend is served well."""
    elsewhere = answer.path.replace("/blend/", "/elsewhere/")
    answer.begin(0, status=HTTPStatus.FOUND, Location=elsewhere)


def _size(blend: Blend) -> int:
    return len(blend) if isinstance(blend, bytes) else blend.stat().st_size


def _send(answer: Answer, blend: Blend, start: int, length: int) -> None:
    if (length := min(length, answer.cut_after)) > 0:
        with _opened(blend) as file:
            answer.connection.sendfile(file, start, length)


def _opened(blend: Blend) -> BinaryIO:
    return io.BytesIO(blend) if isinstance(blend, bytes) else blend.open("rb")
