# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames that go back to flaskbender, and jobs that are canceled, on a real farm."""

import signal
from http import HTTPStatus
from pathlib import Path

from tests.farm import pictures
from tests.farm.conftest import SceneMaker
from tests.farm.farmyard import Farm
from tests.farm.ground import eventually
from tools.servers.farm import make_task


def test_frames_are_uploaded_and_a_crash_in_between_loses_and_renders_none_again(farm: Farm, blend: Path) -> None:
    """More tasks than the worker may hold are rendered while flaskbender takes nothing; it is killed, and the next run
    uploads them all."""
    farm.server.upload_answers = [HTTPStatus.SERVICE_UNAVAILABLE] * 10_000
    job = farm.job(blend)
    tasks = [make_task(job, [number]) for number in range(1, 6)]
    farm.publish(*tasks)
    worker = farm.worker(upload="move", workload=2)
    for task in tasks:
        farm.wait_for("stat", task)
    worker.end()
    assert len(farm.frames(job)) == 5
    farm.server.upload_answers.clear()
    second = farm.worker("--idle-exit", "1", upload="move", workload=2)
    for task in tasks:
        report = farm.wait_for("finish", task)
        assert [frame["uploaded"] for frame in report.task["command"]["Blender"]["frame"].values()] == [True]
    assert second.wait() == 0
    assert ": rendering" not in second.log
    assert sorted(upload.filename for upload in farm.server.uploads if upload.whole) == [
        f"{number:06d}.png" for number in range(1, 6)
    ]
    assert farm.frames(job) == []
    assert farm.ready() == farm.unacked() == 0


def test_what_a_bender_farm_takes_no_frame_for_stays_here_and_is_told(farm: Farm, tmp_path: Path) -> None:
    """It knows nothing of File Output nodes."""
    pictures.run_script(farm.blender, "passes.py", tmp_path / "made")
    job = farm.job(tmp_path / "made" / "project" / "passes.blend")
    task = farm.task(job, 1)
    worker = farm.worker("--max-tasks", "1", upload="move")
    assert worker.wait() == 0
    report = farm.wait_for("finish", task).task
    kept = sorted(path.relative_to(farm.outpath / job) for path in (farm.outpath / job).rglob("*") if path.is_file())
    assert {path.parts[0] for path in kept} == {"above", "deep", "deep-2", "layers", "named", "passes", "traversal"}
    assert report["data"]["left"].startswith(
        f"{len(kept)} files of File Output nodes are kept in {farm.outpath / job} on "
    )
    assert "files" not in report["command"]["Blender"]["frame"]["1"]
    assert [upload.filename for upload in farm.server.uploads] == ["000001.png"]
    assert f"{len(kept)} files of File Output nodes are kept in" in worker.log


def test_a_render_whose_job_is_canceled_is_stopped_reported_and_acked(farm: Farm, scene: SceneMaker) -> None:
    job = farm.job(scene("slow", seconds=4))
    task = farm.task(job, 1)
    worker = farm.worker(grace_period=1)
    with farm.mid_frame(worker, task):
        farm.server.set_status(job, "Canceled")
        aborted = farm.wait_for("abort", task).task
    assert aborted["status"] == "Aborted"
    eventually(lambda: farm.unacked() == 0)
    later = farm.task(job, 2)
    farm.wait_for("abort", later)
    worker.signal(signal.SIGTERM)
    assert worker.wait() == 0
    assert farm.frames(job) == []
    assert farm.ready() == 0
