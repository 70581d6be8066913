# SPDX-License-Identifier: GPL-3.0-or-later
"""The film of a job: as fast as the scene, in the colours the artist sees, whatever the format of the frames."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.farm import pictures
from tests.farm.local_yard import IDLE, LocalYard

pytestmark = pytest.mark.both_blenders

FORMATS = ("PNG", "OPEN_EXR", "OPEN_EXR_MULTILAYER", "HDR")
LOST = 4 / 255  # of a colour, when it is encoded


def films(yard: LocalYard, jobs: dict[str, str]) -> list[dict[str, Any]]:
    """What there is to know of the film of each job."""
    assert yard.worker(*IDLE).wait() == 0
    for name, job in jobs.items():
        made = yard.command("video", job, "--output", yard.folder / f"{name}.mp4")
        assert made.returncode == 0, made.stdout + made.stderr
        assert "warning" not in made.stderr
    names = [Path(f"{name}.mp4") for name in jobs]
    pictures.run_script(yard.blender, "bright.py", yard.folder, Path("told.json"), *names)
    told: list[dict[str, Any]] = json.loads((yard.folder / "told.json").read_text())
    return told


@pytest.fixture
def blends(yard: LocalYard) -> Path:
    pictures.run_script(yard.blender, "bright.py", yard.folder)
    return yard.folder


def test_films_of_all_formats_look_alike_and_run_at_the_speed_of_the_scene(yard: LocalYard, blends: Path) -> None:
    jobs = {name: yard.submit(blends / "bright.blend", "--format", name) for name in FORMATS}
    found = dict(zip(FORMATS, films(yard, jobs), strict=True))
    for film in found.values():
        assert film["frames"] == 3
        assert film["fps"] == pytest.approx(30 / 1.001, abs=0.001)
        assert film["color"] == pytest.approx(found["PNG"]["color"], abs=LOST)


def test_a_frame_may_last_for_seconds(yard: LocalYard, blends: Path) -> None:
    (film,) = films(yard, {"slow": yard.submit(blends / "slow.blend")})
    assert (film["frames"], film["fps"]) == (3, pytest.approx(0.25))
    assert yard.data_json(yard.site.jobs()[0].id)["render"]["fps"] == 1  # whole for those who count in whole ones


def test_a_name_of_two_lines_is_listed_in_one(yard: LocalYard, blends: Path) -> None:
    yard.submit(blends / "slow.blend", "--name", "first\nsecond")
    listed = yard.command("list")
    (line,) = [line for line in listed.stdout.splitlines() if "first" in line]
    assert line.endswith("  first second")
