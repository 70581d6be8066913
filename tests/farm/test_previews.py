# SPDX-License-Identifier: GPL-3.0-or-later
"""Previews: a worker makes them beside its frames, and the farm's server shows them; made by a real Blender they look
as the frame does, OpenEXR too."""

import json
import urllib.error
from collections.abc import Iterator
from pathlib import Path

import pytest

from bender_worker_addon.core.preview import is_preview
from bender_worker_addon.farm.database import SERVED
from tests.farm import pictures
from tests.farm.conftest import SceneMaker
from tests.farm.local_yard import LocalYard
from tests.farm.serving import Farm, Machine
from tests.faults.yard import PROGRAM as WORKER


@pytest.fixture
def farm(tmp_path: Path, amqp_url: str) -> Iterator[Farm]:
    made = Farm(tmp_path, amqp_url)
    yield made
    made.close()


def preview(farm: Farm, number: int) -> bytes:
    """That of a frame of job-1."""
    return farm.content(f"/api/jobs/job-1/previews/{number}")


def waiting(farm: Farm) -> list[Path]:
    return [path for path in (farm.folder / "otto" / "previews").rglob("*") if path.is_file()]


def test_they_come_with_the_frames_and_nothing_of_them_stays_with_the_worker(farm: Farm) -> None:
    farm.send("job-1", "1-6", chunk=2)
    machine = farm.worker("otto")
    farm.until_finished("job-1")
    assert all(is_preview(preview(farm, number)) for number in range(1, 7))
    assert machine.end() == 0
    assert waiting(farm) == []
    assert sorted(path.name for path in (farm.folder / "otto").glob("frames/[!.]*")) == []


@pytest.mark.parametrize("content", [b"<html>", b"\xff\xd8" + bytes(300_000) + b"\xff\xd9"])
def test_what_a_child_makes_in_the_place_of_one_goes_nowhere(farm: Farm, content: bytes) -> None:
    farm.send("job-1", "1", preview=content.hex())
    farm.worker("otto")
    farm.until_finished("job-1")
    with pytest.raises(urllib.error.HTTPError) as refused:
        preview(farm, 1)
    refused.value.close()
    assert refused.value.code == 404
    assert farm.frames("job-1") == ["000001.png"]


def test_on_one_machine_they_go_to_the_server_s_folder(tmp_path: Path) -> None:
    farm = Farm(tmp_path)
    try:
        farm.send("job-1", "1-2")
        env = {
            "BENDER_WORKER_QUEUE": "local",
            "BENDER_WORKER_FARM_DIR": str(tmp_path / "farm"),
            "BENDER_WORKER_DATA_DIR": str(tmp_path / "otto"),
        }
        machine = Machine(tmp_path / "otto", [str(WORKER), "--idle-exit", "2"], env)
        assert machine.exit_code() == 0, machine.log.read_text()
        machine.end()
        assert all(is_preview(preview(farm, number)) for number in (1, 2))
    finally:
        farm.close()


@pytest.mark.both_blenders
def test_they_look_as_the_frame_does_whatever_its_format(yard: LocalYard, scene: SceneMaker, tmp_path: Path) -> None:
    (yard.folder / "farm").mkdir()
    (yard.folder / "farm" / SERVED).touch()  # somebody serves this farm
    blend = scene("trivial", width=640, height=360, samples=1)
    formats = ("PNG", "OPEN_EXR", "OPEN_EXR_MULTILAYER")
    jobs = {kind: yard.submit(blend, "--frames", "1", "--format", kind) for kind in formats}
    worker = yard.worker("--max-tasks", str(len(formats)))
    assert worker.wait() == 0, worker.log
    made = [yard.folder / "farm" / "jobs" / job / "previews" / "000001.jpg" for job in jobs.values()]
    assert all(is_preview(path.read_bytes()) for path in made)
    result = tmp_path / "looks.json"
    pictures.run_script(yard.blender, "looks.py", result, yard.frame(jobs["PNG"], "000001.png"), *made)
    frame, *shown = json.loads(result.read_text())
    for kind, one in zip(formats, shown, strict=True):
        assert one["size"] == [480, 270], kind
        most = max(abs(a - b) for a, b in zip(frame["colors"], one["colors"], strict=True))
        assert most < 0.06, kind
