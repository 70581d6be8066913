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
from bender_worker_addon.farm import changes
from bender_worker_addon.farm.database import Database
from bender_worker_addon.server.farm import Farm
from bender_worker_addon.server.webhook import Webhook
from bender_worker_addon.settings.config import WorkerConfig
from tests.unit.support import DEADLINE
from tools.servers.filled_books import add_job

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


@pytest.fixture
def webhook(tmp_path: Path) -> Iterator[Webhook]:
    with closing(Database(tmp_path)):
        pass
    config = WorkerConfig(
        queue="local", farm_dir=tmp_path, blendpath=tmp_path / "jobs", outpath=tmp_path / "frames", id="farm"
    )
    farm = Farm(config, changed=lambda: None)
    made = Webhook(farm, farm_dir=tmp_path, base="http://farm:8000", retry=QUICK, look=0.02)
    yield made
    made.close()


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def begin(webhook: Webhook, folder: Path, url: str) -> None:
    """From now on what is new is told."""
    (folder / "webhook").write_text(f"{url}\n")
    until(lambda: webhook._told is not None)


def test_it_is_told_once_when_a_job_is_done_or_needs_somebody(webhook: Webhook, chat: Chat, tmp_path: Path) -> None:
    add_job(tmp_path, "old", range(1, 4), {range(1, 4): "Finished"}, name="Of yesterday")
    begin(webhook, tmp_path, chat.url)
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


def test_what_may_go_well_in_a_moment_is_tried_again_and_no_log_has_the_address(
    webhook: Webhook, chat: Chat, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    begin(webhook, tmp_path, chat.url)
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
