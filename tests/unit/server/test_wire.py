# SPDX-License-Identifier: GPL-3.0-or-later
"""Bender's wire, as its workers speak it: blends, statuses in Python's words, frames that count only when proven."""

import hashlib
import json
import os
import socket
from typing import Any

import pytest

from bender_worker_addon.core.other_files import TAKES_OTHERS
from bender_worker_addon.core.tile import Region, cut
from bender_worker_addon.farm import bookkeeping, books, stored
from tests.unit.core.test_preview import jpeg
from tests.unit.server.conftest import Client
from tests.unit.support import DEADLINE, PNG, blend

PICTURE = PNG + os.urandom(200_000)


def test_a_blend_is_served_whole_and_in_parts(client: Client) -> None:
    client.send()
    whole = client.ask("GET", "/job/worker/blend/job-1")
    assert (whole.status_code, whole.content) == (200, blend())
    etag = whole.headers["etag"]
    part = client.ask("GET", "/job/worker/blend/job-1", headers={"Range": "bytes=10-", "If-Range": etag})
    assert (part.status_code, part.content) == (206, blend()[10:])
    changed = client.ask("GET", "/job/worker/blend/job-1", headers={"Range": "bytes=10-", "If-Range": '"other"'})
    assert (changed.status_code, changed.content) == (200, blend())


@pytest.mark.parametrize("job", ["nobody", "..", "%2e%2e", "a%2fb", ".new-job-1", "x" * 300, "%00", "job-1%0a"])
@pytest.mark.parametrize("what", ["blend", "status"])
def test_what_is_no_job_is_a_true_404(client: Client, what: str, job: str) -> None:
    client.send()
    assert client.ask("GET", f"/job/worker/{what}/{job}").status_code == 404


def test_a_status_stands_in_single_quotes(client: Client) -> None:
    client.send()
    assert client.ask("GET", "/job/worker/status/job-1").text == "{'Job': 'Queued'}"
    client.ask("POST", "/api/jobs/job-1/cancel")
    assert client.ask("GET", "/job/worker/status/job-1").text == "{'Job': 'Canceled'}"


def test_a_frame_is_stored_once_it_is_proven(client: Client) -> None:
    client.send()
    task = client.tasks()[1]["id"]
    assert client.upload("job-1", task, "000002.png", PICTURE).status_code == 201
    assert client.frame("000002.png").read_bytes() == PICTURE
    assert client.upload("job-1", task, "000002.png", PICTURE).status_code == 201
    assert [path.name for path in client.frame("").iterdir()] == ["000002.png"]


def test_of_a_frame_that_was_rendered_twice_the_first_stays_whatever_is_reported_later(client: Client) -> None:
    client.send()
    number, task = client.tasks()[1]["id"], client.tasks()[1]
    first, second = PICTURE, PNG + os.urandom(100_000)
    assert client.upload_other("job-1", number, "passes/z.png", first).status_code == 201
    assert client.upload("job-1", number, "000002.png", first).status_code == 201
    told = {"filesize": len(second), "hash": hashlib.blake2b(second).hexdigest(), "uploaded": True, "stored": True}
    for late in ({**task, "status": "Finished"}, {**task, "status": "Running"}):
        late["command"]["Blender"]["frame"]["2"] = told
        with client.server._farm.database.changing() as connection:
            bookkeeping.enter(connection, "finish.late", json.dumps(late).encode())
    assert client.upload("job-1", number, "000002.png", second).status_code == 201
    assert client.upload_other("job-1", number, "passes/z.png", second).status_code == 201
    assert client.frame("000002.png").read_bytes() == client.frame("passes/z.png").read_bytes() == first
    (frame,) = client.server._farm.ask(lambda site: site.frames("job-1"))
    assert (frame.size, frame.hash) == (len(first), hashlib.blake2b(first).hexdigest())


def test_a_frame_that_is_gone_can_be_stored_again(client: Client) -> None:
    client.send()
    task, again = client.tasks()[1]["id"], PNG + os.urandom(100_000)
    assert client.upload("job-1", task, "000002.png", PICTURE).status_code == 201
    client.frame("000002.png").unlink()
    assert client.upload("job-1", task, "000002.png", again).status_code == 201
    assert client.frame("000002.png").read_bytes() == again
    with client.server._farm.database.looking() as connection:
        assert stored.size_of(connection, "job-1", task, 2) == len(again)


