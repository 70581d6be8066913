# SPDX-License-Identifier: GPL-3.0-or-later
"""Sending a blend: what is said of it first, and what can't be sent at all."""

import json
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bender_worker_addon.core.frame import FORMATS
from tests import disks
from tests.farm import pictures
from tests.farm.conftest import SceneMaker
from tests.farm.local_yard import IDLE, LocalYard, answer

if TYPE_CHECKING:
    from tests.conftest import Installed


def said(told: subprocess.CompletedProcess[str]) -> set[str]:
    """Its warnings."""
    before = "bender_worker: warning: "
    return {line.removeprefix(before) for line in told.stderr.splitlines() if line.startswith(before)}


@pytest.fixture(scope="session")
def troubled(installed: "Installed", tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of two files: one in which much is wrong, and one that looks alike."""
    folder = tmp_path_factory.mktemp("troubled")
    pictures.run_script(installed.blender, "troubled.py", folder)
    return folder


@pytest.mark.both_blenders
def test_all_that_would_go_wrong_elsewhere_is_said_in_a_line_each_and_the_rest_is_sent(
    yard: LocalYard, troubled: Path
) -> None:
    told = yard.command("submit", troubled / "troubled.blend", "--frames", "1", "--job", "a-job")
    assert told.returncode == 0, told.stderr
    assert "Sent troubled as job a-job: 1 frames in 1 tasks, PNG" in told.stdout
    here = f"{troubled}/"
    alone = "bake it, or each frame is rendered by a Blender of its own and may differ"
    assert said(told) == {
        f"8 pictures are missing: {here}gone-1.png, {here}gone-2.png, {here}gone-3.png and 5 more",
        f"the library gone.blend is missing: {here}gone.blend",
        f"the library broken.blend is no blend that Blender can read: {here}broken.blend",
        f"the library poor.blend has no poor, linked from it: {here}poor.blend",
        f"the font letters is missing: {here}gone.ttf",
        f"the volume smoke is missing: {here}smoke.vdb",
        f"the cache file walk.abc is missing: {here}no.abc",
        f"2 files of modifiers are missing: {here}no-dancer, {here}no-sea",
        f"the file of the node profile of lamp is missing: {here}lamp.ies",
        f"2 strips are missing: {here}no-0.png (300 of 301), {here}no-end.png",
        f"the baked simulation sail is missing: {here}blendcache_troubled",
        f"cloth that is not baked (curtain, flag): {alone}",
        f"a fluid that is not baked (tank): {alone}",
        f"a simulation zone in geometry nodes that is not baked (heap): {alone}",
        f"rigid bodies that are not baked (Scene): {alone.replace('it', 'them', 1)}",
        "a node is unknown to Blender here, as if from an add-on: mortar of brick",
        "3 drivers run Python, which workers never do: "
        + ", ".join(f"{name} (len(bpy.data.objects) + len('{name}'))" for name in ("door", "glass", "sun")),
        "the file's path is burnt into the pictures; on the farm its folder is another one",
        "a script runs when the file is opened, but never on a worker: setup.py",
    }


@pytest.mark.both_blenders
def test_nothing_is_said_of_what_no_picture_shows_and_of_what_is_sent_along(yard: LocalYard, troubled: Path) -> None:
    harmless = yard.command("submit", troubled / "harmless.blend", "--check", "--json")
    assert answer(harmless) == {"job": "", "concerns": []}


HOPELESS = {
    "no_camera": "has no camera",
    "other_engine": "the render engine ABSENT_ENGINE comes from an add-on; workers render with Blender's own only",
    "stereo": "the scene renders a picture for each of its views",
    "line_scripts": "Freestyle draws its lines by Python scripts",
}


@pytest.mark.both_blenders
@pytest.mark.parametrize("name", HOPELESS)
def test_what_no_worker_could_render_is_not_sent(yard: LocalYard, scene: SceneMaker, name: str) -> None:
    told = yard.command("submit", scene(name), "--frames", "1")
    assert told.returncode == 1
    (words,) = [line for line in told.stderr.splitlines() if "bender_worker:" in line]
    assert f"can't be rendered: {HOPELESS[name]}" in words or (name == "no_camera" and HOPELESS[name] in words)
    assert "Sent" not in told.stdout
    assert not (yard.folder / "farm").exists()


def test_what_is_sent_anyway_asks_for_the_same_engine(yard: LocalYard, scene: SceneMaker) -> None:
    """And not for the one that Blender would take instead, whose picture is another."""
    job = yard.submit(scene("other_engine"), "--frames", "1", "--anyway")
    assert yard.worker(*IDLE).wait() == 0
    assert "has no render engine ABSENT_ENGINE" in str(yard.show(job))
    assert not yard.frames(job)


def test_a_scene_that_is_set_to_write_a_video_is_sent_as_pictures(yard: LocalYard, scene: SceneMaker) -> None:
    told = yard.command("submit", scene("video"), "--frames", "1")
    assert said(told) == {
        "the scene is set to write a video; a farm renders pictures, the video can be made of them later"
    }
    assert "1 frames in 1 tasks, PNG\n" in told.stdout


CHOICES = ("--scene", "night", "--camera", "close", "--layer", "ViewLayer", "--samples", "2", "--percentage", "50")


@pytest.mark.both_blenders
def test_what_is_chosen_for_a_job_gives_the_picture_that_the_file_would_give_if_it_were_so(
    yard: LocalYard, tmp_path: Path
) -> None:
    file, by_hand = tmp_path / "file.blend", tmp_path / "by-hand.blend"
    pictures.run_script(yard.blender, "chosen.py", file, by_hand)
    before = file.read_bytes()
    job = yard.submit(file, "--frames", "3", *CHOICES)
    assert yard.worker(*IDLE).wait() == 0
    (plain,) = pictures.plainly_rendered(yard.blender, by_hand, [3], folder=tmp_path / "plain")
    (compared,) = pictures.compare(yard.blender, [(yard.frame(job, "000003.png"), plain)], scratch=tmp_path)
    assert (compared.size, compared.different) == ((32, 18), 0)
    assert file.read_bytes() == before
    told = yard.command("submit", file, "--scene", "night", "--camera", "far")
    assert "the scene night has no camera far; there are " in told.stderr
    assert isinstance(answer(yard.command("submit", file, "--json", "--estimate", "3", *CHOICES))["seconds"], float)


NO_STILLS = {"FFMPEG", "AVI_JPEG", "AVI_RAW"}


@pytest.mark.both_blenders
def test_pictures_have_the_format_of_the_scene_whichever_of_blenders_it_is(
    yard: LocalYard, blend: Path, tmp_path: Path
) -> None:
    pictures.run_script(yard.blender, "in_format.py", blend, tmp_path / "webp.blend", tmp_path / "formats.json")
    assert set(json.loads((tmp_path / "formats.json").read_text())) - NO_STILLS <= set(FORMATS)
    webp = yard.submit(tmp_path / "webp.blend", "--frames", "1")
    iris = yard.submit(blend, "--frames", "1", "--format", "IRIS")
    assert yard.worker(*IDLE).wait() == 0
    assert (yard.frames(webp), yard.frames(iris)) == (["000001.webp"], ["000001.rgb"])


def test_a_texture_that_is_missing_is_named_with_its_place(yard: LocalYard, linked: Path) -> None:
    gone = linked.parent / "textures" / "near.png"
    aside = gone.rename(gone.with_suffix(".aside"))
    try:
        told = yard.command("submit", linked, "--check")
    finally:
        aside.rename(gone)
    assert told.returncode == 0
    assert f"the picture near.png is missing: {gone}" in told.stderr
    assert "Sent" not in told.stdout


BAD_WORDS: dict[str, tuple[str, ...]] = {
    "'9-1' ends before it begins": ("--frames", "9-1"),
    "such as 1-100": ("--frames", "all"),
    "a job has at most 100000": ("--frames", "0-999999"),
    "invalid choice: 'GIF'": ("--format", "GIF"),
    "whole number from 1": ("--chunk", "0"),
    "1 to 64 of": ("--job", "../x"),
}


@pytest.mark.parametrize("words", BAD_WORDS)
def test_nonsense_is_wrong_usage(yard: LocalYard, blend: Path, words: str) -> None:
    told = yard.command("submit", blend, *BAD_WORDS[words])
    assert told.returncode == 2
    assert words in told.stderr
    assert "Traceback" not in told.stderr


def test_what_cannot_be_sent_is_told_in_a_sentence_and_leaves_nothing(yard: LocalYard, blend: Path) -> None:
    (yard.folder / "text.blend").write_text("no blend")
    for words in (_no_file, _no_blend, _newer, _same_id, _no_folder):
        expected, told = words(yard, blend)
        assert told.returncode == 1, told.stdout + told.stderr
        assert expected in told.stderr
        assert "Traceback" not in told.stderr
    assert [path.name for path in (yard.folder / "farm" / "jobs").iterdir()] == ["taken"]


_Told = tuple[str, subprocess.CompletedProcess[str]]


def _no_file(yard: LocalYard, _: Path) -> _Told:
    return "missing.blend is no file", yard.command("submit", yard.folder / "missing.blend")


def _no_blend(yard: LocalYard, _: Path) -> _Told:
    return "can't open it", yard.command("submit", yard.folder / "text.blend")


def _newer(yard: LocalYard, blend: Path) -> _Told:
    """Blender 9 has another header, as far as anybody can know."""
    newer = yard.folder / "newer.blend"
    newer.write_bytes(b"BLENDER17-01v0900" + blend.read_bytes()[17:])
    return "it was saved by Blender 9.0", yard.command("submit", newer)


def _same_id(yard: LocalYard, blend: Path) -> _Told:
    yard.submit(blend, "--frames", "1", "--job", "taken")
    return "there is a job taken already", yard.command("submit", blend, "--frames", "1", "--job", "taken")


def _no_folder(yard: LocalYard, blend: Path) -> _Told:
    (yard.folder / "file").touch()
    place = yard.folder / "file" / "farm"
    return f"the farm's folder {place} can't be made", yard.command("submit", blend, farm_dir=place)


SIZE = 4 << 20  # bytes of the small disk


def test_a_farm_that_cannot_be_written_is_told(yard: LocalYard, blend: Path) -> None:
    yard.submit(blend, "--frames", "1", "--job", "before")
    farm = yard.folder / "farm"
    for place, words in (
        (farm, f"{farm / 'farm.sqlite'} can't be used"),
        (farm / "jobs", f"the job can't be written into {farm / 'jobs'}: Read-only file system"),
    ):
        with disks.read_only(place):
            told = yard.command("submit", blend, "--frames", "1")
        assert_refused(told, words)
    assert [path.name for path in (farm / "jobs").iterdir()] == ["before"]
    assert [job.id for job in yard.site.jobs()] == ["before"]


@pytest.mark.parametrize("left", [0, 16, 32, 64, 128, 256])
def test_a_disk_that_is_full_is_told_and_nothing_is_left_on_it(yard: LocalYard, blend: Path, left: int) -> None:
    """Whether the first byte doesn't fit or the last."""
    with disks.small(yard.folder / "disk", size=SIZE) as disk:
        yard.submit(blend, "--frames", "1", "--job", "before", farm_dir=disk / "farm")
        filler = disks.fill(disk, but=left << 10)
        told = yard.command("submit", blend, "--frames", "1-100", farm_dir=disk / "farm")
        assert_refused(told, "No space left on device|disk is full|is the disk full")
        assert [path.name for path in (disk / "farm" / "jobs").iterdir()] == ["before"]
        filler.unlink()
        assert [answer(yard.command("list", "--json", farm_dir=disk / "farm"))["id"]] == ["before"]


def assert_refused(told: subprocess.CompletedProcess[str], words: str) -> None:
    """In a sentence, with exit code 1."""
    (complaint,) = [line for line in told.stderr.splitlines() if "bender_worker:" in line]
    assert re.search(words, complaint)
    assert told.returncode == 1
    assert "Traceback" not in told.stderr
    assert "Sent" not in told.stdout
