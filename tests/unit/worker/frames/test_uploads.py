# SPDX-License-Identifier: GPL-3.0-or-later
"""Uploads: over real HTTP a frame arrives whole, is tried for as long as it takes, and a refusal is told."""

import hashlib
import sched
import time
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest

from bender_worker_addon.core.errors import Remedy, UploadError
from bender_worker_addon.core.frame import StoredFrame
from bender_worker_addon.core.transfers import FrameNotUploaded, FrameUploaded
from bender_worker_addon.system.executor import Executor
from bender_worker_addon.system.platform import WINDOWS
from bender_worker_addon.worker.blends.flaskbender import Flaskbender
from bender_worker_addon.worker.frames.uploads import FrameLost, Uploads
from tests.unit.support import DEADLINE, event_from
from tools.servers.blend_server import BlendServer
from tools.servers.raw_server import RawServer


class Sender:
    """Uploads with its executor, its schedule and a real HTTP server."""

    def __init__(self, folder: Path, server: BlendServer) -> None:
        self.folder = folder
        self.server = server
        self.inbox: SimpleQueue[Any] = SimpleQueue()
        self.schedule = sched.scheduler(time.monotonic)
        self.executor = Executor("upload", inbox=self.inbox, threads=2)
        self.uploads = Uploads(flaskbender=Flaskbender(server.url), executor=self.executor, schedule=self.schedule)

    def frame(self, number: int, content: bytes = b"picture") -> StoredFrame:
        path = self.folder / f"{number:06d}.png"
        path.write_bytes(content)
        return StoredFrame(number, path, len(content), hashlib.blake2b(content).hexdigest())

    def add(self, *frames: StoredFrame) -> None:
        self.uploads.add(job_id="job", task_id="task", frames=frames)


@pytest.fixture
def sender(tmp_path: Path) -> Iterator[Sender]:
    with BlendServer() as server:
        made = Sender(tmp_path, server)
        yield made
        made.executor.close(timeout=10)


