# SPDX-License-Identifier: GPL-3.0-or-later
"""Flaskbender over real HTTP: a blend comes whole or not at all, and each failure says what can be done about it."""

import gzip
import hashlib
import json
import math
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bender_worker_addon.core.errors import BlendError, Remedy
from bender_worker_addon.core.frame import StoredFrame
from bender_worker_addon.core.other_files import OtherFile
from bender_worker_addon.core.transfers import BlendFailed, BlendReady, FrameNotUploaded, FrameUploaded
from bender_worker_addon.worker.blends import flaskbender as flaskbender_module
from bender_worker_addon.worker.blends import http_client
from bender_worker_addon.worker.blends.flaskbender import Flaskbender
from tests.unit.support import PACKINGS, blend
from tools.servers import blend_server
from tools.servers.blend_server import BlendServer
from tools.servers.raw_server import RawServer

BLEND = blend(noise=os.urandom(100_000).hex())


@pytest.fixture
def server() -> Iterator[BlendServer]:
    with BlendServer() as running:
        yield running


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "blends" / "job.blend"


def fetch_error(url: str, target: Path) -> BlendError:
    event = Flaskbender(url).fetch_blend("job", target)
    assert isinstance(event, BlendFailed)
    assert event.job_id == "job"
    assert not target.exists()
    assert not list(target.parent.glob("*"))
    return event.error


def test_a_blend_comes_whole(server: BlendServer, target: Path) -> None:
    server.add("job", BLEND)
    assert Flaskbender(server.url).fetch_blend("job", target) == BlendReady("job", len(BLEND))
    assert target.read_bytes() == BLEND
    assert list(target.parent.iterdir()) == [target]


@pytest.mark.parametrize("packing", PACKINGS)
def test_a_packed_blend_is_kept_as_it_came(server: BlendServer, target: Path, packing: str) -> None:
    content = PACKINGS[packing](BLEND)
    server.add("job", content)
    Flaskbender(server.url).fetch_blend("job", target)
    assert target.read_bytes() == content


def test_the_request_is_the_one_the_farm_knows(server: BlendServer, target: Path) -> None:
    server.add("job", BLEND)
    Flaskbender(server.url).fetch_blend("job", target)
    (request,) = server.log
    assert (request.method, request.path) == ("GET", "/job/worker/blend/job")
    assert request.headers["user-agent"] == "bender-worker"
    assert json.loads(request.body) == {"request": "blendfile"}


def test_a_redirect_is_followed(server: BlendServer, target: Path) -> None:
    server.add("job", BLEND, behaviour=blend_server.redirect)
    assert isinstance(Flaskbender(server.url).fetch_blend("job", target), BlendReady)


def test_a_job_without_a_blend_fails_for_good(server: BlendServer, target: Path) -> None:
    error = fetch_error(server.url, target)
    assert "404" in str(error)
    assert error.remedy is Remedy.NONE


@pytest.mark.parametrize("status", [500, 502, 503, 504, 599, 408, 425, 429, 301, 304])
def test_a_server_that_is_not_up_to_it_is_waited_for(server: BlendServer, target: Path, status: int) -> None:
    server.add("job", BLEND, behaviour=blend_server.failing(1, status=status))
    error = fetch_error(server.url, target)
    assert str(status) in str(error)
    assert error.remedy is Remedy.WAIT
    assert isinstance(Flaskbender(server.url).fetch_blend("job", target), BlendReady)


@pytest.mark.parametrize("status", [401, 403, 407, 410, 451])
def test_a_refusal_may_be_this_workers_alone(server: BlendServer, target: Path, status: int) -> None:
    server.add("job", BLEND, behaviour=blend_server.failing(status=status))
    error = fetch_error(server.url, target)
    assert str(status) in str(error)
    assert error.remedy is Remedy.ELSEWHERE


@pytest.mark.parametrize(
    ("page", "content_type"),
    [
        (b"<!DOCTYPE html><title>Sign in</title>", "text/html; charset=utf-8"),
        (b"We'll be back soon.", "Text/HTML"),
        (b"", "text/html"),
        (b"\xef\xbb\xbf\r\n  <html>", "application/octet-stream"),
        (b"<?xml version='1.0'?><html/>", "text/plain"),
        (gzip.compress(b"<html>packed</html>", mtime=0), "text/html"),
    ],
)
def test_a_page_in_the_place_of_a_blend_is_waited_out(
    server: BlendServer, target: Path, page: bytes, content_type: str
) -> None:
    server.add("job", BLEND, behaviour=lambda answer, _: answer.say(page, content_type=content_type))
    error = fetch_error(server.url, target)
    assert "a web page in the place of the blend" in str(error)
    assert error.remedy is Remedy.WAIT


