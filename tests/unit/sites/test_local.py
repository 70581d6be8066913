# SPDX-License-Identifier: GPL-3.0-or-later
"""The farm as one who sends jobs sees it: on this machine, and by the files of a shared disk."""

import json
import sqlite3
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from bender_worker_addon.core.errors import FarmError
from bender_worker_addon.core.frame import StoredFrame
from bender_worker_addon.core.task import Task
from bender_worker_addon.farm import tasks
from bender_worker_addon.farm.new_job import NewJob, SceneFacts, job_id
from bender_worker_addon.settings.resolve import resolve
from bender_worker_addon.sites.local import LocalSite
from bender_worker_addon.sites.shared import SharedSite
from bender_worker_addon.sites.site import Site, site
from bender_worker_addon.worker.blends.jobs_folder import JobsFolder
from bender_worker_addon.worker.frames.folders import FrameFolders
from tests.unit.support import blend

SCENE = SceneFacts(version="4.3.2", engine="CYCLES", width=1920, height=1080, scale=50, fps=24, step=1)


def new_job(job: str = "job-1", *, frames: range = range(1, 11), chunk: int = 4, priority: int = 0) -> NewJob:
    return NewJob(
        name="shot",
        blend="scene.blend",
        frames=frames,
        image_format="PNG",
        scene=SCENE,
        chunk=chunk,
        priority=priority,
        id=job,
    )


def sent(farm: Site, job: NewJob) -> None:
    with farm.room_for(job.id) as folder:
        (folder / "scene.blend").write_bytes(blend())
        farm.send(job)


@pytest.fixture
def local(tmp_path: Path) -> Site:
    return site(resolve(data_dir=tmp_path, environment={}, options={}).config)


def test_a_job_sent_is_a_folder_that_bender_knows_and_tasks_that_workers_know(local: Site, tmp_path: Path) -> None:
    with local:
        sent(local, new_job())
        (job,) = local.jobs()
        details = local.details(job)
    assert (job.id, job.name, job.status, job.total, job.done) == ("job-1", "shot", "Queued", 10, 0)
    assert details.frames == {"Waiting": "1-10"}
    folder = tmp_path / "farm" / "jobs" / "job-1"
    assert sorted(path.name for path in folder.iterdir()) == ["data.json", "scene.blend"]
    data = json.loads((folder / "data.json").read_text())
    assert data["paths"]["blend"] == str(folder / "scene.blend")
    assert data["status"] == {"Job": "Queued"}
    assert data["frames"] == {"start": 1, "end": 10, "current": 1, "step": 1, "fps": 24}
    tasks = [Task.from_json(json.dumps(task).encode()) for task in data["tasks"]]
    assert [task.frames for task in tasks] == [(1, 2, 3, 4), (5, 6, 7, 8), (9, 10)]
    assert {task.job_id for task in tasks} == {"job-1"}
    assert len({task.id for task in tasks}) == 3


def test_what_was_not_sent_leaves_nothing(local: Site, tmp_path: Path) -> None:
    with local, pytest.raises(RuntimeError), local.room_for("job-1") as folder:
        (folder / "scene.blend").touch()
        raise RuntimeError
    assert list((tmp_path / "farm" / "jobs").iterdir()) == []


def test_a_job_of_an_id_that_exists_is_refused_and_the_other_stays(local: Site, tmp_path: Path) -> None:
    with local:
        sent(local, new_job())
        with pytest.raises(FarmError, match="there is a job job-1 already"):
            sent(local, new_job())
        with pytest.raises(FarmError, match="there is a job job-1 already"), local.room_for("JOB-1"):
            pass  # Windows and macOS would take its folder for the other's
        (tmp_path / "farm" / "jobs" / "job-1").rename(tmp_path / "elsewhere")
        with pytest.raises(FarmError, match="there is a job job-1 already"):
            sent(local, new_job())
        assert len(local.jobs()) == 1
    assert list((tmp_path / "farm" / "jobs").iterdir()) == []


def test_a_folder_that_cannot_be_written_is_told_in_a_sentence(local: Site, tmp_path: Path) -> None:
    with local:
        (tmp_path / "farm" / "jobs").touch()
        with pytest.raises(FarmError, match=r"the job can't be written into .*jobs"):
            sent(local, new_job())


def test_a_canceled_job_is_one_for_workers_too_until_it_is_queued_again(local: Site, tmp_path: Path) -> None:
    jobs = JobsFolder(tmp_path / "farm" / "jobs")
    with local:
        sent(local, new_job())
        local.cancel("job-1")
        assert [job.status for job in local.jobs()] == ["Canceled"]
        assert jobs.job_status("job-1").status == "Canceled"
        assert local.retry("job-1", [99]) == 0
        assert jobs.job_status("job-1").status == "Canceled"
        assert local.retry("job-1") == 3
        assert [job.status for job in local.jobs()] == ["Queued"]
        assert jobs.job_status("job-1").status == "Queued"


