# SPDX-License-Identifier: GPL-3.0-or-later
"""Which frame of a job is looked at, and that its picture is found beside the main thread."""

import time
from dataclasses import replace
from pathlib import Path

import pytest

from bender_worker_addon.blender.farm.looking import Looking
from bender_worker_addon.farm.books import Job
from bender_worker_addon.settings.config import WorkerConfig
from bender_worker_addon.sites.site import Details
from tests.unit.support import DEADLINE


@pytest.fixture
def config(tmp_path: Path) -> WorkerConfig:
    farm = tmp_path / "farm"
    return WorkerConfig(queue="local", farm_dir=farm, blendpath=farm / "jobs", outpath=farm / "frames")


def details(folder: Path, finished: str, job: str = "job-1") -> Details:
    known = Job(job, "beach", "", "Running", 0, {})
    return Details(known, {"Finished": finished} if finished else {}, [], [], folder, 24.0, image_format="PNG")


def follow(looking: Looking, config: WorkerConfig, told: Details, scratch: Path) -> tuple[int | None, str]:
    """Until nothing is being found out; gives the frame and its file's name, or why there is none."""
    deadline = time.monotonic() + DEADLINE
    while looking.follow(config, told, scratch) or looking._finding is not None:
        assert time.monotonic() < deadline
        time.sleep(0.001)
    shown = looking.shown
    return shown.frame, shown.trouble or (shown.picture.name if shown.picture else "")


def test_the_last_one_is_looked_at_until_another_is_chosen(config: WorkerConfig, tmp_path: Path) -> None:
    for frame in (1, 6, 11, 16):
        (tmp_path / f"{frame:06d}.png").touch()
    looking, before = Looking(), details(tmp_path, "1,6,11")
    assert follow(looking, config, details(tmp_path, ""), tmp_path) == (None, "")
    assert follow(looking, config, before, tmp_path) == (11, "000011.png")
    assert follow(looking, config, details(tmp_path, "1,6,11,16"), tmp_path) == (16, "000016.png")
    looking.step(before, -1)
    assert follow(looking, config, before, tmp_path) == (11, "000011.png")
    looking.step(before, -5)
    assert follow(looking, config, details(tmp_path, "1,6,11,16"), tmp_path) == (1, "000001.png")
    looking.go_to(before, 7)
    assert follow(looking, config, before, tmp_path) == (11, "000011.png")
    other = details(tmp_path, "6", job="job-2")
    assert follow(looking, config, other, tmp_path) == (6, "000006.png")


def test_a_picture_that_is_not_there_is_told_once(config: WorkerConfig, tmp_path: Path) -> None:
    looking, told = Looking(), details(tmp_path, "3")
    assert follow(looking, config, told, tmp_path) == (3, f"frame 3 of beach is not in {tmp_path} any more")
    assert not looking.follow(config, told, tmp_path)
    unknown = replace(told, job=replace(told.job, id="job-2"), image_format="")
    assert "doesn't tell in which format" in follow(looking, config, unknown, tmp_path)[1]