def test_a_blend_is_one_whatever_the_server_calls_it(server: BlendServer, target: Path) -> None:
    server.add("job", BLEND, behaviour=lambda answer, _: answer.say(BLEND, content_type="text/html"))
    assert isinstance(Flaskbender(server.url).fetch_blend("job", target), BlendReady)


@pytest.mark.parametrize("content", [b"The quick brown fox", b"", b'{"error": "no such job"}'])
def test_what_is_no_blend_and_no_page_is_nobody_elses_either(server: BlendServer, target: Path, content: bytes) -> None:
    server.add("job", content)
    error = fetch_error(server.url, target)
    assert "not a blend" in str(error)
    assert error.remedy is Remedy.NONE


def test_a_download_that_is_cut_is_waited_for(server: BlendServer, target: Path) -> None:
    server.add("job", BLEND, behaviour=blend_server.cut_short)
    error = fetch_error(server.url, target)
    assert str(error) == "the blend's download was cut short: the connection was cut"
    assert error.remedy is Remedy.WAIT


def test_half_a_blend_is_asked_for_again(server: BlendServer, target: Path) -> None:
    server.add("job", BLEND, behaviour=blend_server.wrong_length)
    error = fetch_error(server.url, target)
    assert str(error) == "the blend is cut short or damaged"
    assert error.remedy is Remedy.RETRY


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "120"}, 120),
        ({"Retry-After": "0"}, 0),
        ({"Retry-After": "-5"}, 0),
        ({"Retry-After": "soon"}, 0),
        ({"Retry-After": "1e9"}, 0),
        ({"Retry-After": "9" * 400}, math.inf),
        ({"Retry-After": "Fri, 31 Dec 1999 23:59:59 GMT", "Date": "Fri, 31 Dec 1999 23:58:59 GMT"}, 60),
        ({"Retry-After": "Fri, 31 Dec 1999 23:58:00 GMT", "Date": "Fri, 31 Dec 1999 23:58:59 GMT"}, 0),
        ({"Retry-After": "Fri, 31 Dec 1999 23:59:59 GMT"}, 0),
        ({"Retry-After": "Fri, 31 Dec 1999 23:59:59 GMT", "Date": "Fri, 31 Dec 1999 23:58:59 -0000"}, 0),
        ({"Retry-After": "Fri, 99 Dec 1999 23:59:59 GMT", "Date": "Fri, 31 Dec 1999 23:58:59 GMT"}, 0),
        ({}, 0),
    ],
)
def test_a_server_may_say_when_it_wants_to_be_asked_again(
    target: Path, headers: dict[str, str], seconds: float
) -> None:
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    with RawServer(f"HTTP/1.1 503 Busy\r\n{lines}Content-Length: 0\r\n\r\n".encode()) as server:
        assert fetch_error(server.url, target).retry_after == seconds


@pytest.mark.parametrize(
    ("behaviour", "served"),
    [
        (blend_server.well, True),
        (blend_server.cut_short, True),
        (blend_server.failing(), False),
        (blend_server.html_page, False),
        (blend_server.not_found, False),
    ],
)
def test_whether_a_blend_is_served_is_seen_from_its_beginning(
    server: BlendServer, behaviour: blend_server.Behaviour, served: bool
) -> None:
    server.add("job", BLEND, behaviour=behaviour)
    assert Flaskbender(server.url).serves("job") is served