def test_what_is_written_with_a_frame_is_stored_in_folders_below_the_jobs(client: Client) -> None:
    client.send()
    task = client.tasks()[0]["id"]
    assert client.ask("GET", f"/job/job-1/{task}/other").text == TAKES_OTHERS
    assert client.upload_other("job-1", task, "passes/z 0001.exr", PICTURE).status_code == 201
    assert client.frame("passes/z 0001.exr").read_bytes() == PICTURE
    assert client.upload_other("job-1", task, "passes/z0001.exr", PICTURE, "0" * 128).status_code == 400
    assert [path.name for path in client.frame("passes").iterdir()] == ["z 0001.exr"]


@pytest.mark.parametrize(
    "name",
    [
        *("000001.png", "passes/page.html", "passes/.z.png", "%2e%2e/z.png", "passes/%2e%2e/%2e%2e/%2e%2e/z.png"),
        *("passes%5C..%5Cz.png", "/etc/z.png", "nul/z.png", "passes/z.png%00", "passes/" * 9 + "z.png"),
    ],
)
def test_no_other_place_can_be_named(client: Client, name: str) -> None:
    client.send()
    answer = client.upload_other("job-1", client.tasks()[0]["id"], name, PICTURE)
    assert answer.status_code in (404, 405)
    assert nothing_is_left(client)


def test_no_other_files_are_taken_but_of_a_task_of_the_job(client: Client) -> None:
    client.send("job-1")
    client.send("job-2")
    for job, task in (("job-1", client.tasks("job-2")[0]["id"]), ("job-1", "x"), ("nobody", "x"), ("..", "x")):
        assert client.upload_other(job, task, "passes/z.png", PICTURE).status_code == 404
    assert nothing_is_left(client)


@pytest.mark.parametrize(
    "told, status",
    [({"filesize": 7}, 400), ({"filehash": "0" * 128}, 400), ({"filesize": "x" * 5000}, 400), ({"filehash": ""}, 400)],
)
def test_what_is_not_what_was_told_is_refused_for_good(client: Client, told: dict[str, Any], status: int) -> None:
    client.send()
    answer = client.upload("job-1", client.tasks()[0]["id"], "000001.png", PICTURE, **told)
    assert answer.status_code == status
    assert answer.json()["error"]
    assert nothing_is_left(client)


@pytest.mark.parametrize(
    "name",
    ["000009.png", "000001.exr", "../000001.png", "..\\000001.png", "000001.png\0", "", "C:000001.png", "/etc/passwd"],
)
def test_only_frames_of_the_task_are_taken(client: Client, name: str) -> None:
    client.send()
    assert client.upload("job-1", client.tasks()[0]["id"], name, PICTURE).status_code in (400, 404)
    assert nothing_is_left(client)


def test_another_jobs_task_is_nobodys(client: Client) -> None:
    client.send("job-1")
    client.send("job-2")
    task = client.tasks("job-2")[0]["id"]
    assert client.upload("job-1", task, "000001.png", PICTURE).status_code == 404
    assert nothing_is_left(client)


@pytest.mark.parametrize(
    "body", [b"", b"no form", b"--x\r\n", b"--x\r\nContent-Disposition: form-data\r\n\r\n", b"\0" * 9000]
)
def test_what_is_no_form_is_refused(client: Client, body: bytes) -> None:
    client.send()
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    answer = client.ask("POST", f"/job/job-1/{client.tasks()[0]['id']}", data=body, headers=headers)
    assert answer.status_code in (400, 404)
    assert nothing_is_left(client)


def test_an_upload_that_breaks_off_leaves_nothing(client: Client) -> None:
    client.send()
    host, _, port = client.base.removeprefix("http://").partition(":")
    head = (
        f"POST /job/job-1/{client.tasks()[0]['id']} HTTP/1.1\r\nHost: x\r\n"
        f"Authorization: Bearer {client.server.links.key}\r\n"
        "Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 100000\r\n\r\n"
        '--x\r\nContent-Disposition: form-data; name="file"; filename="000001.png"\r\n\r\n'
    )
    with socket.create_connection((host, int(port)), timeout=DEADLINE) as connection:
        connection.sendall(head.encode() + os.urandom(5000))
    assert client.ask("GET", "/api/jobs").status_code == 200
    incoming = client.folder / "frames" / ".incoming"
    client_sees = [*range(200)]
    while list(incoming.glob("*")) and client_sees:
        client_sees.pop()
        client.ask("GET", "/api/jobs")
    assert nothing_is_left(client)


