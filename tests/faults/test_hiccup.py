# SPDX-License-Identifier: GPL-3.0-or-later
"""The disk that a farm's folder lies on fails for a moment, as shared ones do: told; the worker goes on by itself."""

from pathlib import Path

import pytest

from tests.disks import hiccup
from tests.faults.yard import BareLocalFarm, opened


@pytest.mark.parametrize("error", ["EIO", "ESTALE"])
def test_a_hiccup_of_the_farms_folder_ends_the_session_and_costs_nothing(tmp_path: Path, error: str) -> None:
    with BareLocalFarm(folder=tmp_path) as farm:
        farm.outpath = tmp_path / "frames"
        gate = farm.gate()
        task = farm.task(farm.scene(wait={1: gate}), 1)
        worker = farm.worker("--max-tasks", "1", outpath=farm.outpath, data_dir=tmp_path / "one")
        farm.wait_for("start", task)
        with hiccup(worker.pid, farm.folder / "farm", error=error):
            opened(gate)
            worker.wait_for_line("no connection to the local queue: .*/farm.sqlite can't be used: ")
        farm.wait_for("finish", task)
        assert worker.wait() == 0
        assert farm.renders() == 1
        assert farm.left() == 0
        assert "Traceback" not in worker.log
