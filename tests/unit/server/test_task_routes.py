# SPDX-License-Identifier: GPL-3.0-or-later
"""What the API and the command line's site tell of a task: who rendered it, and why it failed."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from bender_worker_addon.core.errors import FarmError
from bender_worker_addon.core.tile import Region, cut
from bender_worker_addon.farm import bookkeeping, books, tiles
from bender_worker_addon.farm.tiles import Part
from bender_worker_addon.settings.config import WorkerConfig
from bender_worker_addon.sites.local import LocalSite
from bender_worker_addon.sites.remote import RemoteSite
from tests.unit.core.test_preview import jpeg
from tests.unit.server.conftest import Client

SMALL = jpeg()


def failed(client: Client, number: int, **data: Any) -> None:
    """A worker reports that this task of job-1 has failed."""
    task = client.tasks()[number - 1]
    task |= {"status": "Errored", "data": {"error": "no camera", "timings": '{"load": 1.5}', **data}}
    task["time"] |= {"start": "2026-01-01T10:00:00.5Z", "error": "2026-01-01T10:00:02Z"}
    with client.server._farm.database.changing() as connection:
        bookkeeping.enter(connection, "error.w1", json.dumps(task).encode())


@contextmanager
def sites(client: Client, folder: Path) -> Iterator[tuple[LocalSite, RemoteSite]]:
    url = client.base.replace("://", f"://me:{client.server.links.key}@")
    far = WorkerConfig(queue="rabbitmq", bender_url=url, data_dir=folder, id="w")
    near = WorkerConfig(queue="local", farm_dir=client.folder, blendpath=client.folder / "jobs", id="w")
    with LocalSite(near) as local, RemoteSite(far) as remote:
        yield local, remote


def rendered(client: Client, part: Region, preview: bytes | None) -> str:
    """A worker renders a tile of job-1, and sends a preview with it; gives the id of its task."""
    with client.server._farm.database.changing() as connection:
        task = next(one.task for one in tiles.parts(connection, "job-1", 2) if one.left == part.left)
        body = books.task(connection, "job-1", task)
        assert body is not None
        bookkeeping.enter(connection, "finish.w1", json.dumps({**json.loads(body), "status": "Finished"}).encode())
    assert client.upload("job-1", task, "000002.exr", b"pixels", preview=preview).status_code == 201
    return task


def test_a_failed_task_tells_all_that_is_known(client: Client) -> None:
    client.send(frames="1-10", chunk=4)
    failed(client, 2, output="Fra:5\nno camera", device="CPU")
    told = client.ask("GET", "/api/jobs/job-1/tasks/2").json()
    assert client.ask("GET", "/api/jobs/job-1/frames/8/task").json() == told
    assert {name: told[name] for name in ("number", "frames", "status", "worker", "device", "error", "output")} == {
        "number": 2,
        "frames": "5-8",
        "status": "Errored",
        "worker": "w1",
        "device": "CPU",
        "error": "no camera",
        "output": "Fra:5\nno camera",
    }
    assert (told["start"], told["finish"]) == ("2026-01-01T10:00:00.5Z", "2026-01-01T10:00:02Z")
    assert told["timings"] == {"load": 1.5}
    listed = client.ask("GET", "/api/jobs/job-1/tasks").json()
    assert [(task["number"], task["frames"]) for task in listed] == [(1, "1-4"), (2, "5-8"), (3, "9-10")]
    assert all("output" not in task for task in listed)
    assert client.ask("GET", "/api/jobs/job-1/tasks?status=Errored").json() == [listed[1]]
    assert client.ask("GET", "/api/jobs/job-1/tasks?after=1&limit=1").json() == [listed[1]]
    (failure,) = client.ask("GET", "/api/jobs/job-1").json()["failures"]
    assert failure == {"frames": "5-8", "reason": "no camera", "worker": "w1"}


@pytest.mark.parametrize(
    "path, status",
    [
        ("tasks/0", 404),
        ("tasks/4", 404),
        ("tasks/99999999999999999999", 404),
        ("frames/11/task", 404),
        ("frames/99999999999999999999/task", 404),
        ("tasks?limit=1001", 400),
        ("tasks?limit=-1", 400),
        ("tasks?after=x", 400),
        ("tasks?after=" + "9" * 5000, 400),
        ("tasks?status=Lost", 400),
    ],
)
def test_what_is_no_task_is_told_in_a_sentence(client: Client, path: str, status: int) -> None:
    client.send(frames="1-10", chunk=4)
    answer = client.ask("GET", f"/api/jobs/job-1/{path}")
    assert (answer.status_code, bool(answer.json()["error"])) == (status, True)
    assert client.ask("GET", f"/api/jobs/nobody/{path}").status_code in (status, 404)


def test_words_that_are_no_text_disturb_no_answer(client: Client) -> None:
    """A report may hold half of a pair that stands for one letter: it can be written neither in UTF-8 nor by SQLite."""
    client.send()
    failed(client, 1, error="\ud800", output="\udfff\nline", device="\ud83d")
    for path in ("", "/tasks", "/tasks/1", "/frames/1/task"):
        assert client.ask("GET", f"/api/jobs/job-1{path}").status_code == 200, path
    assert client.ask("GET", "/api/jobs/job-1/tasks/1").json()["output"] == "?\nline"


def test_both_sites_tell_the_same_of_a_frame(client: Client, tmp_path: Path) -> None:
    client.send(frames="1-10", chunk=4)
    failed(client, 3, output="\x1b[31mred\nno camera", device="CPU")
    with sites(client, tmp_path) as (local, remote):
        assert remote.task("job-1", 9).output == "\ufffd[31mred\nno camera"
        assert remote.task("job-1", 1) == local.task("job-1", 1)
        assert remote.details(remote.find("job-1")).failures == local.details(local.find("job-1")).failures
        for site in (local, remote):
            with pytest.raises(FarmError, match="job job-1 has no frame 11"):
                site.task("job-1", 11)


def test_both_sites_show_the_same_tiles(client: Client, tmp_path: Path) -> None:
    left, middle, right = cut(Region(10, 0, 310, 100), 3)
    client.send(frames="1-2", regions=[str(part) for part in (left, middle, right)])
    with_preview = rendered(client, left, SMALL)
    without = rendered(client, middle, None)
    with sites(client, tmp_path) as both:
        for number, site in enumerate(both):
            folder = tmp_path / str(number)
            folder.mkdir()
            found = {one.part.task: one for one in site.tiles("job-1", 2, folder)}
            assert [one.part.status for one in found.values()].count("Finished") == 2
            picture = found[with_preview].picture
            assert picture is not None
            assert picture.read_bytes() == SMALL
            assert found[with_preview].part == Part(with_preview, "Finished", left.left, 0, left.right, 100)
            assert found[without].picture is None
            assert site.tiles("job-1", 2, folder) == list(found.values())
            assert site.tiles("job-1", 3, folder) == []
