# SPDX-License-Identifier: GPL-3.0-or-later
"""What answers in the place of a farm of `serve`, with whatever status, is never taken for it: not by its workers, who
would believe a frame to be stored, and not by those who send it jobs."""

import hashlib
import os
from dataclasses import replace
from pathlib import Path

import pytest

from bender_worker_addon.core.errors import FarmError, Remedy
from bender_worker_addon.core.frame import StoredFrame
from bender_worker_addon.core.other_files import OtherFile
from bender_worker_addon.core.transfers import BlendFailed, BlendReady, FrameNotUploaded, FrameUploaded
from bender_worker_addon.server import access
from bender_worker_addon.server.access import WORKER
from bender_worker_addon.settings.tls import SYSTEM_TLS
from bender_worker_addon.sites.client import Client as SiteClient
from bender_worker_addon.sites.site import Unreachable
from bender_worker_addon.worker.blends.flaskbender import Flaskbender, why_unreachable
from tests.unit.server.conftest import Client
from tests.unit.support import PNG, blend
from tools.servers.raw_server import RawServer

PICTURE = PNG + os.urandom(50_000)
PAGE = b"<!doctype html><title>Welcome to the hotel</title>"
SAYS = [PAGE, b"", b"stored", b"{'Job': 'Finished'}", b'{"takes": "other files"}', blend()]


def joined(client: Client, base: str = "") -> str:
    """The address of the farm, or of what answers in its place, as a machine that has joined knows it."""
    token = access.issue(client.server._farm.database, WORKER, "machine")
    return f"http://worker:{token}@{(base or client.base).partition('//')[2]}"


def a_frame(folder: Path) -> StoredFrame:
    """With what was written beside it."""
    path, other = folder / "000002.png", folder / "passes" / "z0002.exr"
    other.parent.mkdir(exist_ok=True)
    path.write_bytes(PICTURE)
    other.write_bytes(b"deep")
    beside = OtherFile("passes/z0002.exr", 4, hashlib.blake2b(b"deep").hexdigest())
    return StoredFrame(2, path, len(PICTURE), hashlib.blake2b(PICTURE).hexdigest(), (beside,))


@pytest.mark.parametrize("status", [200, 201, 206, 302, 401, 404, 409, 503])
def test_nothing_else_is_taken_for_the_farm(client: Client, tmp_path: Path, status: int) -> None:
    client.send()
    task = client.tasks()[1]["id"]
    frame = a_frame(tmp_path)
    for said in SAYS:
        with RawServer(b"HTTP/1.1 %d Well\r\nContent-Length: %d\r\n\r\n%b" % (status, len(said), said)) as other:
            is_none_for_a_worker(joined(client, other.url), task, frame)
            is_none_for_people(joined(client, other.url), frame.path)
    itself = Flaskbender(joined(client))
    assert itself.upload(job_id="job-1", task_id=task, frame=frame) == FrameUploaded(task, 2)
    assert isinstance(itself.fetch_blend("job-1", tmp_path / "job.blend"), BlendReady)
    assert client.frame("000002.png").read_bytes() == PICTURE


def is_none_for_a_worker(address: str, task: str, frame: StoredFrame) -> None:
    farm = Flaskbender(address)
    for sent in (frame, replace(frame, others=())):
        uploaded = farm.upload(job_id="job-1", task_id=task, frame=sent)
        assert isinstance(uploaded, FrameNotUploaded)
        assert uploaded.error.remedy is Remedy.WAIT
    fetched = farm.fetch_blend("job-1", frame.path.with_suffix(".blend"))
    assert isinstance(fetched, BlendFailed)
    assert fetched.error.remedy is Remedy.WAIT
    assert farm.job_status("job-1").status is None
    assert not farm.serves("job-1")


def is_none_for_people(address: str, file: Path) -> None:
    site = SiteClient(address, SYSTEM_TLS)
    with pytest.raises(Unreachable, match=r"sign-in or maintenance|can't answer now"):
        site.ask("GET", "/api/jobs")
    with pytest.raises(Unreachable):
        site.put("/api/jobs/job-1/files/scene.blend", file, {}, lambda _done, _of: None)
    with pytest.raises(Unreachable):
        site.get("/api/jobs/job-1/frames/2", file.with_suffix(".part"), size=50)


def test_a_frame_counts_as_stored_only_by_its_own_size_and_hash(client: Client, tmp_path: Path) -> None:
    """As when a proxy gives somebody another's answer."""
    frame = replace(a_frame(tmp_path), others=())
    said = b'{"filesize": %d, "filehash": "%b"}' % (frame.size, frame.hash.encode())
    for content, stored in ((said, True), (said.replace(b"1", b"2"), False)):
        head = b"HTTP/1.1 201 Created\r\nX-Bender-Farm: 1\r\nContent-Length: %d\r\n\r\n" % len(content)
        with RawServer(head + content) as farm:
            sent = Flaskbender(joined(client, farm.url)).upload(job_id="job-1", task_id="t", frame=frame)
        assert isinstance(sent, FrameUploaded) == stored


def test_a_test_of_the_connection_says_so(client: Client) -> None:
    assert why_unreachable(joined(client), SYSTEM_TLS) == ""
    with RawServer(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(PAGE), PAGE)) as portal:
        assert "is a sign-in or maintenance before it?" in why_unreachable(joined(client, portal.url), SYSTEM_TLS)
        assert why_unreachable(portal.url, SYSTEM_TLS) == ""


def test_what_the_farm_itself_refuses_it_refuses(client: Client, tmp_path: Path) -> None:
    client.send()
    farm = Flaskbender(joined(client))
    refused = farm.upload(job_id="job-1", task_id="nobodys", frame=replace(a_frame(tmp_path), others=()))
    assert isinstance(refused, FrameNotUploaded)
    assert refused.error.remedy is Remedy.RETRY
    missing = farm.fetch_blend("job-9", tmp_path / "job.blend")
    assert isinstance(missing, BlendFailed)
    assert missing.error.remedy is Remedy.NONE
    with pytest.raises(FarmError, match="no job"):
        SiteClient(joined(client), SYSTEM_TLS).ask("GET", "/api/jobs/job-9")
