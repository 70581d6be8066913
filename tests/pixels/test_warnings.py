# SPDX-License-Identifier: GPL-3.0-or-later
"""What is rendered otherwise than it was made is told: in the task's report, by `show` and in the worker's log."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.farm import pictures
from tests.farm.local_yard import IDLE, LocalYard

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Installed

pytestmark = pytest.mark.both_blenders
LACKING = str(Path(__file__).parent / "inside_blender" / "lacking.py")


@pytest.fixture
def yard(installed: "Installed", tmp_path: Path) -> "Iterator[LocalYard]":
    with LocalYard(blender=installed.blender, env=installed.env, folder=tmp_path) as made:
        yield made


def test_what_a_worker_lacks_is_told_and_nothing_else(yard: LocalYard, tmp_path: Path) -> None:
    place = tmp_path / "made"
    place.mkdir()
    pictures.run_script(yard.blender, LACKING, place)
    job = yard.send(place / "lacking.blend", [1, 2])
    worker = yard.worker(*IDLE)
    assert worker.wait() == 0, worker.log
    here = yard.folder / "farm" / "jobs" / job  # where the blend is now, beside which Blender looks
    missing = {
        f"the font letters is missing: {here / 'letters.woff2'}",
        f"the library gone.blend is missing: {here / 'gone.blend'}",
        f"the library changed.blend is missing: {here / 'changed.blend'}",
        f"the picture moving 0001.png is missing: {here / 'moving 0001.png'}",
        f"the picture seen.png is missing: {here / 'seen.png'}",
        f"the picture tile.1001.png is missing: {here / 'tile.1001.png'}",
        f"the picture tile.1001.png is missing: {here / 'tile.1002.png'}",
    }
    shown = yard.show(job)
    assert {warned["words"] for warned in shown["warnings"]} == missing
    assert {warned["frames"] for warned in shown["warnings"]} == {"1-2"}
    for task in yard.data_json(job)["tasks"]:
        assert set(task["data"]["warnings"].splitlines()) == missing
    for words in missing:
        assert worker.log.count(words) == 1
        assert f"in doubt  1-2: {words}" in yard.command("show", job).stdout
        assert f"in doubt  {words}" in yard.command("show", job, "--frame", "2").stdout


def test_what_a_library_has_no_longer_is_told(yard: LocalYard, tmp_path: Path) -> None:
    place = tmp_path / "made"
    place.mkdir()
    pictures.run_script(yard.blender, LACKING, place)
    job = yard.send(place / "lacking.blend", [1])
    blend = yard.folder / "farm" / "jobs" / job
    for name in ("changed.blend", "tile.1001.png"):
        (blend / name).write_bytes((place / name).read_bytes())
    assert yard.worker(*IDLE).wait() == 0
    told = [warned["words"] for warned in yard.show(job)["warnings"]]
    assert f"the library changed.blend has no thing of changed: {blend / 'changed.blend'}" in told
    assert not [words for words in told if "tile.1001.png" in words.partition(": ")[2]]


def test_a_view_of_colors_that_is_not_there_is_told(
    yard: LocalYard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures.run_script(yard.blender, "colors.py", tmp_path / "config.ocio")
    monkeypatch.setenv("OCIO", str(tmp_path / "config.ocio"))
    pictures.run_script(yard.blender, "colors.py", tmp_path / "studio.blend")
    monkeypatch.delenv("OCIO")
    with_colors = {**yard.environment(), "OCIO": str(tmp_path / "config.ocio")}
    studio = LocalYard(blender=yard.blender, env=with_colors, folder=yard.folder)
    job = studio.submit(tmp_path / "studio.blend", "--frames", "3")
    assert yard.worker(*IDLE).wait() == 0
    shown = yard.show(job)
    assert shown["status"] == "Finished"
    space, other, view = sorted(shown["warnings"], key=lambda warned: str(warned["words"]))
    assert {warned["frames"] for warned in (space, view)} == {"3"}
    assert space["words"].startswith('image colorspace "Studio Space" not found')
    assert view["words"].startswith('scene view "Studio Look" not found')
    assert other["words"] == "it was sent with the colours of an OCIO configuration that this Blender has not"
