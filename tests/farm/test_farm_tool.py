# SPDX-License-Identifier: GPL-3.0-or-later
"""The farm's side, on which the other tests stand: it behaves, and misbehaves, as it says. No worker here."""

import hashlib
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pika
import pytest
import requests

from tools.blenders import scenes
from tools.demo import contact_sheet
from tools.servers import blend_server
from tools.servers.blend_server import BlendServer
from tools.servers.farm import EXCHANGE, Bookkeeper, make_task, publish_tasks, queue_depth
from tools.servers.rabbitmq import RabbitNode

BLEND = bytes(range(256)) * 4000


@pytest.fixture
def server() -> Iterator[BlendServer]:
    with BlendServer() as made:
        yield made


def fetch(server: BlendServer, job: str, **headers: str) -> requests.Response:
    return requests.get(f"{server.url}/job/worker/blend/{job}", headers=headers, timeout=10)


def test_a_blend_from_memory_or_disk_is_served_whole_and_counted(server: BlendServer, tmp_path: Path) -> None:
    file = tmp_path / "scene.blend"
    file.write_bytes(BLEND)
    server.add("memory", BLEND)
    server.add("disk", file)
    assert fetch(server, "memory").content == fetch(server, "disk").content == BLEND
    assert server.requests == {"/job/worker/blend/memory": 1, "/job/worker/blend/disk": 1}


@pytest.mark.parametrize(("asked", "start", "end"), [("bytes=1000-", 1000, None), ("bytes=10-19", 10, 20)])
def test_a_range_is_served(server: BlendServer, asked: str, start: int, end: int | None) -> None:
    server.add("job", BLEND)
    answer = fetch(server, "job", Range=asked)
    assert (answer.status_code, answer.content) == (206, BLEND[start:end])


def test_a_range_behind_the_end_is_refused(server: BlendServer) -> None:
    server.add("job", BLEND)
    assert fetch(server, "job", Range=f"bytes={len(BLEND)}-").status_code == 416


def test_misbehaviour(server: BlendServer) -> None:
    server.add("missing", BLEND, behaviour=blend_server.not_found)
    server.add("shaky", BLEND, behaviour=blend_server.failing(2))
    server.add("page", BLEND, behaviour=blend_server.html_page)
    server.add("half", BLEND, behaviour=blend_server.wrong_length)
    server.add("cut", BLEND, behaviour=blend_server.cut_short)
    server.add("moved", BLEND, behaviour=blend_server.redirect)
    assert fetch(server, "missing").status_code == 404
    assert [fetch(server, "shaky").status_code for _ in range(3)] == [500, 500, 200]
    assert fetch(server, "page").headers["content-type"] == "text/html"
    assert fetch(server, "half").content == BLEND[: len(BLEND) // 2]
    assert fetch(server, "moved").content == BLEND
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        fetch(server, "cut")


def test_a_status_is_told_as_python_writes_it(server: BlendServer) -> None:
    server.add("job", BLEND)
    url = f"{server.url}/job/worker/status/job"
    assert requests.get(url, timeout=10).text == "{'Job': 'Running'}"
    server.set_status("job", "Canceled")
    assert requests.get(url, timeout=10).text == "{'Job': 'Canceled'}"


@pytest.mark.parametrize("content", [b"12345678", b"", b"\r\n--\r\n\r", BLEND], ids=len)
def test_an_upload_is_kept_and_proven(server: BlendServer, content: bytes) -> None:
    fields = {"filesize": str(len(content)), "filehash": hashlib.blake2b(content).hexdigest()}
    url = f"{server.url}/job/job-a/task-1"
    for form in (fields, fields | {"filehash": "0"}):
        requests.post(url, data=form, files={"file": ("000001.png", content)}, timeout=10)
    good, bad = server.uploads
    assert (good.job_id, good.task_id, good.filename, good.content) == ("job-a", "task-1", "000001.png", content)
    assert (good.whole, bad.whole) == (True, False)


def test_it_ends_at_once_though_a_client_keeps_its_connection_and_another_still_waits() -> None:
    threads = threading.active_count()

    def wait() -> None:
        with pytest.raises(requests.ConnectionError):
            fetch(ending, "slow")

    with BlendServer() as ending, requests.Session() as session:
        ending.add("slow", BLEND, behaviour=blend_server.silent(30))
        session.get(ending.url, timeout=10)
        waiting = threading.Thread(target=wait)
        waiting.start()
        while not ending.requests["/job/worker/blend/slow"]:
            time.sleep(0.01)
        began = time.monotonic()
    waiting.join(timeout=20)
    assert time.monotonic() - began < 20  # of the 30 that the other would have waited
    assert threading.active_count() == threads


@pytest.mark.parametrize("queue_type", ["classic", "quorum", None])
def test_tasks_are_queued_as_the_farm_words_them(amqp_url: str, queue_type: str | None) -> None:
    task = make_task("job", [3, 1])
    publish_tasks(amqp_url, [task, b"no task"], queue_type=queue_type)  # type: ignore[arg-type]
    with pika.BlockingConnection(pika.URLParameters(amqp_url)) as connection:
        bodies = [connection.channel().basic_get("work", auto_ack=True)[2] for _ in range(2)]
    assert json.loads(bodies[0]) == task
    assert task["command"]["Blender"]["frame"]["3"] == {"filesize": None, "hash": None, "uploaded": False}
    assert bodies[1] == b"no task"
    assert queue_depth(amqp_url).ready == 0


def report(url: str, *keys: str) -> None:
    with pika.BlockingConnection(pika.URLParameters(url)) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        for key in keys:
            channel.basic_publish(EXCHANGE, key, json.dumps(make_task("job", [1])).encode(), mandatory=True)


def test_the_bookkeeper_keeps_reports_in_order_and_says_what_came(amqp_url: str) -> None:
    with Bookkeeper(amqp_url) as bookkeeper:
        report(amqp_url, "receive.w", "start.w", "finish.w")
        (finish,) = bookkeeper.wait_for(lambda report: report.step == "finish", timeout=60)
        assert (finish.routing_key, finish.frames, finish.task["parent_id"]) == ("finish.w", [1], "job")
        assert [report.step for report in bookkeeper.follow(lambda: True)] == ["receive", "start", "finish"]
        with pytest.raises(TimeoutError, match=r"0 of 1 reports .*receive.w, start.w, finish.w"):
            bookkeeper.wait_for(lambda report: report.step == "error", timeout=0.1)


def test_the_bookkeeper_outlives_its_broker() -> None:
    with RabbitNode() as node, Bookkeeper(node.url) as bookkeeper:
        report(node.url, "one.w")
        bookkeeper.wait_for(lambda report: report.step == "one", timeout=60)
        node.stop()
        node.start()
        report(node.url, "two.w")
        bookkeeper.wait_for(lambda report: report.step == "two", timeout=60)


@pytest.mark.both_blenders
def test_a_contact_sheet_has_a_place_for_every_frame(blender: Path, tmp_path: Path) -> None:
    folder = Path(__file__).resolve().parents[1] / "data"
    frames = [folder / "one_layer.exr"] * 5
    sheet = contact_sheet.make(blender, frames, tmp_path / "a sheet ä.png", columns=3, width=40, gap=2)
    content = sheet.read_bytes()
    assert content.startswith(b"\x89PNG")
    assert int.from_bytes(content[16:20]) == 3 * (40 + 2) + 2


def test_a_scene_that_does_not_exist_is_said_in_words(blender: Path, tmp_path: Path) -> None:
    with pytest.raises(Exception, match="KeyError: 'no such scene'"):
        scenes.make(blender, "no such scene", tmp_path / "out.blend")
