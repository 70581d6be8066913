# SPDX-License-Identifier: GPL-3.0-or-later
"""The JSON API: jobs and frames for people and programs, told as they change, refused in sentences."""

import io
import json
import os
import re
import threading
import zipfile
from typing import Any
from urllib.parse import quote

import pytest
import requests
from starlette.routing import Route

from bender_worker_addon.farm import books
from bender_worker_addon.farm.tasks import merge
from bender_worker_addon.server.web.openapi import OPENAPI
from tests.unit.server.conftest import SCENE, Client
from tests.unit.support import DEADLINE, PNG
from tools.places import PROJECT
from tools.servers.filled_books import add_worker


def test_a_job_is_sent_listed_changed_and_deleted(client: Client) -> None:
    assert client.ask("GET", "/api/jobs").json() == []
    assert client.send(priority=3).status_code == 201
    (job,) = client.ask("GET", "/api/jobs").json()
    assert (job["id"], job["name"], job["status"], job["priority"]) == ("job-1", "job-1", "Queued", 3)
    assert job["frames"] == {"Waiting": 3}
    assert client.ask("POST", "/api/jobs/job-1/pause").status_code == 200
    assert client.ask("GET", "/api/jobs/job-1").json()["paused"] is True
    client.ask("POST", "/api/jobs/job-1/resume")
    client.ask("PUT", "/api/jobs/job-1/priority", data='{"priority": 9}')
    details = client.ask("GET", "/api/jobs/job-1").json()
    assert (details["paused"], details["priority"], details["frame_lists"]) == (False, 9, {"Waiting": "1-3"})
    client.ask("POST", "/api/jobs/job-1/cancel")
    assert client.ask("GET", "/api/jobs/job-1").json()["status"] == "Canceled"
    assert client.ask("POST", "/api/jobs/job-1/retry").json() == {"tasks": 3}
    assert client.ask("DELETE", "/api/jobs/job-1").status_code == 200
    assert client.ask("GET", "/api/jobs").json() == []
    assert client.ask("GET", "/api/jobs/job-1").status_code == 404
    assert not (client.folder / "jobs" / "job-1").exists()


def test_what_is_to_be_said_before_frames_are_split_is_told(client: Client) -> None:
    asked = "/api/tiles?name=shot&frames=1"
    assert "no two workers are here" in client.ask("GET", asked).json()["whole"]
    for name, kind in (("one", "CPU (a) on Linux"), ("two", "CPU (b) on Linux")):
        add_worker(client.folder, name, beat=60, state="Waiting", tiles=True, blender="4.3.2", kind=kind)
    told = client.ask("GET", asked).json()
    assert told["whole"] == ""
    assert "CPU (a) on Linux (1), CPU (b) on Linux (1)" in told["differs"]
    assert "on one kind of device" in client.ask("GET", f"{asked}&one_kind=1").json()["whole"]
    assert client.ask("GET", f"{asked}&one_kind=yes").status_code == 400
    add_worker(client.folder, "three", beat=60, state="Waiting", tiles=True, blender="4.3.2", kind="CPU (a) on Linux")
    assert client.send(frames="1", split="0,0,640,360", one_kind=True).status_code == 201
    assert client.ask("GET", "/api/jobs/job-1").json()["tiles"] == 8
    with client.server._farm.database.looking() as connection:
        assert books.head(connection, "job-1")["data"]["one_kind"] == "yes"
    assert client.send("job-2", one_kind="yes").status_code == 400


def test_frames_stay_when_their_job_is_deleted_unless_they_are_meant(client: Client) -> None:
    for job in ("job-1", "job-2"):
        client.send(job)
        client.upload(job, client.tasks(job)[0]["id"], "000001.png", PNG)
    client.ask("DELETE", "/api/jobs/job-1")
    client.ask("DELETE", "/api/jobs/job-2", data='{"frames": true}')
    assert client.frame("000001.png", "job-1").is_file()
    assert not client.frame("000001.png", "job-2").exists()


def test_frames_come_one_by_one_and_as_a_zip(client: Client) -> None:
    client.send()
    pictures = {f"{number:06d}.png": PNG + os.urandom(3_000_000) for number in (1, 2)}
    for task, (name, picture) in zip(client.tasks(), pictures.items(), strict=False):
        assert client.upload("job-1", task["id"], name, picture).status_code == 201
    one = client.ask("GET", "/api/jobs/job-1/frames/2")
    assert one.content == pictures["000002.png"]
    assert "000002.png" in one.headers["content-disposition"]
    assert client.ask("GET", "/api/jobs/job-1/frames/3").status_code == 404
    archive = zipfile.ZipFile(io.BytesIO(client.ask("GET", "/api/jobs/job-1/frames.zip").content))
    assert {name: archive.read(name) for name in archive.namelist()} == pictures


