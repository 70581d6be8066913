# SPDX-License-Identifier: GPL-3.0-or-later
"""In the sandbox a child sees what a job has beside its blend: the frame is the same."""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.farm import pictures
from tests.farm.local_yard import IDLE, LocalYard

if TYPE_CHECKING:
    from tests.conftest import Installed

FRAME = 3


@pytest.mark.parametrize("name", ["walk", "drawer"])
def test_pictures_and_caches_beside_a_blend_are_read_in_the_sandbox(
    installed: "Installed", tmp_path: Path, path_with_bwrap: str, name: str
) -> None:
    pictures.run_script(installed.blender, "packing.py", tmp_path, Path(name))
    blend = tmp_path / name / f"{name}.blend"
    [expected] = pictures.plainly_rendered(installed.blender, blend, [FRAME], folder=tmp_path / "plain")
    env = installed.env | {"PATH": path_with_bwrap}
    with LocalYard(blender=installed.blender, env=env, folder=tmp_path) as yard:
        job = yard.submit(blend, "--frames", str(FRAME))
        shutil.rmtree(blend.parent)
        assert yard.worker(*IDLE, sandbox="on").wait() == 0
        frame = yard.frame(job, f"{FRAME:06}.png")
        [found] = pictures.compare(installed.blender, [(frame, expected)], scratch=tmp_path)
    assert found.different == 0
