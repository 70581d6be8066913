# SPDX-License-Identifier: GPL-3.0-or-later
"""The farm with a shared disk, by its files: read only when they changed, and believed only as far as they go."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from bender_worker_addon.core.errors import WorkerError
from bender_worker_addon.farm import new_job
from bender_worker_addon.farm.job_files import as_data_json
from bender_worker_addon.settings.resolve import resolve
from bender_worker_addon.sites.site import Site, site
from tests.unit.sites.test_local import SCENE, sent
from tests.unit.sites.test_local import new_job as a_job

NOBODY = "amqp://127.0.0.1:9/%2F"  # where no RabbitMQ is


def shared(folder: Path, *, amqp_url: str = NOBODY) -> Site:
    environment = {"BENDER_WORKER_AMQP_URL": amqp_url, "BENDER_WORKER_MODE": "Server"}
    return site(resolve(data_dir=folder, environment=environment, options={}).config)


def write(folder: Path, job: str, **changes: Any) -> None:
    """Writes a job's data.json, with something in it changed."""
    made = new_job.NewJob(name=job, blend="s.blend", frames=range(1, 4), image_format="PNG", scene=SCENE, id=job)
    head = new_job.head(made, jobs=folder, outpath=folder)
    path = folder / "farm" / "jobs" / job / "data.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    bodies = (task.body for task in new_job.tasks(made))
    data = json.loads("".join(as_data_json(head, "Queued", bodies)))
    path.write_text(json.dumps({**data, **changes}))


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> "Counter[str]":
    """How often each job's data.json was read."""
    counted: Counter[str] = Counter()
    read = Path.read_bytes

    def counting(path: Path) -> bytes:
        if path.name == "data.json":
            counted[path.parent.name] += 1
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", counting)
    return counted


def test_of_many_jobs_only_those_that_changed_are_read_again(tmp_path: Path, reads: "Counter[str]") -> None:
    names = [f"job-{number}" for number in range(500)]
    for name in names:
        write(tmp_path, name)
    farm = shared(tmp_path)
    with farm:
        assert len(farm.jobs()) == 500
        assert reads == Counter(names)
        reads.clear()
        (first, *_) = farm.jobs()
        assert farm.details(first).frames == {"Waiting": "1-3"}
    with farm:
        farm.jobs()
        farm.details(first)
        assert reads == Counter()
        write(tmp_path, "job-7", status={"Job": "Running"})
        farm.cancel("job-8")
        by_name = {job.id: job.status for job in farm.jobs()}
        assert (by_name["job-7"], by_name["job-8"], by_name["job-9"]) == ("Running", "Canceled", "Queued")
        assert reads.keys() <= {"job-7", "job-8"}
        (tmp_path / "farm" / "jobs" / "job-9" / "data.json").unlink()
        assert len(farm.jobs()) == 499


ODD: dict[str, dict[str, Any]] = {
    "no list": {"tasks": 3},
    "no task": {"tasks": [None]},
    "no status": {"tasks": [{"id": "x"}]},
    "no number": {"tasks": [{"status": "Waiting", "command": {"Blender": {"frame": {"one": {}}}}}]},
    "no command": {"tasks": [{"status": "Waiting", "command": None}]},
    "another status": {"status": "Running"},
    "no data": {"data": None},
    "no priority": {"data": {"priority": "high"}},
    "no time": {"time": None},
    "no paths": {"paths": None, "data": {}},
    "another name": {"data": {"name": 3}},
    "another creation": {"time": {"creation": 3}},
    "no render": {"render": None},
}


@pytest.mark.parametrize("name", ODD)
def test_a_file_that_says_what_nobody_expects_hides_no_other_job(tmp_path: Path, name: str) -> None:
    write(tmp_path, "odd", **ODD[name])
    write(tmp_path, "good")
    with shared(tmp_path) as farm:
        jobs = {job.id: job for job in farm.jobs()}
        assert "good" in jobs
        for job in jobs.values():
            farm.details(job)


@pytest.mark.parametrize("amqp_url", [NOBODY, "amqp://127.0.0.1:9/%2F?heartbeat=no-number"])
def test_what_could_not_be_queued_at_all_leaves_nothing(tmp_path: Path, amqp_url: str) -> None:
    with shared(tmp_path, amqp_url=amqp_url) as farm, pytest.raises(WorkerError, match=r"RabbitMQ|amqp_url"):
        sent(farm, a_job())
    assert list((tmp_path / "farm" / "jobs").iterdir()) == []


@pytest.mark.parametrize(
    ("changes", "fps"),
    [
        ({}, 24),
        ({"render": {"fps": 30, "fps_base": 1.5}}, 20),
        ({"render": {"renderer": "CYCLES"}}, 24),
        ({"render": {}, "frames": {"start": 1, "end": 3, "current": 1, "step": 1, "fps": 12}}, 12),
        ({"render": {}, "frames": {"fps": "many"}}, 24),
        ({"render": {}, "frames": []}, 24),
    ],
)
def test_the_speed_of_a_film_is_read_from_where_bender_has_it_too(
    tmp_path: Path, changes: dict[str, Any], fps: float
) -> None:
    write(tmp_path, "job-1", **changes)
    with shared(tmp_path) as farm:
        (job,) = farm.jobs()
        assert farm.details(job).fps == fps
