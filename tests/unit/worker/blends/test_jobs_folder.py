# SPDX-License-Identifier: GPL-3.0-or-later
"""Server mode: blends and statuses from a folder the farm shares, and frames that its group may write."""

import json
import os
import stat
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bender_worker_addon.core.errors import Remedy
from bender_worker_addon.core.transfers import BlendFailed, BlendReady
from bender_worker_addon.worker.blends.jobs_folder import JobsFolder
from tests.unit.conftest import StartFarm
from tests.unit.support import Farm, blend, linked, message


def add_job(jobs: Path, job: str = "job-1", *, named: str = "scene.blend", content: bytes | None = None) -> Path:
    """A job as bender's own parts leave it; gives its blend."""
    folder = jobs / job
    folder.mkdir(parents=True)
    path = folder / "scene.blend"
    path.write_bytes(blend(record=jobs.parent / "renders.txt") if content is None else content)
    data = {"id": job, "paths": {"blend": named, "upload": "/x"}, "status": {"Job": "Running"}, "tasks": []}
    (folder / "data.json").write_text(json.dumps(data))
    return path


def fetched(jobs: Path, job: str = "job-1") -> BlendReady | BlendFailed:
    return JobsFolder(jobs).fetch_blend(job, jobs / "elsewhere")


@pytest.mark.parametrize("named", ["scene.blend", "/data/bender/blend/job-1/scene.blend", r"D:\farm\job-1\scene.blend"])
def test_the_blend_is_the_one_named_in_the_jobs_folder_whatever_the_farm_calls_that(tmp_path: Path, named: str) -> None:
    path = add_job(tmp_path, named=named)
    assert fetched(tmp_path) == BlendReady("job-1", path.stat().st_size, path)


@pytest.mark.parametrize("named", ["", "..", "data.json", "scene.txt"])
def test_what_is_no_name_of_a_blend_is_refused(tmp_path: Path, named: str) -> None:
    add_job(tmp_path, named=named)
    found = fetched(tmp_path)
    assert isinstance(found, BlendFailed)
    assert "names no blend" in str(found.error)
    assert found.error.remedy is Remedy.NONE


def test_a_blend_that_is_not_there_or_no_blend_is_told_with_its_path(tmp_path: Path) -> None:
    add_job(tmp_path, "a", named="other.blend")
    add_job(tmp_path, "b", content=b"<html>")
    for job, words in (("a", str(tmp_path / "a" / "other.blend")), ("b", "not a blend"), ("c", str(tmp_path / "c"))):
        found = fetched(tmp_path, job)
        assert isinstance(found, BlendFailed)
        assert words in str(found.error)


@pytest.mark.parametrize("named", ["a\0b.blend", "\ud800.blend", "a\nb.blend"])
def test_a_name_that_no_file_can_have_is_refused(tmp_path: Path, named: str) -> None:
    add_job(tmp_path, named=named)
    found = fetched(tmp_path)
    assert isinstance(found, BlendFailed)
    assert found.error.remedy is Remedy.NONE


def test_a_file_that_is_missing_may_come_or_be_another_workers_to_read(tmp_path: Path) -> None:
    add_job(tmp_path, named="other.blend")
    for job in ("job-1", "job-2"):
        found = fetched(tmp_path, job)
        assert isinstance(found, BlendFailed)
        assert found.error.remedy is Remedy.RETRY


@pytest.mark.skipif(sys.platform != "linux", reason="there is no such file")
def test_a_disk_that_cannot_be_read_is_waited_for(tmp_path: Path) -> None:
    """/proc/self/mem says EIO, as a disk or a share does that has come off."""
    data = add_job(tmp_path).with_name("data.json")
    data.unlink()
    linked(data, "/proc/self/mem")
    found = fetched(tmp_path)
    assert isinstance(found, BlendFailed)
    assert found.error.remedy is Remedy.WAIT
    assert str(found.error) == f"{data.parent} can't be read: Input/output error"
    assert JobsFolder(tmp_path).job_status("job-1").status is None
    assert JobsFolder(tmp_path).serves("job-1") is False


