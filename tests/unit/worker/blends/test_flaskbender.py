# SPDX-License-Identifier: GPL-3.0-or-later
"""Flaskbender over real HTTP: a blend comes whole or not at all, and each failure says what can be done about it."""

import json
import os
import socket
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bender_worker_addon.core.errors import BlendError
from bender_worker_addon.core.transfers import BlendFailed, BlendReady
from bender_worker_addon.worker.blends import flaskbender as flaskbender_module
from bender_worker_addon.worker.blends.flaskbender import Flaskbender
from tests.unit.support import PACKINGS, blend
from tools.servers import blend_server
from tools.servers.blend_server import BlendServer

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
    assert (error.again, error.elsewhere, error.patient) == (False, False, False)


def test_a_server_error_may_pass(server: BlendServer, target: Path) -> None:
    server.add("job", BLEND, behaviour=blend_server.failing(1))
    error = fetch_error(server.url, target)
    assert "500" in str(error)
    assert (error.again, error.elsewhere) == (True, True)
    assert isinstance(Flaskbender(server.url).fetch_blend("job", target), BlendReady)


def test_a_refusal_may_be_this_workers_alone(server: BlendServer, target: Path) -> None:
    server.add("job", BLEND, behaviour=blend_server.failing(status=HTTPStatus.FORBIDDEN))
    error = fetch_error(server.url, target)
    assert "403" in str(error)
    assert (error.again, error.elsewhere) == (False, True)


def test_a_page_is_no_blend(server: BlendServer, target: Path) -> None:
    server.add("job", BLEND, behaviour=blend_server.html_page)
    error = fetch_error(server.url, target)
    assert "not a blend" in str(error)
    assert (error.again, error.elsewhere) == (False, False)


@pytest.mark.parametrize("behaviour", [blend_server.cut_short, blend_server.wrong_length])
def test_half_a_blend_is_none(server: BlendServer, target: Path, behaviour: blend_server.Behaviour) -> None:
    server.add("job", BLEND, behaviour=behaviour)
    error = fetch_error(server.url, target)
    assert "cut short" in str(error)
    assert (error.again, error.elsewhere) == (True, True)


def test_nobody_there_is_waited_for(target: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
    error = fetch_error(url, target)
    assert error.patient
    assert str(error) == "flaskbender can't be reached: Connection refused"


def test_silence_is_waited_for(server: BlendServer, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flaskbender_module, "_TIMEOUT", (5.0, 0.05))
    server.add("job", BLEND, behaviour=blend_server.silent(60))
    error = fetch_error(server.url, target)
    assert error.patient
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
    assert event.error.elsewhere


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
