# SPDX-License-Identifier: GPL-3.0-or-later
"""Backstage with a real Blender in a real sandbox: all that it does for a farm it can do there."""

import json
import subprocess
from pathlib import Path

import pytest

from tools.blenders import scenes
from tools.servers.filled_books import picture

SERVING = Path(__file__).resolve().parent / "inside_blender" / "backstage.py"


@pytest.mark.both_blenders
@pytest.mark.usefixtures("path_with_bwrap")
def test_it_looks_into_a_blend_chooses_a_scene_and_makes_a_film(blender: Path, tmp_path: Path) -> None:
    folder = tmp_path / "job-1"
    scenes.make(blender, "two_scenes", folder / "scene.blend", frames=7)
    for number in (1, 2, 3):
        (folder / f"{number:06d}.png").write_bytes(picture(64, 36, number))
    subprocess.run([blender, "-b", "--factory-startup", "--python", SERVING, "--", folder], check=True, timeout=240)
    told = json.loads((folder / "told.json").read_text(encoding="utf-8"))
    assert told["is in a sandbox"]
    wide, close = sorted(told["first"]["scenes"], key=lambda scene: str(scene["frames"]))
    assert (told["first"]["active"], told["then"]["active"]) == ("Wide", "Close-up")
    assert (wide["name"], wide["frames"], wide["facts"]["scale"]) == ("Wide", "1-3", 100)
    assert (close["name"], close["frames"], close["facts"]["scale"]) == ("Close-up", "1-7", 50)
    assert "burnt into the pictures" in str(close["concerns"])
    assert "burnt into the pictures" not in str(wide["concerns"])
    assert (folder / "film.mp4").read_bytes()[4:8] == b"ftyp"
    assert "broken.blend" in told["broken"]
    assert str(tmp_path) not in told["broken"]
