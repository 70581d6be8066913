# SPDX-License-Identifier: GPL-3.0-or-later
"""A server whose disk is full, or whose books are locked or damaged: it says so, and goes on once that is over."""

import hashlib
import json
import logging
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import requests

from bender_worker_addon.server import farm
from bender_worker_addon.server.serve import Server
from bender_worker_addon.settings.config import WorkerConfig
from tests import disks
from tests.farm.ground import eventually
from tests.unit.server.conftest import SCENE, Client
from tests.unit.support import PNG

SIZE = 8 << 20  # bytes of the small disk


@pytest.fixture
def client_on_a_small_disk(tmp_path: Path) -> Iterator[Client]:
    with disks.small(tmp_path / "disk", size=SIZE) as disk:
        farm_dir = disk / "farm"
        config = WorkerConfig(
            queue="local", disklimit=0.001, farm_dir=farm_dir, blendpath=farm_dir, outpath=farm_dir, id="farm"
        )
        with closing(Server(config, host="127.0.0.1", port=0)) as server:
            yield Client(server, farm_dir)


def is_told(answer: requests.Response, status: int, words: str) -> None:
    assert (answer.status_code, words in answer.json()["error"]) == (status, True), answer.text


def nothing_unforeseen(caplog: pytest.LogCaptureFixture) -> bool:
    return not [record for record in caplog.records if record.exc_info or record.levelno >= logging.ERROR]


def test_a_full_disk_is_told_and_costs_nothing(
    client_on_a_small_disk: Client, caplog: pytest.LogCaptureFixture
) -> None:
    client = client_on_a_small_disk
    assert client.send().status_code == 201
    task = client.tasks()[0]["id"]
    hash_of_x = {"X-Blake2b": hashlib.blake2b(b"x").hexdigest()}
    assert client.ask("PUT", "/api/jobs/job-2/files/x.blend", data=b"x", headers=hash_of_x).status_code == 201
    filler = disks.fill(client.folder.parent)
    is_told(client.upload("job-1", task, "000001.png", PNG), 507, "disk is nearly full")
    is_told(client.ask("PUT", "/api/jobs/job-2/files/x.blend", data=b"x"), 507, "disk is nearly full")
    told = {"id": "job-2", "name": "two", "blend": "x.blend", "frames": "1-90000", "image_format": "PNG"}
    is_told(client.ask("POST", "/api/jobs", data=json.dumps({**told, "scene": SCENE})), 503, "No space left")
    for change in ("pause", "resume", "cancel", "retry") * 20:
        answer = client.ask("POST", f"/api/jobs/job-1/{change}")
        assert answer.status_code in (200, 503), answer.text
    assert client.ask("GET", "/api/jobs").status_code in (200, 503)
    filler.unlink()
    eventually(lambda: client.ask("POST", "/api/jobs/job-1/retry").status_code == 200)
    assert client.upload("job-1", task, "000001.png", PNG).status_code == 201
    assert [job["id"] for job in client.ask("GET", "/api/jobs").json()] == ["job-1"]
    client.server.look_after()
    assert nothing_unforeseen(caplog)


def test_books_that_somebody_else_holds_are_told_and_asked_again(
    client: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(farm, "_PATIENCE", 0.1)
    client.send()
    with closing(sqlite3.connect(client.folder / "farm.sqlite", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        answer = client.ask("POST", "/api/jobs/job-1/pause")
        is_told(answer, 503, "another program holds it")
        assert answer.headers["Retry-After"]
        assert client.ask("GET", "/api/jobs").status_code == 200
        other.execute("ROLLBACK")
    assert client.ask("POST", "/api/jobs/job-1/pause").status_code == 200
    assert nothing_unforeseen(caplog)


def test_books_that_are_damaged_are_told_and_what_needs_none_goes_on(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    client.send(frames="1-500")
    with closing(sqlite3.connect(client.folder / "farm.sqlite")) as other:
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with (client.folder / "farm.sqlite").open("r+b") as file:
        size = file.seek(0, 2)
        file.seek(100)
        file.write(b"\xa5" * (size - 100))
    for method, path in (("GET", "/api/jobs"), ("GET", "/metrics"), ("POST", "/api/jobs/job-1/pause")):
        is_told(client.ask(method, path), 503, "it is damaged")
    is_told(client.ask("GET", "/job/worker/status/job-1", key="some-worker"), 503, "it is damaged")
    assert client.ask("GET", "/openapi.json").status_code == 200
    client.server.look_after()
    assert nothing_unforeseen(caplog)
