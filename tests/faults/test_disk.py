# SPDX-License-Identifier: GPL-3.0-or-later
"""Disks that are full, read-only or gone: told, nothing half-done is left, and it goes on when there is room."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.yard import Bare, BareFarm, BareLocalFarm, opened
from tests.worker.support import blend

SIZE = 4 << 20  # bytes of the small disk


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "none", str(disk)], capture_output=True, text=True, timeout=30
    )
    if mount.returncode:
        pytest.skip(f"no small disk can be made: {mount.stderr.strip()}")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True, timeout=30)


def fill(disk: Path, *, but: int = 0) -> Path:
    """Leaves no byte free, or only some; gives what takes it all."""
    filler = disk / "filler"
    with filler.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, shutil.disk_usage(disk).free - but)
    return filler


def stored(blends: Path) -> list[str]:
    """All that lies in a folder of blends but the mark of whose it is."""
    return sorted(path.name for path in blends.iterdir() if path.name != ".bender-worker.lock")


def test_a_disk_that_is_full_in_mid_download_is_told(farm: BareFarm, small_disk: Path) -> None:
    farm.declare_work()
    job = farm.job(blend(record=farm.folder / "renders.txt", noise="x" * 2 * SIZE))
    task, good = farm.task(job, 1), farm.task(farm.scene(), 1)
    assert farm.worker("--idle-exit", "1", blendpath=small_disk / "blends").wait() == 0
    farm.wait_for("reject", task)
    farm.wait_for("finish", good)
    assert "more than are free in" in farm.reports(task)[-1].task["data"]["error"]
    assert stored(small_disk / "blends") == [f"{good['parent_id']}.blend"]


@pytest.mark.both_queues
def test_a_disk_that_is_full_in_mid_frame_is_told_and_its_frame_comes_when_there_is_room(
    farm: Bare, small_disk: Path
) -> None:
    gate = farm.gate()
    task = farm.task(farm.scene(wait={1: gate}), 1)
    farm.outpath = small_disk / "frames"
    worker = farm.worker("--max-tasks", "2", outpath=farm.outpath)
    farm.wait_for("start", task)
    filler = fill(small_disk)
    opened(gate)
    farm.wait_for("start", task, count=2)
    filler.unlink()
    opened(gate)
    farm.wait_for("finish", task)
    assert farm.frames(task["parent_id"]) == ["000001.png"]
    worker.signal(signal.SIGTERM)
    assert worker.wait() == 0


@pytest.mark.both_queues
def test_a_low_disk_takes_no_tasks_and_goes_on_when_there_is_room(farm: Bare, small_disk: Path) -> None:
    farm.outpath = small_disk / "frames"
    filler = fill(small_disk, but=SIZE // 8)
    worker = farm.worker("--look-at-disk", "0.2", "--max-tasks", "1", disklimit=0.001, outpath=farm.outpath)
    worker.wait_for_line("WARNING .*GB of disk left, disklimit is 0.001")
    task = farm.task(farm.scene(), 1)
    worker.wait_for_line("connected to")
    assert farm.steps(task) == []
    filler.unlink()
    worker.wait_for_line("tasks are taken again")
    assert worker.wait() == 0
    farm.wait_for("finish", task)


@pytest.mark.both_queues
def test_folders_that_are_removed_while_it_works_are_made_again(farm: Bare) -> None:
    gate = farm.gate()
    first = farm.task(farm.scene(wait={1: gate}), 1)
    worker = farm.worker("--max-tasks", "2")
    farm.wait_for("start", first)
    for folder in (farm.outpath, farm.folder / "one" / "logs", *(farm.folder / "one").glob("blends")):
        shutil.rmtree(folder)
    second = farm.task(farm.scene(), 1)
    opened(gate)
    farm.wait_for("finish", first)
    farm.wait_for("finish", second)
    assert worker.wait() == 0
    assert farm.frames(first["parent_id"]) == farm.frames(second["parent_id"]) == ["000001.png"]


def test_a_full_disk_under_the_queue_on_this_machine_is_told_and_nothing_is_lost(
    small_disk: Path, tmp_path: Path
) -> None:
    with BareLocalFarm(folder=small_disk) as farm:
        gate = farm.gate()
        task = farm.task(farm.scene(wait={1: gate}), 1)
        farm.outpath = tmp_path / "frames"
        worker = farm.worker("--max-tasks", "1", data_dir=tmp_path / "one", outpath=farm.outpath)
        farm.wait_for("start", task)
        filler = fill(small_disk)
        opened(gate)
        worker.wait_for_line("no connection to the local queue: .*is the disk full")
        filler.unlink()
        farm.wait_for("finish", task)
        assert worker.wait() == 0
        assert farm.renders() == 1
        assert farm.left() == 0
