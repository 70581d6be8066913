# SPDX-License-Identifier: GPL-3.0-or-later
"""What a worker needs, tested: the tests say what is wrong, they don't raise it."""

from pathlib import Path

import pytest

from bender_worker_addon.settings.resolve import resolve
from bender_worker_addon.system.platform import WINDOWS
from bender_worker_addon.worker import checkup


@pytest.mark.skipif(WINDOWS, reason="Windows looks for a name of any length")
def test_what_no_test_has_foreseen_of_a_disk_is_told_in_words(tmp_path: Path) -> None:
    """The system doesn't even look for a name so long."""
    frames = tmp_path / ("x" * 300) / "frames"
    config = resolve(data_dir=tmp_path, environment={}, options={"outpath": str(frames)}).config
    machine = checkup.of_machine(config, blender=["python3", "-c", "pass"], config_file=frames)
    told = {name: test() for name, test in {**checkup.of_settings(config), **machine}.items()}
    assert "File name too long" in told["Folder of frames"]
    assert "File name too long" in told["Free disk"]
    assert "File name too long" in told["Secrets"]
    assert told["Data folder"] == ""
