# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever a server says, in whichever bytes: an event comes of it, soon, and never an error that ends the worker."""

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bender_worker_addon.core import retry
from bender_worker_addon.core.errors import Remedy
from bender_worker_addon.core.frame import StoredFrame
from bender_worker_addon.core.retry import Retry
from bender_worker_addon.core.transfers import BlendFailed, BlendReady, FrameNotUploaded, FrameUploaded, JobStatus
from bender_worker_addon.settings.tls import SYSTEM_TLS
from bender_worker_addon.worker.blends import download, http_client
from bender_worker_addon.worker.blends.flaskbender import Flaskbender, why_unreachable
from tests.unit.support import DEADLINE, blend
from tools.servers.raw_server import RawServer

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
BLEND = blend()

Ask = Callable[[str, Path], object]


def fetch(url: str, folder: Path) -> object:
    event = Flaskbender(url).fetch_blend("job", folder / "job.blend")
    assert isinstance(event, BlendReady | BlendFailed)
    assert [path.name for path in folder.glob("*job*")] == (["job.blend"] if isinstance(event, BlendReady) else [])
    (folder / "job.blend").unlink(missing_ok=True)
    return event


def serves(url: str, folder: Path) -> object:
    served = Flaskbender(url).serves("job")
    assert isinstance(served, bool)
    return served


def ask_for_status(url: str, folder: Path) -> object:
    event = Flaskbender(url).job_status("job")
    assert isinstance(event, JobStatus)
    return event


def upload(url: str, folder: Path) -> object:
    path = folder / "000001.png"
    path.write_bytes(b"picture")
    frame = StoredFrame(1, path, 7, "00" * 64)
    event = Flaskbender(url).upload(job_id="job", task_id="task", frame=frame)
    assert isinstance(event, FrameUploaded | FrameNotUploaded)
    return event


def see_if_reachable(url: str, folder: Path) -> object:
    trouble = why_unreachable(url, SYSTEM_TLS)
    assert isinstance(trouble, str)
    return trouble


ASKING: dict[str, Ask] = {
    "fetch": fetch,
    "serves": serves,
    "status": ask_for_status,
    "upload": upload,
    "reach": see_if_reachable,
}


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_CONNECT", "_SILENCE", "_ANSWER"):
        monkeypatch.setattr(http_client, name, 0.5)
    monkeypatch.setattr(download, "_LOOK", 0.5)
    monkeypatch.setattr(retry, "RESUMES", Retry(tries=2))


@pytest.fixture(scope="module")
def server() -> Iterator[RawServer]:
    with RawServer() as running:
        yield running


def asked(server: RawServer, ask: Ask, folder: Path) -> Any:
    """What comes of asking; fails if that takes too long."""
    came: list[object] = []
    failed: list[BaseException] = []

    def do() -> None:
        try:
            came.append(ask(server.url, folder))
        except BaseException as error:  # noqa: BLE001  it is told below
            failed.append(error)

    asking = threading.Thread(target=do, daemon=True)
    asking.start()
    asking.join(DEADLINE)
    assert not asking.is_alive(), f"no end of {server.answer!r}, {server.again!r}"
    assert not failed, f"{failed} of {server.answer!r}"
    return came[0]


def redirect(location: bytes) -> bytes:
    return b"HTTP/1.1 302 Found\r\nLocation: " + location + b"\r\nContent-Length: 0\r\n\r\n"


