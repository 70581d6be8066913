# SPDX-License-Identifier: GPL-3.0-or-later
"""One picture that several workers render together: nobody can tell it from one that a single worker made. Machines
that do so, with both Blenders, stand in test_remote.py."""

import json
import subprocess
from pathlib import Path

from tests.farm import pictures
from tests.farm.conftest import SceneMaker
from tests.farm.local_yard import IDLE, LocalYard
from tests.farm.process import DEADLINE
from tools import places


def test_a_picture_of_tiles_is_the_whole_picture_value_by_value(yard: LocalYard, tmp_path: Path) -> None:
    blend = tmp_path / "still.blend"
    pictures.run_script(yard.blender, "still.py", blend)
    (tmp_path / "plain").mkdir()
    plain = pictures.plainly_rendered(yard.blender, blend, [2], folder=tmp_path / "plain")
    told = yard.command("submit", blend, "--frames", "2", "--split", "3", "--job", "still")
    assert "1 frames each in 3 tiles" in told.stdout, told.stdout + told.stderr
    worker = yard.worker(*IDLE, "--renderers", "2")
    assert worker.wait() == 0, worker.log
    assert yard.data_json("still")["status"] == {"Job": "Finished"}, worker.log
    assert yard.frames("still") == ["000002.png"]
    (compared,) = pictures.compare(yard.blender, [(plain[0], yard.frame("still", "000002.png"))], scratch=tmp_path)
    assert compared.different == 0


def test_a_tile_that_is_lost_is_rendered_anew(yard: LocalYard, blend: Path, scene: SceneMaker) -> None:
    tiles = yard.folder / "farm" / "jobs" / "still" / "tiles"
    told = yard.command("submit", blend, "--frames", "1", "--split", "2", "--job", "still")
    assert "the frames are not split: they are too small" in told.stderr, told.stdout + told.stderr
    assert "1 frames in 1 tasks" in told.stdout
    yard.site.delete("still", frames=True)
    larger = scene("trivial", width=128, height=72, samples=1)
    yard.submit(larger, "--frames", "1", "--split", "2", "--job", "still", "--format", "OPEN_EXR")
    worker = yard.worker("--max-tasks", "1")
    assert worker.wait() == 0, worker.log
    shown = yard.show("still")
    assert (shown["status"], shown["frame_lists"], shown["frames"]) == ("Running", {"Waiting": "1"}, {"Waiting": 1})
    assert shown["tiles"] == [{"frame": 1, "done": 1, "of": 2}]
    (lost,) = tiles.rglob("*.exr")
    content = lost.read_bytes()
    lost.write_bytes(content[:-99] + bytes(byte ^ 255 for byte in content[-99:]))  # of which Blender says nothing
    worker = yard.worker("--max-tasks", "4")  # a tile, the picture in vain, the lost tile, the picture
    assert worker.wait() == 0, worker.log
    assert yard.frames("still") == ["000001.exr"], worker.log
    assert yard.data_json("still")["status"] == {"Job": "Finished"}
    assert not list(tiles.iterdir())


def test_a_picture_of_tiles_is_denoised_as_cycles_does_it(bpy_wheel_python: Path, tmp_path: Path) -> None:
    """By the oldest Blender: those of a distribution may have no denoiser."""
    script = [bpy_wheel_python, pictures.SCRIPTS / "denoised.py", places.PROJECT / "bender_worker_addon", tmp_path]
    done = subprocess.run(script, capture_output=True, timeout=DEADLINE, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads((tmp_path / "told.json").read_text())
    assert told["apart"] < 1e-6 < 0.01 < told["noise"]