def test_nobody_there_is_waited_for(target: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
    error = fetch_error(url, target)
    assert error.remedy is Remedy.WAIT
    assert str(error) == "flaskbender can't be reached: Connection refused"


def test_silence_is_waited_for(server: BlendServer, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_client, "_SILENCE", 0.05)
    server.add("job", BLEND, behaviour=blend_server.silent(60))
    error = fetch_error(server.url, target)
    assert error.remedy is Remedy.WAIT
    assert str(error) == "flaskbender can't be reached: no answer in time"


def test_a_whole_blend_stays_when_a_later_download_fails(server: BlendServer, target: Path) -> None:
    server.add("job", BLEND)
    Flaskbender(server.url).fetch_blend("job", target)
    server.add("job", BLEND, behaviour=blend_server.cut_short)
    Flaskbender(server.url).fetch_blend("job", target)
    assert target.read_bytes() == BLEND


@pytest.mark.parametrize("depth", [0, 1])
def test_a_folder_that_cannot_be_made_is_named(server: BlendServer, tmp_path: Path, depth: int) -> None:
    server.add("job", BLEND)
    blocked = tmp_path / "a-file"
    blocked.write_text("not a folder")
    folder = blocked.joinpath(*["deeper"] * depth)
    event = Flaskbender(server.url).fetch_blend("job", folder / "job.blend")
    assert isinstance(event, BlendFailed)
    assert str(folder) in str(event.error)
    assert event.error.remedy is Remedy.RETRY


@pytest.mark.parametrize("status", ["Queued", "Running", "Canceled", "Errored", "Finished"])
def test_a_jobs_status_is_understood_as_flaskbender_writes_it(server: BlendServer, status: str) -> None:
    server.add("job", BLEND, status=status)
    assert Flaskbender(server.url).job_status("job").status == status
    assert server.log[0].path == "/job/worker/status/job"


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ('{"Job": "Finished"}', "Finished"),
        (' {"Job": "Running", "Request": null, "public": true}\n', "Running"),
        ("{'Job': 'Running', 'Request': None}", "Running"),
        ("{'Request': 'Scanned'}", None),
        ("{'Job': 'Melted'}", None),
        ("{'Job': ['Finished']}", None),
        ("Finished", None),
        ("", None),
        ("<html>", None),
        ("{[]: 1}", None),
        ("{'Job': __import__('os').getpid()}", None),
        ("[" * 100_000, None),
        ("'" * 9 + "\\0", None),
        ("\0", None),
    ],
)
def test_a_status_is_understood_or_unknown(text: str, status: str | None) -> None:
    assert flaskbender_module._job_status(text) == status


@given(st.text(max_size=30) | st.text("{}[]()'\":,\\ Job01", max_size=30))
def test_no_answer_can_raise_anything(text: str) -> None:
    assert flaskbender_module._job_status(text) is None


def test_no_answer_is_no_status(server: BlendServer) -> None:
    url = server.url
    assert Flaskbender(url).job_status("unknown").status is None
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
    assert Flaskbender(url).job_status("job").status is None


def test_one_that_takes_frames_only_is_sent_nothing_else(server: BlendServer, tmp_path: Path) -> None:
    server.add("job", BLEND)
    other = OtherFile("passes/z0001.exr", 4, hashlib.blake2b(b"deep").hexdigest())
    frame = StoredFrame(1, tmp_path / "000001.png", 3, hashlib.blake2b(b"png").hexdigest(), (other,))
    frame.path.write_bytes(b"png")
    sent = Flaskbender(server.url).upload(job_id="job", task_id="task", frame=frame)
    assert sent == FrameUploaded("task", 1, alone=True)
    assert [(upload.filename, upload.whole) for upload in server.uploads] == [("000001.png", True)]


@pytest.mark.parametrize("said", [b"stored", b"", b"True", b'{"ok": true}', b"frame 1", b"x" * 10_000])
def test_whatever_flaskbender_says_of_a_frame_it_is_its_status_that_counts(tmp_path: Path, said: bytes) -> None:
    """Flask calls any text that it is given HTML."""
    head = f"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {len(said)}\r\n\r\n"
    with RawServer(head.encode() + said) as server:
        sent = Flaskbender(server.url).upload(job_id="job", task_id="task", frame=a_frame(tmp_path))
    assert sent == FrameUploaded("task", 1)


def test_an_answer_that_breaks_off_behind_its_status_counts_too(tmp_path: Path) -> None:
    with RawServer(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nstor") as server:
        sent = Flaskbender(server.url).upload(job_id="job", task_id="task", frame=a_frame(tmp_path))
    assert sent == FrameUploaded("task", 1)


@pytest.mark.parametrize("page", [b"<!DOCTYPE html><p>Sign in", b"\r\n <html>", b"<HTML><meta refresh>" + b"x" * 9999])
def test_a_page_that_comes_when_a_frame_is_sent_is_waited_out(tmp_path: Path, page: bytes) -> None:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {len(page)}\r\n\r\n"
    with RawServer(head.encode() + page) as server:
        sent = Flaskbender(server.url).upload(job_id="job", task_id="task", frame=a_frame(tmp_path))
    assert isinstance(sent, FrameNotUploaded)
    assert sent.error.remedy is Remedy.WAIT
    assert "is a sign-in or maintenance before flaskbender?" in str(sent.error)


def a_frame(folder: Path) -> StoredFrame:
    path = folder / "000001.png"
    path.write_bytes(b"png")
    return StoredFrame(1, path, 3, hashlib.blake2b(b"png").hexdigest())