ODD = {
    "two lengths that differ": OK + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
    "a length of a word": OK + b"Content-Length: many\r\n\r\nhello",
    "a length of 5,000 digits": OK + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\nhello",
    "a length below nothing": OK + b"Content-Length: -5\r\n\r\nhello",
    "a length that nobody has": OK + b"Content-Length: 99999999999999999999\r\n\r\nhello",
    "to a host that is none": redirect(b"http://a..b"),
    "to half an address": redirect(b"http://[::1"),
    "to a port too high": redirect(b"http://localhost:99999/"),
    "to a name too long": redirect(b"http://" + b"x" * 300 + b".\xc3\xa4/"),
    "to bytes that are no text": redirect(b"http://\xff\xfe/"),
    "to a file": redirect(b"file:///etc/passwd"),
    "to nothing": redirect(b""),
    "to itself": redirect(b"/"),
    "to a control character": redirect(b"http://127.0.0.1:1/\x00\x1b"),
    "a chunk of no size": CHUNKED + b"many\r\nhello\r\n0\r\n\r\n",
    "a chunk below nothing": CHUNKED + b"-5\r\nhello\r\n0\r\n\r\n",
    "a chunk that nobody has": CHUNKED + b"f" * 40 + b"\r\nhello\r\n0\r\n\r\n",
    "a chunk that is cut": CHUNKED + b"ff\r\nhello",
    "no gzip": OK + b"Content-Encoding: gzip\r\n\r\nhello",
    "twice packed": OK + b"Content-Encoding: gzip, deflate, br, zstd\r\n\r\nhello",
    "a charset that is none": OK + b"Content-Type: text/plain; charset=utf-7\0\r\n\r\n{'Job': 'Running'}",
    "a charset of another kind": OK + b"Content-Type: text/plain; charset=rot13\r\n\r\n{'Job': 'Running'}",
    "a status of a word": b"HTTP/1.1 fine OK\r\n\r\n",
    "a status too high": b"HTTP/1.1 99999 OK\r\n\r\n",
    "another protocol": b"SSH-2.0-OpenSSH_9.2p1\r\n",
    "nothing": b"",
    "headers that are none": OK + b"\x00\xff: \r\n: \r\n \r\n=\r\n\r\n",
    "a thousand headers": OK + b"a: b\r\n" * 1000 + b"\r\n",
    "a long header": OK + b"a: " + b"b" * 100_000 + b"\r\n\r\n",
    "a cookie of bytes": OK + b"Set-Cookie: \xff=\x00; expires=\xff; max-age=-\r\n\r\n",
    "lists in lists": OK + b"\r\n" + b"[" * 100_000,
    "minus minus": OK + b"\r\n" + b"-" * 100_000 + b"1",
    "a long sum": OK + b"\r\n1" + b"+1" * 2000,
    "a part nobody asked for": b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 9-/*\r\n\r\nhello",
    "a part of nonsense": b"HTTP/1.1 206 Partial Content\r\nContent-Range: \xff\r\n\r\nhello",
    "a reason of bytes": b"HTTP/1.1 404 \x1b[31m\x00\xff\r\nContent-Length: 0\r\n\r\n",
    "a switch of protocols": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
}


@pytest.mark.parametrize("ask", ASKING)
@pytest.mark.parametrize("odd", ODD)
def test_an_odd_answer_is_an_answer_or_none(server: RawServer, tmp_path: Path, odd: str, ask: str) -> None:
    server.answer, server.again = ODD[odd], b""
    event = asked(server, ASKING[ask], tmp_path)
    assert "\n" not in str(getattr(event, "error", event))


@pytest.mark.parametrize("lines", [b"Content-Length: %d, %d\r\n", b"Content-Length: %d\r\nContent-Length: %d\r\n"])
def test_a_length_said_twice_is_a_length(server: RawServer, tmp_path: Path, lines: bytes) -> None:
    server.answer, server.again = OK + lines % (len(BLEND), len(BLEND)) + b"\r\n" + BLEND, b""
    assert asked(server, fetch, tmp_path) == BlendReady("job", len(BLEND))


@pytest.mark.parametrize("odd", ["to a host that is none", "to itself", "two lengths that differ", "nothing"])
def test_a_server_that_speaks_nonsense_is_waited_for(server: RawServer, tmp_path: Path, odd: str) -> None:
    server.answer, server.again = ODD[odd], b""
    assert asked(server, fetch, tmp_path).error.remedy is Remedy.WAIT


ENDLESS = {
    "a header": (OK, b"a"),
    "headers": (OK, b"a: b\r\n"),
    "to be continued": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "trailers": (CHUNKED + b"0\r\n", b"a: b\r\n"),
    "the size of a chunk": (CHUNKED, b"0"),
    "chunks of a byte": (CHUNKED, b"1\r\na\r\n"),
    "a body a byte at a time": (OK + b"Content-Length: 1000000\r\n\r\n", b"a"),
    "a redirect's body": (b"HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n", b"a" * 1000),
}


WITHOUT_END = [
    (endless, ask, pause)
    for endless, ask, pause in itertools.product(ENDLESS, ASKING, [0.0, 0.05])
    # That is a download, until its length has come or the disk is full: tests/faults/test_disk.py.
    if not (ask == "fetch" and not pause and "a byte" in endless)
]


@pytest.mark.parametrize("endless, ask, pause", WITHOUT_END)
def test_an_answer_without_end_is_given_up(
    server: RawServer, tmp_path: Path, endless: str, ask: str, pause: float
) -> None:
    server.answer, server.again = ENDLESS[endless]
    server.pause = pause
    asked(server, ASKING[ask], tmp_path)


def test_a_status_of_any_length_takes_no_memory(server: RawServer, tmp_path: Path) -> None:
    server.answer, server.again, server.pause = OK + b"\r\n{'Job': 'Running'}", b" " * 65536, 0.0
    assert asked(server, ask_for_status, tmp_path) == JobStatus("job", None)


def test_a_download_that_creeps_in_chunks_is_given_up(server: RawServer, tmp_path: Path) -> None:
    server.answer, server.again, server.pause = CHUNKED, b"1\r\na\r\n", 0.02
    event = asked(server, fetch, tmp_path)
    assert "too slowly" in str(event.error)
    assert event.error.remedy is Remedy.WAIT


# --- Whatever ---------------------------------------------------------------------------------------------------------

TOKENS = st.sampled_from(
    [
        b"Content-Length",
        b"Transfer-Encoding",
        b"Content-Encoding",
        b"Content-Range",
        b"Content-Type",
        b"Location",
        b"Retry-After",
        b"Date",
        b"ETag",
        b"Accept-Ranges",
        b"Set-Cookie",
        b"Connection",
        b"Upgrade",
    ]
)
VALUES = st.one_of(
    st.binary(max_size=30),
    st.sampled_from(
        [b"chunked", b"gzip", b"deflate", b"zstd", b"br", b"bytes", b"bytes 0-", b"5", b"0", b"-1", b"5, 5", b"1e9"]
    ),
    st.sampled_from([b"//", b"/", b"http://", b"https://[", b"http://a:b@c:d/", b"http://..", b"\xe4\xf6.\xfc", b"#"]),
    st.sampled_from([b"text/html; charset=", b"Fri, 31 Dec 1999 23:59:59 GMT", b'"tag"', b"W/x", b"close", b"a=b; c"]),
)
HEADERS = st.lists(st.tuples(TOKENS, st.lists(VALUES, min_size=1, max_size=3).map(b"".join)), max_size=6)
BODIES = st.one_of(
    st.binary(max_size=200),
    st.sampled_from([BLEND, BLEND[:40], b"<html>", b"{'Job': 'Running'}", b"5\r\nhello\r\n0\r\n\r\n", b"\x1f\x8b\x08"]),
    st.lists(st.sampled_from([b"5\r\nhello\r\n", b"-1\r\n", b"0\r\n", b"\r\n", b"a: b\r\n", b"g"])).map(b"".join),
)
STATUSES = st.one_of(
    st.sampled_from(
        [b"200 OK", b"206 Partial Content", b"302 Found", b"307 x", b"416 x", b"503 x", b"204 x", b"100 x"]
    ),
    st.binary(max_size=12),
)


@st.composite
def structured(draw: st.DrawFn) -> bytes:
    """An answer that begins as one does and may go wrong anywhere."""
    head = b"HTTP/1.1 " + draw(STATUSES) + b"\r\n"
    head += b"".join(name + b": " + value + b"\r\n" for name, value in draw(HEADERS))
    return head + b"\r\n" + draw(BODIES)


@pytest.mark.parametrize("ask", ASKING)
@given(answer=structured() | st.binary(max_size=300))
def test_whatever_is_answered_is_an_event(
    server: RawServer, tmp_path_factory: pytest.TempPathFactory, ask: str, answer: bytes
) -> None:
    server.answer, server.again = answer, b""
    began = time.monotonic()
    asked(server, ASKING[ask], tmp_path_factory.mktemp("odd"))
    assert time.monotonic() - began < DEADLINE
