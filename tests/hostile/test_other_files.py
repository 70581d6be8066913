# SPDX-License-Identifier: GPL-3.0-or-later
"""Blends that would do more than make a picture: write other files, run Python in a render."""

import shutil
from pathlib import Path

import pytest

from tests.farm import pictures
from tests.farm.farmyard import Farm
from tools.blenders import blenders

WRITING = Path(__file__).resolve().parent / "inside_blender" / "writing.py"


@pytest.mark.both_blenders
def test_a_blend_leaves_files_beside_its_frame_and_nowhere_else(farm: Farm, tmp_path: Path) -> None:
    made, plain = tmp_path / "made", tmp_path / "plain"
    made.mkdir()
    pictures.run_script(farm.blender, str(WRITING), made)
    [expected] = pictures.plainly_rendered(farm.blender, made / "files.blend", [2], folder=plain / "files")
    pictures.plainly_rendered(farm.blender, made / "lines.blend", [2], folder=plain / "lines")
    passes = list((made / "elsewhere").iterdir())
    fluids = [made / "fluid"] * (blenders.version_of(farm.blender) >= (5, 0))
    written = [made / "elsewhere", made / "blendcache_files", made / "executed", *fluids]
    for path in written:  # as other farms would have it
        assert path.exists(), f"{path.name} is not there; is this Blender harmless?"
        shutil.rmtree(path) if path.is_dir() else path.unlink()

    files = farm.task(farm.job(made / "files.blend"), 2)
    lines = farm.task(farm.job(made / "lines.blend"), 2)
    assert farm.worker("--max-tasks", "2").wait() == 0
    assert not [path for path in written if path.exists()]
    assert [path for path in (farm.folder / "data" / "blends").iterdir() if path.is_dir()] == []

    frames = farm.outpath / files["parent_id"]
    assert sorted(path.relative_to(frames).as_posix() for path in frames.rglob("*.*")) == sorted(
        ["000002.png", f"elsewhere/{passes[0].name}"]
    )
    [found] = pictures.compare(farm.blender, [(frames / "000002.png", expected)], scratch=plain)
    assert found.different == 0
    log = (farm.folder / "data" / "logs" / f"task-{files['id']}.log").read_text(encoding="utf-8")
    assert "Left out: the cache on disk" in log
    assert farm.steps(lines)[-2:] == ["error", "reject"]
    assert "drawn by Python scripts" in farm.reports(lines)[-1].task["data"]["error"]
