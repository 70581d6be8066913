# SPDX-License-Identifier: GPL-3.0-or-later
"""Download: it goes on where it was cut, never mixes two files, is given up where it creeps or has no room."""

import gzip
import os
import tracemalloc
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from http import HTTPStatus
from pathlib import Path

import pytest

from bender_worker_addon.core import retry
from bender_worker_addon.core.errors import Remedy
from bender_worker_addon.core.retry import Retry
from bender_worker_addon.core.transfers import BlendFailed, BlendReady
from bender_worker_addon.settings.tls import SYSTEM_TLS
from bender_worker_addon.worker.blends import download as download_module
from bender_worker_addon.worker.blends.blend_file import check_blend
from bender_worker_addon.worker.blends.download import Download
from bender_worker_addon.worker.blends.flaskbender import Flaskbender
from bender_worker_addon.worker.blends.http_client import Answer, HttpClient
from tests.unit.support import blend, large_blend, zstd
from tools.servers import blend_server
from tools.servers.blend_server import Blend, BlendServer

BLEND = blend(noise=os.urandom(500_000).hex())
OTHER = blend(noise=os.urandom(500_000).hex())


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "RESUMES", Retry(tries=4))


@pytest.fixture
def server() -> Iterator[BlendServer]:
    with BlendServer() as running:
        yield running


def fetch(server: BlendServer, folder: Path) -> BlendReady | BlendFailed:
    event = Flaskbender(server.url).fetch_blend("job", folder / "job.blend")
    assert [path.name for path in folder.iterdir()] == (["job.blend"] if isinstance(event, BlendReady) else [])
    return event


def test_a_download_that_is_cut_again_and_again_goes_on_where_it_was(server: BlendServer, tmp_path: Path) -> None:
    server.add("job", BLEND, behaviour=blend_server.cut_often(9))
    assert isinstance(fetch(server, tmp_path), BlendReady)
    assert (tmp_path / "job.blend").read_bytes() == BLEND
    ranges = [request.headers.get("range") for request in server.log]
    assert len(ranges) == 10
    assert len(set(ranges)) == 10
    assert None not in ranges[1:]


def test_a_file_that_changed_meanwhile_is_fetched_anew(server: BlendServer, tmp_path: Path) -> None:
    def changing(answer: blend_server.Answer, content: Blend) -> None:
        blend_server.cut_often(1)(answer, content)
        server.add("job", OTHER)

    server.add("job", BLEND, behaviour=changing)
    assert isinstance(fetch(server, tmp_path), BlendReady)
    assert (tmp_path / "job.blend").read_bytes() == OTHER


def test_another_part_than_the_one_asked_for_is_never_taken(server: BlendServer, tmp_path: Path) -> None:
    def confused(answer: blend_server.Answer, content: Blend) -> None:
        if "Range" not in answer.headers:
            blend_server.cut_often(1)(answer, content)
            return
        whole = f"bytes 0-{len(BLEND) - 1}/{len(BLEND)}"
        answer.begin(len(BLEND), status=HTTPStatus.PARTIAL_CONTENT, Content_Range=whole)
        answer.wfile.write(BLEND)

    server.add("job", BLEND, behaviour=confused)
    event = fetch(server, tmp_path)
    assert isinstance(event, BlendFailed)
    assert "another part" in str(event.error)
    assert event.error.remedy is Remedy.RETRY


def test_a_blend_that_a_proxy_has_packed_is_unpacked(server: BlendServer, tmp_path: Path) -> None:
    def packed(answer: blend_server.Answer, _: Blend) -> None:
        content = gzip.compress(zstd(BLEND))
        answer.begin(len(content), Content_Encoding="gzip", Accept_Ranges="bytes", ETag='"tag"')
        answer.wfile.write(content)

    server.add("job", BLEND, behaviour=packed)
    assert isinstance(fetch(server, tmp_path), BlendReady)
    assert (tmp_path / "job.blend").read_bytes() == zstd(BLEND)


def test_a_server_that_cannot_go_on_is_asked_once(server: BlendServer, tmp_path: Path) -> None:
    server.add("job", BLEND, behaviour=blend_server.cut_short)
    event = fetch(server, tmp_path)
    assert isinstance(event, BlendFailed)
    assert event.error.remedy is Remedy.WAIT
    assert len(server.log) == 1


def test_a_server_that_sends_nothing_more_is_given_up(server: BlendServer, tmp_path: Path) -> None:
    def stuck(answer: blend_server.Answer, content: Blend) -> None:
        answer.cut_after = 0 if answer.headers.get("Range") else 1000
        blend_server.well(answer, content)
        answer.close_connection = True

    server.add("job", BLEND, behaviour=stuck)
    assert isinstance(fetch(server, tmp_path), BlendFailed)
    assert len(server.log) == 1 + 4


def test_a_server_that_creeps_is_given_up(server: BlendServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download_module, "_LOOK", 0.3)
    server.add("job", BLEND, behaviour=blend_server.creeping)
    event = fetch(server, tmp_path)
    assert isinstance(event, BlendFailed)
    assert "too slowly" in str(event.error)
    assert event.error.remedy is Remedy.WAIT


def test_a_blend_of_ten_gigabytes_goes_on_where_it_was_cut(server: BlendServer, tmp_path: Path) -> None:
    """All but its last megabyte has come: a file with a hole stands for that."""
    size, rest = 10 * 10**9, 10**6
    server.add("job", large_blend(tmp_path / "large", size))
    ranges = []

    def ask(headers: Mapping[str, str]) -> AbstractContextManager[Answer]:
        ranges.append(headers.get("Range"))
        return HttpClient(SYSTEM_TLS).get(f"{server.url}/job/worker/blend/job", headers=headers)

    with ask({}) as beginning:
        validator = beginning.header("ETag")
    part = large_blend(tmp_path / "part", size - rest)
    download = Download(ask, part)
    download._validator = validator
    with part.open("r+b") as file:
        file.seek(0, os.SEEK_END)
        download._go_on(file)
    assert ranges == [None, f"bytes={size - rest}-"]
    assert part.stat().st_size == size
    check_blend(part)


def test_a_large_blend_takes_no_memory(server: BlendServer, tmp_path: Path) -> None:
    server.add("job", large_blend(tmp_path / "large", 200 << 20))
    folder = tmp_path / "blends"
    tracemalloc.start()
    try:
        assert isinstance(fetch(server, folder), BlendReady)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 20 << 20


def test_what_has_no_room_is_not_begun(server: BlendServer, tmp_path: Path) -> None:
    server.add("job", BLEND, behaviour=lambda answer, _: answer.begin(10**18))
    event = fetch(server, tmp_path)
    assert isinstance(event, BlendFailed)
    assert "more than are free" in str(event.error)
    assert event.error.remedy is Remedy.ELSEWHERE
