# SPDX-License-Identifier: GPL-3.0-or-later
"""The jobs that a window shows: looked up beside its thread, and no more often than needed."""

import itertools
import threading
import time
from pathlib import Path

from bender_worker_addon.blender.farm.view import JobsView
from bender_worker_addon.settings.config import WorkerConfig
from bender_worker_addon.settings.resolve import resolve
from tests.unit.sites.between import Liar, as_json
from tests.unit.support import DEADLINE

JOB = {"id": "job-1", "name": "shot", "created": "", "status": "Queued", "priority": 0, "frames": {}}


def joined(folder: Path, port: int) -> WorkerConfig:
    environment = {"BENDER_WORKER_BENDER_URL": f"http://worker:token@127.0.0.1:{port}"}
    return resolve(data_dir=folder, environment=environment, options={}).config


def until_looked() -> None:
    deadline = time.monotonic() + DEADLINE
    while any(thread.name == "bender-jobs-view" for thread in threading.enumerate()):
        assert time.monotonic() < deadline
        time.sleep(0.001)


def looks(jobs_view: JobsView, config: WorkerConfig) -> None:
    for _ in range(50):
        jobs_view.keep_looking(config)
        until_looked()


def test_a_farm_elsewhere_is_not_asked_each_time_a_window_could(tmp_path: Path) -> None:
    jobs_view = JobsView()
    with Liar(as_json([JOB])) as farm:
        config = joined(tmp_path, farm.port)
        looks(jobs_view, config)
        assert ([job.id for job in jobs_view.shown.jobs], farm.connections) == (["job-1"], 1)
        jobs_view.ask(config, lambda site: site.jobs())  # something is changed: it is looked at once
        deadline = time.monotonic() + DEADLINE
        while farm.connections < 3:
            assert time.monotonic() < deadline
            looks(jobs_view, config)


def test_one_that_does_not_answer_is_asked_ever_less_often(tmp_path: Path) -> None:
    now = 1000.0
    jobs_view = JobsView(clock=lambda: now)
    with Liar(b"") as farm:
        config = joined(tmp_path, farm.port)
        asked = []
        for _ in range(600):
            before = farm.connections
            jobs_view.keep_looking(config)
            until_looked()
            if farm.connections > before:
                asked.append(now)
            now += 1.0
    pauses = [round(later - earlier) for earlier, later in itertools.pairwise(asked)]
    assert pauses[:4] == [6, 12, 24, 48]
    assert set(pauses[4:]) == {60}
    assert "can't be reached" in jobs_view.shown.trouble
