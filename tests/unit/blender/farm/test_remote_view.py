# SPDX-License-Identifier: GPL-3.0-or-later
"""What the sidebar shows of the jobs of a farm elsewhere: asked no more often than needed."""

import itertools
import threading
import time
from pathlib import Path

from bender_worker_addon.blender.farm.view import JobsView
from bender_worker_addon.settings.config import WorkerConfig
from bender_worker_addon.settings.resolve import resolve
from tests.unit.sites.between import Liar, as_json
from tests.unit.support import DEADLINE

JOB = {"id": "job-1", "name": "shot", "created": "", "status": "Running", "priority": 0, "frames": {}}


def joined(folder: Path, port: int) -> WorkerConfig:
    environment = {"BENDER_WORKER_BENDER_URL": f"http://worker:token@127.0.0.1:{port}"}
    return resolve(data_dir=folder, environment=environment, options={}).config


def look(view: JobsView, config: WorkerConfig) -> None:
    """Looks, and waits until nothing is done beside this thread any more."""
    view.look(config)
    deadline = time.monotonic() + DEADLINE
    while any(thread.name.startswith("bender-jobs") for thread in threading.enumerate()):
        assert time.monotonic() < deadline
        time.sleep(0.001)
    view.look(config)


def moments(view: JobsView, config: WorkerConfig, farm: Liar, now: list[float], *, ticks: int) -> list[int]:
    """The seconds between two times that the farm was asked."""
    asked = []
    for _ in range(ticks):
        before = farm.connections
        look(view, config)
        if farm.connections > before:
            asked.append(now[0])
        now[0] += 1.0
    return [round(later - earlier) for earlier, later in itertools.pairwise(asked)]


def test_a_farm_elsewhere_is_not_asked_each_time_a_window_could(tmp_path: Path) -> None:
    now = [1000.0]
    view = JobsView(clock=lambda: now[0])
    with Liar(as_json([JOB])) as farm:
        config = joined(tmp_path, farm.port)
        assert set(moments(view, config, farm, now, ticks=20)) == {3}
        assert [job.id for job in view.shown.jobs] == ["job-1"]
        before = farm.connections
        view.ask(config, lambda site: site.jobs())  # something may have changed: it is looked at once
        look(view, config)
        look(view, config)
        assert farm.connections == before + 2


def test_jobs_are_shown_although_nobody_tells_who_works_for_them(tmp_path: Path) -> None:
    view = JobsView()
    with Liar(as_json([JOB | {"status": "Queued"}])) as farm:
        config = joined(tmp_path, farm.port)
        look(view, config)
        assert ([job.id for job in view.shown.jobs], view.shown.unattended) == (["job-1"], False)
        assert farm.connections == 2


def test_one_that_does_not_answer_is_asked_ever_less_often(tmp_path: Path) -> None:
    now = [1000.0]
    view = JobsView(clock=lambda: now[0])
    with Liar(b"") as farm:
        pauses = moments(view, joined(tmp_path, farm.port), farm, now, ticks=400)
    assert pauses[:4] == [6, 12, 24, 48]
    assert set(pauses[4:]) == {60}
    assert "can't be reached" in view.shown.trouble