@pytest.mark.parametrize("harm", ["gone", "no folder"])
def test_a_shared_disk_that_is_not_there_is_waited_for_and_asked_after(tmp_path: Path, harm: str) -> None:
    jobs = tmp_path / "jobs"
    add_job(jobs)
    assert JobsFolder(jobs).serves("job-1") is True
    jobs.rename(tmp_path / "elsewhere")
    if harm == "no folder":
        jobs.write_text("")
    found = fetched(jobs)
    assert isinstance(found, BlendFailed)
    assert found.error.remedy is Remedy.WAIT
    assert f"is the disk with {jobs} there?" in str(found.error)


@given(
    st.binary(max_size=60)
    | st.recursive(
        st.none() | st.text(),
        lambda held: st.lists(held) | st.dictionaries(st.sampled_from(["status", "paths", "Job", "blend"]), held),
    ).map(lambda data: json.dumps(data).encode())
)
def test_whatever_a_data_json_holds_is_an_event(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    jobs = tmp_path_factory.mktemp("jobs")
    add_job(jobs).with_name("data.json").write_bytes(content)
    assert isinstance(fetched(jobs), BlendFailed | BlendReady)
    assert JobsFolder(jobs).job_status("job-1").job_id == "job-1"


def test_a_status_is_read_and_what_is_half_written_or_missing_is_none(tmp_path: Path) -> None:
    data = add_job(tmp_path).with_name("data.json")
    jobs = JobsFolder(tmp_path)
    assert jobs.job_status("job-1").status == "Running"
    assert jobs.job_status("job-2").status is None
    whole = data.read_bytes()
    for broken in (whole[: len(whole) // 2], b"", b"[]", b'{"status": {"Job": "Melted"}}', b"[" * 100_000):
        data.write_bytes(broken)
        assert jobs.job_status("job-1").status is None


def test_a_job_with_a_file_that_says_so_is_canceled(tmp_path: Path) -> None:
    add_job(tmp_path).with_name("canceled").touch()
    assert JobsFolder(tmp_path).job_status("job-1").status == "Canceled"


@pytest.fixture
def server(start_farm: StartFarm, tmp_path: Path) -> Farm:
    return start_farm(mode="Server", blendpath=tmp_path / "jobs")


@pytest.mark.skipif(os.name == "nt", reason="Windows knows no such modes")
def test_a_task_is_rendered_from_where_its_blend_is_and_its_group_may_write_the_frames(server: Farm) -> None:
    path = add_job(server.folder / "jobs")
    server.broker.deliver(message())
    server.until_settled()
    assert server.broker.settled == [("ack", 1)]
    (told,) = server.broker.tasks("finish")
    assert told["command"]["Blender"]["blendfile"] == str(path)
    assert server.http.requests == {}
    frame = server.frame(1)
    assert stat.S_IMODE(frame.parent.stat().st_mode) == 0o2775
    assert frame.stat().st_mode & 0o060 == 0o060
    assert path.exists()


def test_a_half_written_data_json_is_read_again(server: Farm, quick_retries: None) -> None:
    data = add_job(server.folder / "jobs").with_name("data.json")
    whole = data.read_text()
    data.write_text(whole[:20])
    server.broker.deliver(message())
    server.until(lambda: "construct" in server.broker.history)
    data.write_text(whole)
    server.until_settled()
    assert server.broker.settled == [("ack", 1)]


@pytest.mark.skipif(sys.platform != "linux", reason="there is no such file")
def test_a_share_that_comes_off_is_waited_for_while_its_tasks_are_at_hand(server: Farm, quick_retries: None) -> None:
    jobs = server.folder / "jobs"
    add_job(jobs)
    data = jobs / "job-1" / "data.json"
    whole = data.read_bytes()
    data.unlink()
    linked(data, "/proc/self/mem")
    server.broker.deliver(message(), redelivered=True)
    server.until(lambda: "Input/output error" in server.worker.snapshot().detail)
    data.unlink()
    data.write_bytes(whole)
    server.until_settled()
    assert server.broker.settled == [("ack", 1)]