def nothing_is_left(client: Client) -> bool:
    return not [path for path in (client.folder / "frames").rglob("*") if path.is_file()]


def test_a_preview_comes_along_and_is_served_until_its_job_is_deleted(client: Client) -> None:
    client.send(frames="1-2")
    first, second = (task["id"] for task in client.tasks())
    assert client.ask("GET", "/api/jobs/job-1/previews/1").status_code == 404
    small, newer = jpeg(), jpeg(100, 50)
    assert client.upload("job-1", first, "000001.png", PNG, preview=small).status_code == 201
    answer = client.ask("GET", "/api/jobs/job-1/previews/1")
    assert (answer.content, answer.headers["content-type"]) == (small, "image/jpeg")
    again = client.ask("GET", "/api/jobs/job-1/previews/1", headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.headers["cache-control"]) == (304, "private, no-cache")
    client.upload("job-1", first, "000001.png", PNG, preview=newer)
    assert client.ask("GET", "/api/jobs/job-1/previews/1").content == newer
    seen, itself = (client.ask("GET", f"/api/jobs/job-1/pictures/{number}") for number in (1, 2))
    assert (seen.content, itself.status_code, itself.content) == (newer, 204, b"")
    client.upload("job-1", second, "000002.png", PNG)
    itself = client.ask("GET", "/api/jobs/job-1/pictures/2")
    assert (itself.content, itself.headers["content-type"]) == (PNG, "image/png")
    assert "content-disposition" not in itself.headers
    assert client.ask("GET", f"/api/jobs/job-1/pictures/2?most={len(PNG) - 1}").status_code == 204
    assert client.ask("GET", "/api/jobs/job-1/pictures/2?most=x").status_code == 400
    assert client.ask("GET", "/api/jobs/job-2/pictures/2").status_code == 404
    for wrong in ("2", "3", "-1", "x", "1000000", "..%2f..%2fdata.json"):
        refused = client.ask("GET", f"/api/jobs/job-1/previews/{wrong}")
        assert (refused.status_code, bool(refused.json()["error"])) == (404, True)
    client.ask("DELETE", "/api/jobs/job-1")
    assert client.ask("GET", "/api/jobs/job-1/previews/1").status_code == 404
    assert not list(client.folder.rglob("*.jpg"))


@pytest.mark.parametrize("preview", [b"", b"<script>", jpeg(2000, 2000), jpeg(scan=bytes(300_000)), jpeg()[:-1]])
def test_what_is_no_preview_is_passed_over_and_the_frame_is_stored(client: Client, preview: bytes) -> None:
    client.send()
    assert client.upload("job-1", client.tasks()[0]["id"], "000001.png", PNG, preview=preview).status_code == 201
    assert client.frame("000001.png").read_bytes() == PNG
    assert client.ask("GET", "/api/jobs/job-1/previews/1").status_code == 404


EXR = b"\x76\x2f\x31\x01" + os.urandom(50_000)
REGIONS = [str(part) for part in cut(Region(0, 0, 64, 36), 2)]


def tiles_of(client: Client, job: str = "job-1") -> list[str]:
    """The ids of its tasks, those of frames left out."""
    with client.server._farm.database.looking() as connection:
        rows = connection.execute("SELECT task FROM tile JOIN task ON id = tile.task WHERE tile.job = ?", (job,))
        return [task for (task,) in rows.fetchall()]


