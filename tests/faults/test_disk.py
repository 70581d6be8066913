# SPDX-License-Identifier: GPL-3.0-or-later
"""Disks that are full, read-only or gone: told, nothing half-done is left, and it goes on when there is room."""

import shutil
import signal
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from bender_worker_addon.worker.state.journal import Journal
from tests import disks
from tests.disks import fill, read_only
from tests.farm.ground import eventually
from tests.farm.process import DEADLINE
from tests.faults.yard import Bare, BareFarm, BareLocalFarm, opened
from tests.unit.support import blend, large_blend
from tools.servers.blend_server import Answer, Blend, unannounced, well

HARM = {"error", "requeue", "reject"}
NO_ROOM = "No space left on device"
SIZE = 4 << 20  # bytes of the small disk


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    with disks.small(tmp_path / "disk", size=SIZE) as disk:
        yield disk


def elsewhere(farm: Bare) -> dict[str, Path]:
    """Settings for a worker whose data is on a disk of its own, and nothing else."""
    return {} if isinstance(farm, BareLocalFarm) else {"blendpath": farm.folder / "blends"}


def stored(blends: Path) -> list[str]:
    """All that lies in a folder of blends but the mark of whose it is."""
    return sorted(path.name for path in blends.iterdir() if path.name != ".bender-worker.lock")


def test_a_blend_that_has_no_room_is_told_before_it_comes(farm: BareFarm, small_disk: Path) -> None:
    farm.declare_work()
    job = farm.job(large_blend(farm.folder / "large.blend", 10 * 10**9))
    task, good = farm.task(job, 1), farm.task(farm.scene(), 1)
    blends = small_disk / "blends"
    assert farm.worker("--idle-exit", "1", blendpath=blends).wait() == 0
    farm.wait_for("reject", task)
    farm.wait_for("finish", good)
    assert [step for step in farm.steps(task) if step in HARM] == ["error", "requeue", "error", "reject"]
    error = farm.reports(task)[-1].task["data"]["error"]
    assert error == f"the blend has 10.0 GB, more than are free in {blends}"
    assert stored(small_disk / "blends") == [f"{good['parent_id']}.blend"]


def test_a_disk_that_is_full_in_mid_download_of_an_unknown_length_is_told(farm: BareFarm, small_disk: Path) -> None:
    farm.declare_work()
    content = blend(record=farm.folder / "renders.txt", noise="x" * 2 * SIZE)
    task, good = farm.task(farm.job(content, behaviour=unannounced), 1), farm.task(farm.scene(), 1)
    assert farm.worker("--idle-exit", "1", blendpath=small_disk / "blends").wait() == 0
    farm.wait_for("reject", task)
    farm.wait_for("finish", good)
    error = farm.reports(task)[-1].task["data"]["error"]
    assert error == f"the blend can't be stored as {small_disk}/blends/{task['parent_id']}.blend: {NO_ROOM}"
    assert [step for step in farm.steps(task) if step in HARM] == ["error", "requeue", "error", "reject"]
    assert stored(small_disk / "blends") == [f"{good['parent_id']}.blend"]


@pytest.mark.both_queues
def test_a_disk_that_is_full_in_mid_frame_is_told_and_its_frame_comes_when_there_is_room(
    farm: Bare, small_disk: Path
) -> None:
    gate = farm.gate()
    task = farm.task(farm.scene(wait={1: gate}), 1)
    farm.outpath = small_disk / "frames"
    worker = farm.worker("--look-at-disk", "0.2", outpath=farm.outpath)
    farm.wait_for("start", task)
    filler = fill(small_disk)
    opened(gate)
    worker.wait_for_line(f"WARNING {farm.outpath} can't be written .{NO_ROOM}.; free some space: no tasks until it can")
    filler.unlink()
    farm.wait_for("start", task, count=2)
    opened(gate)
    farm.wait_for("finish", task)
    assert farm.frames(task["parent_id"]) == ["000001.png"]
    assert not {"error", "reject"} & set(farm.steps(task))
    worker.signal(signal.SIGTERM)
    assert worker.wait() == 0