def test_what_was_written_with_frames_comes_one_by_one_and_in_the_zip(client: Client) -> None:
    client.send()
    task = client.tasks()[0]["id"]
    assert client.upload("job-1", task, "000001.png", PNG).status_code == 201
    assert client.upload_other("job-1", task, "passes/z 0001.exr", b"deep").status_code == 201
    told = client.tasks()[0]
    told["status"] = "Finished"
    others = ("passes/z 0001.exr", "passes/gone0001.exr", "../../farm.sqlite")
    told["command"]["Blender"]["frame"]["1"]["files"] = {name: {"filesize": 4, "hash": "0a" * 64} for name in others}
    with client.server._farm.database.changing() as connection:
        merge(connection, json.dumps(told).encode())
    assert [file["name"] for file in client.ask("GET", "/api/jobs/job-1/others").json()] == ["passes/z 0001.exr"]
    one = client.ask("GET", "/api/jobs/job-1/others/passes/z%200001.exr")
    assert one.content == b"deep"
    for name in ("passes/gone0001.exr", "../../farm.sqlite", "%2e%2e/%2e%2e/farm.sqlite", "000001.png", "passes"):
        assert client.ask("GET", f"/api/jobs/job-1/others/{name}").status_code == 404
    archive = zipfile.ZipFile(io.BytesIO(client.ask("GET", "/api/jobs/job-1/frames.zip").content))
    assert {name: archive.read(name) for name in archive.namelist()} == {
        "000001.png": PNG,
        "passes/z 0001.exr": b"deep",
    }


@pytest.mark.parametrize(
    "change",
    [
        {"id": "../x"},
        {"id": "x" * 65},
        {"frames": "ten"},
        {"frames": "5-1"},
        {"frames": "1-99999999"},
        {"image_format": "MOVIE"},
        {"blend": "../scene.blend"},
        {"blend": "a/b.blend"},
        {"scene": None},
        {"scene": {**SCENE, "fps": "many"}},
        {"chunk": "x"},
        {"priority": [1]},
        {"preflight": "no camera"},
        {"preflight": [7]},
    ],
)
def test_what_is_no_job_is_refused_in_a_sentence(client: Client, change: dict[str, Any]) -> None:
    answer = client.send(**change)
    assert 400 <= answer.status_code < 500
    assert answer.json()["error"]
    assert client.ask("GET", "/api/jobs").json() == []


@pytest.mark.parametrize(
    "body", ["[]", "no JSON", "[" * 50_000, '{"priority": true}', '{"priority": 1e9}', '{"priority": "1"}']
)
def test_what_is_no_request_is_refused_in_a_sentence(client: Client, body: str) -> None:
    client.send()
    answer = client.ask("PUT", "/api/jobs/job-1/priority", data=body)
    assert answer.status_code == 400
    assert answer.json()["error"]


@pytest.mark.parametrize("name", ["../x.blend", "a/b", ".hidden", "a\0b", "x" * 300, "..", "con\n"])
def test_a_file_of_a_job_stays_in_its_folder(client: Client, name: str) -> None:
    before = set(client.folder.rglob("*"))
    answer = client.ask("PUT", f"/api/jobs/job-1/files/{quote(name, safe='')}", data=b"x")
    assert answer.status_code in (400, 404, 405)
    assert {path for path in client.folder.rglob("*") if path.is_file()} <= before


def test_a_file_that_is_not_what_was_told_is_not_kept(client: Client) -> None:
    answer = client.ask("PUT", "/api/jobs/job-1/files/scene.blend", data=b"x", headers={"X-Blake2b": "0" * 128})
    assert answer.status_code == 400
    assert not list((client.folder / "jobs" / ".new-job-1").glob("*"))


def test_who_listens_is_told_all_and_then_what_changes(client: Client) -> None:
    client.send("job-1")
    headers = {"Authorization": f"Bearer {client.server.links.key}"}
    with requests.get(f"{client.base}/api/events", headers=headers, stream=True, timeout=DEADLINE) as answer:
        lines = answer.iter_lines(decode_unicode=True)
        assert told(lines) == ("jobs", ["job-1"])
        client.send("job-2")
        assert told(lines) == ("jobs", ["job-2"])
        threading.Thread(target=client.ask, args=("POST", "/api/jobs/job-1/pause")).start()
        assert told(lines) == ("jobs", ["job-1"])
        client.ask("DELETE", "/api/jobs/job-2")
        assert told(lines) == ("gone", ["job-2"])