@pytest.mark.parametrize("size", [1, 10_000, 3_000_001])
def test_a_frame_arrives_whole_with_its_size_and_hash(sender: Sender, size: int) -> None:
    content = bytes(range(256)) * (size // 256 + 1)
    sender.add(sender.frame(7, content[:size]))
    assert event_from(sender.inbox, FrameUploaded) == FrameUploaded("task", 7)
    (came,) = sender.server.uploads
    assert (came.job_id, came.task_id, came.filename) == ("job", "task", "000007.png")
    assert came.whole
    assert came.content == content[:size]
    assert sender.server.log[-1].headers["user-agent"] == "bender-worker"


@pytest.mark.usefixtures("quick_uploads")
@pytest.mark.parametrize("status", [500, 503, 429, 408, 302])
def test_a_server_that_is_not_up_to_it_is_tried_until_it_is(sender: Sender, status: int) -> None:
    sender.server.upload_answers = [HTTPStatus(status)] * 6
    sender.add(sender.frame(1))
    for _ in range(6):
        assert sender.uploads.failed(event_from(sender.inbox, FrameNotUploaded), wanted=True) is None
        assert str(status) in sender.uploads.trouble
        sender.schedule.run()
    sender.uploads.uploaded(event_from(sender.inbox, FrameUploaded))
    assert sender.uploads.trouble == ""


@pytest.mark.usefixtures("quick_uploads")
def test_while_nothing_gets_through_one_frame_is_tried_and_the_others_wait(sender: Sender) -> None:
    sender.server.upload_answers = [HTTPStatus.BAD_GATEWAY] * 4
    sender.add(*(sender.frame(number) for number in range(1, 6)))
    for _ in range(2):
        sender.uploads.failed(event_from(sender.inbox, FrameNotUploaded), wanted=True)
    for _ in range(2):
        sender.schedule.run()
        sender.uploads.failed(event_from(sender.inbox, FrameNotUploaded), wanted=True)
    assert sender.inbox.empty()
    sender.schedule.run()
    for _ in range(5):
        sender.uploads.uploaded(event_from(sender.inbox, FrameUploaded))
    assert len(sender.server.log) == 9
    assert {upload.filename for upload in sender.server.uploads} == {f"{number:06d}.png" for number in range(1, 6)}


def test_a_server_out_of_reach_is_waited_for_without_end_and_not_at_fixed_times(tmp_path: Path) -> None:
    with BlendServer() as server:
        gone = Sender(tmp_path, server)
    gone.add(gone.frame(1))
    waits = []
    for _ in range(40):
        assert gone.uploads.failed(event_from(gone.inbox, FrameNotUploaded), wanted=True) is None
        (retry,) = gone.schedule.queue
        waits.append(retry.time - time.monotonic())
        gone.schedule.cancel(retry)
        retry.action(*retry.argument)
    assert waits[0] < 1 < waits[3]
    assert all(140 < wait <= 300 for wait in waits[12:])
    assert len({round(wait, 3) for wait in waits[12:]}) > 10


@pytest.mark.usefixtures("quick_uploads")
def test_after_an_outage_a_frame_that_alone_is_not_taken_lets_the_others_go_ahead(sender: Sender) -> None:
    sender.server.upload_answers = [HTTPStatus.INTERNAL_SERVER_ERROR] * 2
    sender.server.refused = {"000001.png": HTTPStatus.INTERNAL_SERVER_ERROR}
    sender.add(*(sender.frame(number) for number in (1, 2, 3)))
    failed = [event_from(sender.inbox, FrameNotUploaded) for _ in range(2)]
    for event in sorted(failed, key=lambda event: event.number, reverse=True):
        sender.uploads.failed(event, wanted=True)
    sender.schedule.run()
    assert sender.inbox.get(timeout=DEADLINE) == FrameUploaded("task", 3)


def test_a_server_that_says_when_is_asked_then(sender: Sender) -> None:
    sender.add(sender.frame(1))
    event_from(sender.inbox, FrameUploaded)
    busy = FrameNotUploaded("task", 1, UploadError("busy", Remedy.WAIT, retry_after=100))
    assert sender.uploads.failed(busy, wanted=True) is None
    (again,) = sender.schedule.queue
    assert 90 < again.time - time.monotonic() <= 125


@pytest.mark.usefixtures("quick_uploads")
def test_what_nothing_waits_for_any_more_is_no_trouble(sender: Sender) -> None:
    sender.server.upload_answers = [HTTPStatus.SERVICE_UNAVAILABLE]
    sender.add(sender.frame(1))
    sender.uploads.failed(event_from(sender.inbox, FrameNotUploaded), wanted=True)
    assert sender.uploads.trouble
    sender.uploads.drop("task")
    assert sender.uploads.trouble == ""


@pytest.mark.usefixtures("quick_uploads")
@pytest.mark.parametrize("status", [413, 404, 403])
def test_a_server_that_refuses_is_asked_four_times_and_believed(sender: Sender, status: int) -> None:
    sender.server.upload_answers = [HTTPStatus(status)] * 9
    sender.add(sender.frame(3))
    for _ in range(3):
        assert sender.uploads.failed(event_from(sender.inbox, FrameNotUploaded), wanted=True) is None
        sender.schedule.run()
    error = sender.uploads.failed(event_from(sender.inbox, FrameNotUploaded), wanted=True)
    assert f"refused frame 3 ({status}" in str(error)
    assert sender.schedule.empty()
    assert len(sender.server.log) == 4


@pytest.mark.usefixtures("quick_uploads")
def test_one_refused_frame_holds_up_no_other(sender: Sender) -> None:
    sender.server.upload_answers = [HTTPStatus.NOT_FOUND]
    sender.add(*(sender.frame(number) for number in (1, 2, 3)))
    for _ in range(4):
        match sender.inbox.get(timeout=DEADLINE):  # two at once are on their way, either may be first
            case FrameNotUploaded() as refused:
                assert sender.uploads.failed(refused, wanted=True) is None
            case FrameUploaded() as uploaded:
                sender.uploads.uploaded(uploaded)
        sender.schedule.run()
    assert len(sender.server.uploads) == 3


@pytest.mark.skipif(WINDOWS, reason="Windows drops what came before a connection was reset")
def test_a_refusal_before_all_was_sent_is_understood(sender: Sender) -> None:
    """As a proxy does with what is too large for it: it answers, closes and reads no more."""
    sender.server.upload_answers = [HTTPStatus.REQUEST_ENTITY_TOO_LARGE]
    sender.server.reads_uploads = False
    sender.add(sender.frame(1, bytes(30_000_000)))
    assert "413" in str(event_from(sender.inbox, FrameNotUploaded).error)


def test_a_refusal_is_heard_while_a_frame_is_sent_and_the_rest_stays_here(sender: Sender) -> None:
    """As of a proxy that answers and then neither closes nor reads: what is more than a line holds is never sent."""
    with RawServer(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n", deaf=True) as deaf:
        sender.uploads = Uploads(flaskbender=Flaskbender(deaf.url), executor=sender.executor, schedule=sender.schedule)
        sender.add(sender.frame(1, bytes(30_000_000)))
        assert "413" in str(event_from(sender.inbox, FrameNotUploaded).error)


@pytest.mark.parametrize("harm", [Path.unlink, lambda path: path.write_bytes(b"PICTURE")], ids=["gone", "changed"])
def test_a_frame_that_is_not_what_was_stored_is_never_sent(sender: Sender, harm: Any) -> None:
    frame = sender.frame(1)
    harm(frame.path)
    sender.add(frame)
    assert event_from(sender.inbox, FrameLost) == FrameLost("task", 1)
    assert sender.server.log == []


@pytest.mark.usefixtures("quick_uploads")
def test_what_is_dropped_is_not_tried_again(sender: Sender) -> None:
    sender.server.upload_answers = [HTTPStatus.NOT_FOUND] * 9
    sender.add(sender.frame(1))
    sender.uploads.failed(event_from(sender.inbox, FrameNotUploaded), wanted=True)
    sender.uploads.drop("task")
    sender.schedule.run()
    sender.executor.close(timeout=10)
    assert len(sender.server.log) == 1
