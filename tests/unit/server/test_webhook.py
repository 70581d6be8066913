# SPDX-License-Identifier: GPL-3.0-or-later
"""The webhook, on a real server of HTTP: what it is told, once each, what is tried again, and that its address stands
in no log."""

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from bender_worker_addon.core.retry import Retry
from bender_worker_addon.farm import changes, notices, workers
from bender_worker_addon.farm.database import Database
from bender_worker_addon.server.farm import Farm
from bender_worker_addon.server.webhook import Webhook
from bender_worker_addon.settings.config import WorkerConfig
from tests.unit.support import DEADLINE
from tools.servers.filled_books import add_job, add_worker

QUICK = Retry(tries=3, first=0.01, longest=0.01)
SECRET = "T00/B00/XyZzY"


class Chat:
    """What takes the notices: answers with the next of `answers`, then with 200."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.answers: list[int] = []
        chat = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                chat.heard.append(json.loads(body)["text"])
                self.send_response(chat.answers.pop(0) if chat.answers else 200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/{SECRET}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def has_heard(self, times: int) -> bool:
        return len(self.heard) == times

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def chat() -> Iterator[Chat]:
    made = Chat()
    yield made
    made.close()


def started(folder: Path) -> Webhook:
    """The webhook of a server of the farm in `folder`."""
    with closing(Database(folder)):
        pass
    config = WorkerConfig(
        queue="local", farm_dir=folder, blendpath=folder / "jobs", outpath=folder / "frames", id="farm"
    )
    farm = Farm(config, changed=lambda: None)
    return Webhook(farm, farm_dir=folder, base="http://farm:8000", retry=QUICK, look=0.02)


@pytest.fixture
def webhook(tmp_path: Path) -> Iterator[Webhook]:
    made = started(tmp_path)
    yield made
    made.close()


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def begin(folder: Path, url: str) -> None:
    """From now on what is new is told."""
    (folder / "webhook").write_text(f"{url}\n")
    until(lambda: told(folder) is not None)


def told(folder: Path) -> dict[str, str] | None:
    with closing(Database(folder)) as database, database.looking() as connection:
        return notices.told(connection)


@pytest.mark.usefixtures("webhook")
def test_it_is_told_once_when_a_job_is_done_or_needs_somebody(chat: Chat, tmp_path: Path) -> None:
    add_job(tmp_path, "old", range(1, 4), {range(1, 4): "Finished"}, name="Of yesterday")
    begin(tmp_path, chat.url)
    add_job(tmp_path, "forest", range(1, 4), {range(1, 4): "Finished"}, name="Forest")
    until(lambda: len(chat.heard) == 1)
    failed = {range(1, 3): "Finished", range(3, 4): "Errored"}
    add_job(tmp_path, "evil", range(1, 10), failed, name="<!channel> &", error="out of memory <@U1>")
    until(lambda: len(chat.heard) == 2)
    with closing(Database(tmp_path)) as database, database.changing() as connection:
        changes.stop(connection, "evil", "three in a row")
    until(lambda: len(chat.heard) == 3)
    with closing(Database(tmp_path)) as database, database.changing() as connection:
        changes.set_name(connection, "forest", "Wood")
    add_job(tmp_path, "last", range(1, 2), {range(1, 2): "Finished"}, name="Last")
    until(lambda: len(chat.heard) == 4)
    assert chat.heard == [
        "“Forest” is done: 3 frames. http://farm:8000/#/job/forest",
        "1 frame of “&lt;!channel&gt; &amp;” failed: out of memory &lt;@U1&gt; http://farm:8000/#/job/evil",
        "“&lt;!channel&gt; &amp;” was stopped: three in a row http://farm:8000/#/job/evil",
        "“Last” is done: 1 frame. http://farm:8000/#/job/last",
    ]


@pytest.mark.usefixtures("webhook")
def test_what_may_go_well_in_a_moment_is_tried_again_and_no_log_has_the_address(
    chat: Chat, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    begin(tmp_path, chat.url)
    chat.answers = [503, 429, 200, 404, 500, 500, 500]
    for number, heard in ((1, 3), (2, 4), (3, 7), (4, 8)):
        add_job(tmp_path, f"job-{number}", range(1, 2), {range(1, 2): "Finished"})
        until(partial(chat.has_heard, heard))
    names = [text.split("\u201d")[0][1:] for text in chat.heard]
    assert names == ["job-1"] * 3 + ["job-2"] + ["job-3"] * 3 + ["job-4"]
    for number, broken in enumerate((f"http://127.0.0.1:1/{SECRET}", f"http://exa mple/{SECRET}")):
        (tmp_path / "webhook").write_text(broken)
        add_job(tmp_path, f"broken-{number}", range(1, 2), {range(1, 2): "Finished"})
        until(lambda: caplog.text.count("it is not tried again") == 3 + number)  # noqa: B023  at once
    assert "it answered 503; it is tried again" in caplog.text
    assert "it answered 404; it is not tried again" in caplog.text
    assert SECRET not in caplog.text
    assert "127.0.0.1" not in caplog.text


def test_a_server_that_is_started_anew_tells_what_its_predecessor_could_not_and_nothing_twice(
    chat: Chat, tmp_path: Path
) -> None:
    first = started(tmp_path)
    begin(tmp_path, chat.url)
    add_job(tmp_path, "told", range(1, 2), {range(1, 2): "Finished"}, name="Told")
    until(lambda: chat.has_heard(1))
    until(lambda: nothing_waits(tmp_path))
    chat.answers = [503]
    first._retry = Retry(tries=3, first=600, longest=600)
    add_job(tmp_path, "late", range(1, 2), {range(1, 2): "Finished"}, name="Late")
    until(lambda: chat.has_heard(2))
    first.close()
    add_job(tmp_path, "meanwhile", range(1, 2), {range(1, 2): "Finished"}, name="Meanwhile")
    with closing(started(tmp_path)):
        until(lambda: chat.has_heard(4))
        until(lambda: nothing_waits(tmp_path))
    assert [text.split("\u201d")[0][1:] for text in chat.heard] == ["Told", "Late", "Late", "Meanwhile"]


def test_of_more_than_can_wait_the_oldest_go_and_the_log_says_so(
    chat: Chat, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with closing(started(tmp_path)):
        begin(tmp_path, chat.url)
    for number in range(103):
        add_job(tmp_path, f"job-{number}", range(1, 2), {range(1, 2): "Finished"}, old=-number)
    with closing(started(tmp_path)):
        until(lambda: chat.has_heard(100))
        until(lambda: nothing_waits(tmp_path))
    assert "the oldest that waited are given up, 3 of them" in caplog.text


@pytest.mark.usefixtures("webhook")
def test_it_is_told_once_that_a_machine_is_silent_in_midst_of_its_work_or_can_t_go_on(
    chat: Chat, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "_LATE", 0.0)
    begin(tmp_path, chat.url)
    add_job(tmp_path, "forest", range(1, 9), name="Forest")
    add_worker(tmp_path, "idle", ago=700, beat=1, state="Waiting")
    add_worker(tmp_path, "ended", ago=700, beat=1, state="Stopped", job="forest")
    add_worker(tmp_path, "atlas <!here>", ago=700, beat=1, state="Rendering", job="forest", frame=7)
    until(lambda: chat.has_heard(1))
    add_worker(tmp_path, "full", beat=60, state="Problem", detail="the disk is full")
    until(lambda: chat.has_heard(2))
    add_worker(tmp_path, "atlas <!here>", beat=60, state="Rendering", job="forest", frame=7)
    until(lambda: "worker atlas <!here>" not in (told(tmp_path) or {}))
    add_worker(tmp_path, "atlas <!here>", ago=700, beat=1, state={"odd": []}, job="gone", frame=7)
    until(lambda: chat.has_heard(3))
    silent = "atlas &lt;!here&gt; was last heard 12 min ago, while it rendered"
    rest = "Another machine takes over what it had; is it on, and on the network?"
    link = "http://farm:8000/#/worker/atlas%20%3C%21here%3E"
    assert chat.heard == [
        f"{silent} “Forest”. {rest} {link}",
        "full can't go on: the disk is full http://farm:8000/#/worker/full",
        f"{silent} “a job that is gone”. {rest} {link}",
    ]


def test_who_is_silent_is_not_told_again_by_another_server_that_has_yet_to_listen(chat: Chat, tmp_path: Path) -> None:
    add_worker(tmp_path, "atlas", ago=700, state="Rendering", job="forest", frame=7)
    with closing(Database(tmp_path)) as database, database.changing() as connection:
        notices.enter(connection, {"worker atlas": "silent"}, [])
    (tmp_path / "webhook").write_text(chat.url)
    with closing(started(tmp_path)):
        add_worker(tmp_path, "other", ago=700, state="Rendering", job="forest", frame=7)
        add_job(tmp_path, "done", range(1, 2), {range(1, 2): "Finished"}, name="Done")
        until(lambda: chat.has_heard(1))
    assert told(tmp_path) == {"worker atlas": "silent", "job done": "done"}


def nothing_waits(folder: Path) -> bool:
    with closing(Database(folder)) as database, database.looking() as connection:
        return notices.waiting(connection) is None
