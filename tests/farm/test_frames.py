# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames on disk: one and many, in every format, wherever they are to lie, and nothing else beside them."""

import os
import threading
from pathlib import Path

import pytest

from tests.farm import pictures
from tests.farm.conftest import FarmMaker, SceneMaker
from tests.farm.farmyard import Farm
from tools.build import package
from tools.servers.farm import make_task

OLD_BLEND = Path(__file__).resolve().parents[1] / "data" / "saved_by_2.79.blend"

# For each format: its extension, and how its files begin.
FORMATS = {
    "PNG": ("png", b"\x89PNG\r\n\x1a\n"),
    "BMP": ("bmp", b"BM"),
    "JPEG": ("jpg", b"\xff\xd8\xff"),
    "JPEG2000": ("jp2", b"\x00\x00\x00\x0cjP"),
    "TARGA": ("tga", b"\x00\x00\x0a"),
    "TARGA_RAW": ("tga", b"\x00\x00\x02"),
    "CINEON": ("cin", b"\x80\x2a\x5f\xd7"),
    "DPX": ("dpx", b"XPDS"),
    "OPEN_EXR": ("exr", b"\x76\x2f\x31\x01"),
    "OPEN_EXR_MULTILAYER": ("exr", b"\x76\x2f\x31\x01"),
    "HDR": ("hdr", b"#?RADIANCE"),
    "TIFF": ("tif", b"II*\x00"),
}


@pytest.mark.both_blenders
def test_every_format_is_rendered_and_opens_as_the_picture_it_is(farm: Farm, blend: Path, tmp_path: Path) -> None:
    """All in one job, so that a kept Blender changes from format to format."""
    job = farm.job(blend)
    tasks = [make_task(job, [number], image_format=name) for number, name in enumerate(FORMATS, start=1)]
    farm.publish(*tasks)
    assert farm.worker("--max-tasks", str(len(tasks))).wait() == 0
    expected = {name: f"{number:06}.{FORMATS[name][0]}" for number, name in enumerate(FORMATS, start=1)}
    assert farm.frames(job) == sorted(expected.values())
    for name, file in expected.items():
        assert farm.frame(job, file).read_bytes().startswith(FORMATS[name][1]), name
    loadable = [farm.frame(job, file) for name, file in expected.items() if name != "OPEN_EXR_MULTILAYER"]
    decoded = pictures.compare(farm.blender, [(file, file) for file in loadable], scratch=tmp_path)
    assert {picture.size for picture in decoded} == {(64, 36)}


def test_many_frames_in_uneven_steps_are_all_there_under_six_digits(farm: Farm, blend: Path) -> None:
    job = farm.job(blend)
    task = farm.task(job, 250, 0, 3, 4, 121, 999_999)
    assert farm.worker("--max-tasks", "1").wait() == 0
    farm.wait_for("finish", task)
    assert farm.frames(job) == [f"{number:06}.png" for number in (0, 3, 4, 121, 250, 999_999)]
    assert farm.steps(task).count("start") == 1


@pytest.mark.both_blenders
def test_a_scene_set_to_video_gives_pictures(farm: Farm, scene: SceneMaker) -> None:
    job = farm.job(scene("video", width=64, height=36, samples=1))
    farm.publish(make_task(job, [1, 2]), make_task(job, [3], image_format="OPEN_EXR_MULTILAYER"))
    assert farm.worker("--max-tasks", "2").wait() == 0
    assert farm.frames(job) == ["000001.png", "000002.png", "000003.exr"]


@pytest.mark.both_blenders
def test_a_blend_saved_by_blender_2_79_is_rendered(farm: Farm) -> None:
    task = farm.task(farm.job(OLD_BLEND), 1)
    assert farm.worker("--max-tasks", "1").wait(150) == 0
    farm.wait_for("finish", task)
    assert farm.frames(task["parent_id"]) == ["000001.png"]


def test_a_cropped_scene_gives_the_part_that_is_rendered(farm: Farm, scene: SceneMaker, tmp_path: Path) -> None:
    job = farm.job(scene("cropped", width=64, height=36, samples=1))
    farm.task(job, 1)
    assert farm.worker("--max-tasks", "1").wait() == 0
    frame = farm.frame(job, "000001.png")
    assert pictures.compare(farm.blender, [(frame, frame)], scratch=tmp_path)[0].size == (16, 9)


@pytest.mark.both_blenders
def test_paths_may_hold_spaces_and_any_letters(
    make_farm: FarmMaker, archive: Path, blend: Path, tmp_path: Path
) -> None:
    """Those of the blends, the frames, the worker's data and the user's Blender settings."""
    folder = tmp_path / "Räume & 渲染 'été'"
    folder.mkdir()
    with make_farm(folder) as farm:
        job = farm.job(blend)
        task = farm.task(job, 1)
        user = package.install(farm.blender, archive, folder / "Künstler in")
        data, blends, farm.outpath = (folder / f"mein {name} ✓" for name in ("Datenordner", "blends", "frames"))
        worker = farm.worker("--max-tasks", "1", environment=_blender_user(user), data_dir=data, blendpath=blends)
        assert worker.wait() == 0
        farm.wait_for("finish", task)
        assert farm.frames(job) == ["000001.png"]
        assert (blends / f"{job}.blend").is_file()
        assert list((data / "logs").iterdir())


def test_nothing_but_whole_frames_ever_appears_in_the_folder_of_a_job(farm: Farm, scene: SceneMaker) -> None:
    job = farm.job(scene("trivial", width=640, height=360, samples=1))
    farm.publish(*(make_task(job, [number], image_format="TIFF") for number in range(1, 9)))
    folder = farm.outpath / job
    seen: dict[str, set[int]] = {}
    over = threading.Event()
    watch = threading.Thread(target=_watch, args=(folder, seen, over))
    watch.start()
    try:
        assert farm.worker("--max-tasks", "8").wait() == 0
    finally:
        over.set()
        watch.join()
    _look(folder, seen)
    assert sorted(seen) == [f"{number:06}.tif" for number in range(1, 9)]
    for name, sizes in seen.items():
        assert sizes == {(folder / name).stat().st_size}, f"{name} was seen before it was whole"


def test_a_frame_that_cannot_be_put_in_its_place_fails_with_the_place_in_its_reason(farm: Farm, blend: Path) -> None:
    job, good = farm.job(blend), farm.job(blend)
    farm.outpath.mkdir()
    (farm.outpath / job).touch()  # a file where the job's folder should be
    task, other = make_task(job, [1]), make_task(good, [1])
    farm.publish(task, other)
    assert farm.worker("--idle-exit", "2").wait() == 0
    farm.wait_for("reject", task)
    assert farm.steps(task).count("error") == 2
    reason = farm.reports(task)[-1].task["data"]["error"]
    assert f"could not be stored as {farm.outpath / job / '000001.png'}" in reason
    assert farm.frames(good) == ["000001.png"]
    (farm.outpath / job).unlink()


def _watch(folder: Path, seen: dict[str, set[int]], over: threading.Event) -> None:
    while not over.wait(0.0005):
        _look(folder, seen)


def _look(folder: Path, seen: dict[str, set[int]]) -> None:
    if folder.is_dir():
        for entry in os.scandir(folder):
            seen.setdefault(entry.name, set()).add(entry.stat().st_size)


def _blender_user(env: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in env.items() if name.startswith("BLENDER_USER_")}