def test_a_tile_is_stored_beside_the_blend_and_comes_back_as_it_was(client: Client) -> None:
    client.send(frames="2", regions=REGIONS)
    one, other = tiles_of(client)
    preview = jpeg(16, 9)
    for _ in range(2):
        assert client.upload("job-1", one, "000002.exr", EXR, preview=preview).status_code == 201
    assert client.upload("job-1", one, "000002.exr", EXR, filehash="0" * 128).status_code == 400
    assert client.upload("job-1", one, "000002.png", EXR).status_code == 404
    assert (client.folder / "jobs" / "job-1" / "tiles" / one / "000002.exr").read_bytes() == EXR
    assert not client.frame("").exists()
    assert not (client.folder / "jobs" / "job-1" / "previews").exists()
    found = client.ask("GET", f"/job/worker/tiles/job-1/{one}")
    assert (found.status_code, found.content) == (200, EXR)
    part = client.ask("GET", f"/job/worker/tiles/job-1/{one}", headers={"Range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, EXR[10:20])
    for task in (other, client.tasks()[0]["id"], "nobody", "%2e%2e", "..%2f..%2fscene.blend", "x" * 300):
        assert client.ask("GET", f"/job/worker/tiles/job-1/{task}").status_code == 404
    assert client.ask("GET", f"/job/worker/tiles/job-2/{one}").status_code == 404
    assert client.ask("GET", f"/api/jobs/job-1/tiles/{one}").content == preview
    asked = {other: 204, "nobody": 404, "%C2%84": 404, client.tasks()[0]["id"]: 404}
    for task, status in asked.items():
        assert client.ask("GET", f"/api/jobs/job-1/tiles/{task}").status_code == status
    assert client.ask("GET", f"/job/worker/tiles/job-1/{one}", key="").status_code == 401
    client.ask("DELETE", "/api/jobs/job-1")
    assert client.upload("job-1", one, "000002.exr", EXR).status_code == 404
    assert nothing_is_left(client)
    assert not (client.folder / "jobs" / "job-1").exists()


@pytest.mark.parametrize(
    "regions",
    [7, "0,0,1,1", [7], ["0,0,64"], ["0,0,64,36", "0,0,64,36"], ["0,0,32,36", "40,0,64,36"], ["0,0,1,1"] * 65],
)
def test_what_are_no_parts_of_a_picture_makes_no_job(client: Client, regions: Any) -> None:
    assert client.send(regions=regions).status_code == 400
    assert client.ask("GET", "/api/jobs").json() == []


@pytest.mark.parametrize("job", ["other", "files", "tiles", "status", "pieces"])
def test_a_job_may_be_called_as_a_part_of_an_address(client: Client, job: str) -> None:
    client.send(job)
    assert client.ask("GET", f"/job/worker/files/{job}").json()["blend"] == "scene.blend"
    assert client.ask("GET", f"/job/worker/blend/{job}").content == blend()
    assert client.ask("GET", f"/job/worker/status/{job}").text == "{'Job': 'Queued'}"
    assert client.ask("GET", f"/job/worker/tiles/{job}/other").status_code == 404


def test_frames_that_are_to_be_split_are_cut_as_suits_the_workers_that_are_there(client: Client) -> None:
    def workers(count: int, *, tiles: bool) -> None:
        with client.server._farm.database.changing() as connection:
            for number in range(count):
                told = json.dumps({"tiles": tiles, "renderers": 2}).encode()
                bookkeeping.enter(connection, f"hello.machine-{number}", told)

    assert client.send("nobody", frames="1", split="0,0,640,360").status_code == 201
    workers(2, tiles=False)
    assert client.send("old", frames="1", split="0,0,640,360").status_code == 201
    workers(2, tiles=True)
    assert client.send("still", frames="1", split="0,0,640,360").status_code == 201
    assert client.send("film", frames="1-100", split="0,0,640,360").status_code == 201
    assert client.send("small", frames="1", split="0,0,64,36").status_code == 201
    assert client.send("nonsense", frames="1", split="all").status_code == 400
    assert client.send("told", frames="1-100", tail="0,0,640,360").status_code == 201
    assert client.send("chunks", frames="1-100", tail="0,0,640,360", chunk=5).status_code == 201
    assert client.send("nonsense", frames="1-100", tail="all").status_code == 400
    found = {job["id"]: job["tiles"] for job in client.ask("GET", "/api/jobs").json()}
    assert found == {"nobody": 0, "old": 0, "still": 16, "film": 0, "small": 0, "told": 0, "chunks": 0}
    with client.server._farm.database.looking() as connection:
        heads = {job: books.head(connection, job)["data"] for job in found}
    may_be_cut = {job for job, data in heads.items() if data.get(books.TAIL) == "0,0,640,360"}
    assert may_be_cut == {"nobody", "old", "film", "told"}
