# SPDX-License-Identifier: GPL-3.0-or-later
"""Folders whose names mean something to Blender: frames come where they should all the same."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.farm.conftest import SceneMaker
from tests.farm.local_yard import IDLE, LocalYard

if TYPE_CHECKING:
    from tests.conftest import Installed


@pytest.mark.both_blenders
@pytest.mark.parametrize("name", ["{shots}", "{{a} #b %c [x] é", "{blend_name}####"])
def test_frames_come_into_a_folder_of_any_name(
    installed: "Installed", scene: SceneMaker, tmp_path: Path, name: str
) -> None:
    folder = tmp_path / name
    folder.mkdir()
    with LocalYard(blender=installed.blender, env=installed.env, folder=folder) as yard:
        job = yard.send(scene("trivial"), [1, 2])
        worker = yard.worker(*IDLE)
        assert worker.wait() == 0, worker.log
        assert yard.frames(job) == ["000001.png", "000002.png"]
        assert sorted(path.name for path in tmp_path.iterdir() if path.name != name) == []