def told(lines: Any) -> tuple[str, list[str]]:
    """The next event about jobs: its name and the ids it is about."""
    name = next(line for line in lines if line in ("event: jobs", "event: gone")).removeprefix("event: ")
    content = json.loads(next(lines).removeprefix("data: "))
    return name, [entry if isinstance(entry, str) else entry["id"] for entry in content]


def test_prometheus_is_told_in_its_words(client: Client) -> None:
    client.send()
    text = client.ask("GET", "/metrics").text
    assert 'bender_farm_jobs{status="Queued"} 1\n' in text
    assert 'bender_farm_frames{status="Waiting"} 3\n' in text


def test_the_description_is_that_of_the_routes(client: Client) -> None:
    told_paths = {(method, path) for path, methods in OPENAPI["paths"].items() for method in methods}
    others = ("/job/", "/join/", "/page/")
    there = {(method, path) for method, path in routes(client) if path != "/" and not path.startswith(others)}
    assert told_paths == there
    assert client.ask("GET", "/openapi.json").json() == json.loads(json.dumps(OPENAPI))


def test_what_workers_ask_stands_in_the_documentation(client: Client) -> None:
    text = (PROJECT / "docs" / "wire.md").read_text(encoding="utf-8")
    told = {(method.lower(), path) for method, path in re.findall(r"`(GET|POST|PUT) (/[^`]+)`", text)}
    assert told == {
        (method, path.replace("{", "<").replace("}", ">"))
        for method, path in routes(client)
        if path.startswith(("/job/", "/join/"))
    }


def routes(client: Client) -> set[tuple[str, str]]:
    """The method, in small letters, and the path of each."""
    starlette: Any = client.server._web.config.app
    return {
        (method.lower(), re.sub(":(int|path)}", "}", route.path))
        for route in starlette.routes
        if isinstance(route, Route)
        for method in (route.methods or set()) - {"HEAD"}
    }


@pytest.mark.parametrize(
    "name, kept",
    [("a\nb\x1b[31m\0c", "a b [31m c"), ("<b>x</b>", "<b>x</b>"), ("\u202e", "untitled"), ("n" * 999, "n" * 200)],
)
def test_a_name_is_one_line_whatever_is_in_it(client: Client, name: str, kept: str) -> None:
    client.send(name=name)
    assert client.ask("GET", "/api/jobs/job-1").json()["name"] == kept


@pytest.mark.parametrize(
    "method, path, status", [("GET", "/nothing", 404), ("PATCH", "/api/jobs", 405), ("POST", "/", 405)]
)
def test_what_is_not_there_is_told_in_a_sentence_too(client: Client, method: str, path: str, status: int) -> None:
    answer = client.ask(method, path)
    assert answer.status_code == status
    assert path in answer.json()["error"]


def test_some_frames_are_retried_and_others_are_not(client: Client) -> None:
    client.send(frames="1-6", chunk=2)
    client.ask("POST", "/api/jobs/job-1/cancel")
    assert client.ask("POST", "/api/jobs/job-1/retry", data='{"frames": "1,2,5"}').json() == {"tasks": 2}
    job = client.ask("GET", "/api/jobs/job-1").json()
    assert (job["status"], job["frame_lists"]) == ("Running", {"Waiting": "1-2,5-6", "Aborted": "3-4"})
    assert client.ask("POST", "/api/jobs/job-1/retry", data='{"frames": "99"}').json() == {"tasks": 0}
    for wrong in ('{"frames": 7}', '{"frames": "x"}'):
        assert client.ask("POST", "/api/jobs/job-1/retry", data=wrong).status_code in (400, 409)


def test_a_job_gets_another_name_and_is_described(client: Client) -> None:
    client.send()
    assert client.ask("PUT", "/api/jobs/job-1/name", data='{"name": "a\\nb"}').status_code == 200
    job = client.ask("GET", "/api/jobs/job-1").json()
    assert job["name"] == "a b"
    assert job["scene"] == {"engine": "CYCLES", "image_format": "PNG", "width": 64, "height": 36}
    assert client.ask("PUT", "/api/jobs/job-1/name", data='{"name": 7}').status_code == 400