def test_a_job_is_found_by_the_beginning_of_its_id(local: Site) -> None:
    with local:
        for name in ("abc-1", "abc-2", "abc"):
            sent(local, new_job(name))
        assert local.find("abc-1").id == "abc-1"
        assert local.find("abc").id == "abc"
        with pytest.raises(FarmError, match="3 jobs begin with ab; write more"):
            local.find("ab")
        with pytest.raises(FarmError, match="there is no job x"):
            local.find("x")


def test_frames_beside_a_blend_are_deleted_with_their_job_and_nothing_else(local: Site, tmp_path: Path) -> None:
    folder = tmp_path / "project" / "render" / "shot"
    folder.mkdir(parents=True)
    with local:
        sent(local, replace(new_job(), folder=folder))
        (job,) = local.jobs()
        assert local.details(job).folder == folder
        (folder / "000001.png").write_bytes(b"12345678")
        (folder / "notes.txt").write_text("hers")
        _finish(local, folder)
        assert [frame.name for frame in local.frames("job-1")] == ["000001.png"]
        local.bring("job-1", local.frames("job-1")[0], tmp_path / "brought")
        local.delete("job-1", frames=True)
    assert (tmp_path / "brought").read_bytes() == b"12345678"
    assert [path.name for path in folder.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize("text", ["", "../x", "a b", "ä", "x" * 65, "worker", "Worker"])
def test_an_id_that_could_be_none_is_refused(text: str) -> None:
    with pytest.raises(FarmError, match="1 to 64 of"):
        job_id(text)


def test_the_jobs_of_a_shared_disk_are_what_their_files_say(local: Site, tmp_path: Path) -> None:
    """The files are those of a farm on this machine: the two are alike."""
    with local:
        sent(local, new_job())
        here = local.jobs()
    environment = {"BENDER_WORKER_AMQP_URL": "amqp://127.0.0.1:9/%2F", "BENDER_WORKER_MODE": "Server"}
    settings = {"farm_dir": str(tmp_path / "farm")}
    shared = site(resolve(data_dir=tmp_path, environment=environment, options=settings).config)
    assert isinstance(shared, SharedSite)
    assert isinstance(local, LocalSite)
    data = tmp_path / "farm" / "jobs" / "job-1" / "data.json"
    with shared:
        assert shared.jobs() == here
        _fail_first(data)
        (job,) = shared.jobs()
        details = shared.details(job)
        assert (details.frames, job.failed) == ({"Errored": "1-4", "Waiting": "5-10"}, 4)
        assert [(failure.frames, failure.reason) for failure in details.failures] == [("1-4", "no camera")]
        with pytest.raises(FarmError, match="can't be sent to RabbitMQ: Connection refused"):
            shared.retry("job-1")
        with pytest.raises(FarmError, match="can't be sent to RabbitMQ"):
            sent(shared, new_job("job-2"))
        data.write_text("{half of")
        assert shared.jobs() == []
    assert [path.name for path in data.parent.parent.iterdir()] == ["job-1"]


def _fail_first(path: Path) -> None:
    data: dict[str, Any] = json.loads(path.read_text())
    data["tasks"][0] |= {"status": "Errored", "data": {"error": "no camera"}}
    path.write_text(json.dumps(data))


def _finish(local: Site, folder: Path) -> None:
    """Enters that frame 1 is done, and goes to where its job has its frames."""
    assert isinstance(local, LocalSite)
    with local._database.changing() as connection:
        ((body,),) = connection.execute("SELECT body FROM task ORDER BY number LIMIT 1").fetchall()
        task = Task.from_json(body.encode())
        assert FrameFolders(Path("/else"), blendpath=Path("/b"), own=True).of(task) == folder
        assert FrameFolders(Path("/else"), blendpath=Path("/b")).of(task) == Path("/else/job-1")
        task.has_frames({1: StoredFrame(number=1, path=folder / "000001.png", size=8, hash="0" * 128)}, [])
        task.finished(timings="")
        assert tasks.merge(connection, task.to_json())


def test_a_job_of_many_frames_is_told_at_once(local: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """By what SQLite does for it, which doesn't depend on who else uses this machine: all that is told of a job, so
    that nothing of it looks at each of its tasks."""
    steps = 0

    def count() -> None:
        nonlocal steps
        steps += 100

    class Counting(sqlite3.Connection):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            self.set_progress_handler(count, 100)

    with local:
        sent(local, new_job(frames=range(1, 10_001), chunk=1))
    monkeypatch.setattr(sqlite3, "connect", partial(sqlite3.connect, factory=Counting))
    with local:
        steps = 0
        (job,) = local.jobs()
        details = local.details(job)
        told = steps
    assert (details.frames, job.total) == ({"Waiting": "1-10000"}, 10_000)
    assert told < 10_000