@pytest.mark.both_queues
def test_a_full_disk_under_a_workers_own_data_costs_nothing(farm: Bare, small_disk: Path) -> None:
    gate = farm.gate()
    task = farm.task(farm.scene(wait={1: gate}), 1)
    own = small_disk / "one"
    worker = farm.worker("--look-at-disk", "0.2", data_dir=own, **elsewhere(farm))
    farm.wait_for("start", task)
    filler = fill(small_disk)
    opened(gate)
    farm.wait_for("finish", task)
    worker.wait_for_line(f"WARNING {own} can't be written .{NO_ROOM}.; free some space: no tasks until it can")
    worker.wait_for_line(r"the journal .* can't be written: database or disk is full")
    filler.unlink()
    worker.wait_for_line("tasks are taken again")
    other = farm.task(farm.scene(), 1)
    farm.wait_for("finish", other)
    worker.signal(signal.SIGTERM)
    assert worker.wait() == 0
    assert "Traceback" not in worker.log
    assert farm.renders() == 2
    with closing(Journal(own / "journal.sqlite")) as journal:
        assert journal.rendered(task["id"]) is not None
        assert journal.unconfirmed_reports() == []


@pytest.mark.both_queues
@pytest.mark.parametrize("name", ["outpath", "blendpath", "data_dir"])
def test_a_folder_that_is_read_only_at_the_start_is_told(farm: Bare, name: str) -> None:
    folder = farm.folder / "read-only"
    folder.mkdir()
    with read_only(folder):
        worker = farm.worker(**{name: folder})
        assert worker.wait() == 1
    last = worker.log.splitlines()[-1]
    assert last.startswith("bare worker: ")
    assert str(folder) in last
    assert "Traceback" not in worker.log


@pytest.mark.both_queues
def test_frames_that_come_to_a_read_only_disk_are_given_back_and_come_when_it_is_writable(farm: Bare) -> None:
    gate = farm.gate()
    task = farm.task(farm.scene(wait={1: gate}), 1)
    worker = farm.worker("--look-at-disk", "0.2")
    farm.wait_for("start", task)
    with read_only(farm.outpath):
        opened(gate)
        worker.wait_for_line(f"WARNING {farm.outpath} can't be written .Read-only file system.; .*: no tasks until")
        farm.wait_for("requeue", task)
    farm.wait_for("start", task, count=2)
    opened(gate)
    farm.wait_for("finish", task)
    assert not {"error", "reject"} & set(farm.steps(task))
    worker.signal(signal.SIGTERM)
    assert worker.wait() == 0
    assert "Traceback" not in worker.log
    assert farm.frames(task["parent_id"]) == ["000001.png"]


def test_a_blend_that_comes_to_a_read_only_disk_is_given_back_and_comes_when_it_is_writable(farm: BareFarm) -> None:
    on_the_way, may_come = threading.Event(), threading.Event()

    def held_up(answer: Answer, content: Blend) -> None:
        on_the_way.set()
        assert may_come.wait(DEADLINE)
        well(answer, content)

    blends = farm.folder / "blends"
    task = farm.task(farm.job(blend(record=farm.folder / "renders.txt"), behaviour=held_up), 1)
    worker = farm.worker("--look-at-disk", "0.2", blendpath=blends)
    assert on_the_way.wait(DEADLINE)
    with read_only(blends):
        may_come.set()
        worker.wait_for_line(f"WARNING {blends} can't be written .Read-only file system.; .*: no tasks until it can")
        farm.wait_for("requeue", task)
    farm.wait_for("finish", task)
    assert not {"error", "reject"} & set(farm.steps(task))
    farm.stop(worker)
    assert stored(blends) == [f"{task['parent_id']}.blend"]


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
    eventually(lambda: farm.renders() == 1)  # the child has read its blend
    logs = farm.folder / "one" / "logs"
    eventually(logs.is_dir)  # which is made beside
    for folder in (farm.outpath, logs, *(farm.folder / "one").glob("blends")):
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
        worker.wait_for_line("no connection to the local queue: .*(disk is full|is the disk full)")
        filler.unlink()
        farm.wait_for("finish", task)
        assert worker.wait() == 0
        assert farm.renders() == 1
        assert farm.left() == 0
