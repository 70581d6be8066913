# SPDX-License-Identifier: GPL-3.0-or-later
"""A frame from the farm is, pixel by pixel, what `blender -b FILE -F PNG -f N` makes of it."""

from pathlib import Path

import pytest

from tests.farm import pictures
from tests.farm.conftest import SceneMaker
from tests.farm.farmyard import Farm
from tools.blenders import blenders
from tools.check import testing
from tools.servers.farm import make_task

SCENES = ["variety", "sample", "cropped"]
FRAMES = [9, 2, 5]  # the order in which the worker is given them


@pytest.fixture(scope="session")
def remembering(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A scene with a cloth that is not baked."""
    blend = tmp_path_factory.mktemp("remembering") / "cloth.blend"
    pictures.run_script(testing.blender_for(blenders.DEFAULT), "remembering.py", blend)
    return blend


@pytest.mark.both_blenders
def test_frames_of_a_kept_blender_are_what_a_fresh_one_makes(farm: Farm, scene: SceneMaker, tmp_path: Path) -> None:
    blends = {name: scene(name, width=96, height=54, samples=2) for name in SCENES}
    jobs = {name: farm.job(blend) for name, blend in blends.items()}
    farm.publish(*(make_task(job, [frame]) for job in jobs.values() for frame in FRAMES))
    assert farm.worker("--max-tasks", str(len(jobs) * len(FRAMES))).wait() == 0
    pairs = []
    for name, job in jobs.items():
        plain = _plain(farm, blends[name], tmp_path / name)
        pairs += [(farm.frame(job, picture.name), picture) for picture in plain]
    _are_the_same(farm, pairs, tmp_path)


@pytest.fixture(scope="session")
def keeping(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Scenes in which what is kept from frame to frame could change a picture, by name."""
    folder = tmp_path_factory.mktemp("keeping")
    pictures.run_script(testing.blender_for(blenders.DEFAULT), "keeping.py", folder)
    return {blend.stem: blend for blend in folder.glob("*.blend")}


@pytest.mark.both_blenders
def test_what_blender_keeps_from_frame_to_frame_and_from_format_to_format_changes_no_picture(
    farm: Farm, keeping: dict[str, Path], tmp_path: Path
) -> None:
    jobs = {name: farm.job(blend) for name, blend in keeping.items()}
    for job in jobs.values():
        first, *others = FRAMES
        farm.publish(make_task(job, [first]), make_task(job, [3], image_format="JPEG"))
        farm.publish(*(make_task(job, [frame]) for frame in others))
    assert farm.worker("--max-tasks", str(len(jobs) * (len(FRAMES) + 1))).wait() == 0
    pairs = []
    for name, job in jobs.items():
        plain = _plain(farm, keeping[name], tmp_path / name)
        pairs += [(farm.frame(job, picture.name), picture) for picture in plain]
    _are_the_same(farm, pairs, tmp_path)


@pytest.mark.both_blenders
def test_frames_of_a_scene_that_remembers_are_rendered_by_a_fresh_blender_each(
    farm: Farm, remembering: Path, tmp_path: Path
) -> None:
    job = farm.job(remembering)
    farm.publish(*(make_task(job, [frame]) for frame in FRAMES))
    worker = farm.worker("--max-tasks", str(len(FRAMES)))
    assert worker.wait() == 0
    assert "cloth that is not baked" in worker.log
    plain = _plain(farm, remembering, tmp_path / "plain")
    _are_the_same(farm, [(farm.frame(job, picture.name), picture) for picture in plain], tmp_path)


def _plain(farm: Farm, blend: Path, folder: Path) -> list[Path]:
    folder.mkdir()
    return pictures.plainly_rendered(farm.blender, blend, FRAMES, folder=folder)


def _are_the_same(farm: Farm, pairs: list[tuple[Path, Path]], scratch: Path) -> None:
    compared = pictures.compare(farm.blender, pairs, scratch=scratch)
    different = {str(pair[0]): found for pair, found in zip(pairs, compared, strict=True) if found.different != 0}
    assert different == {}
