# SPDX-License-Identifier: GPL-3.0-or-later
"""Disks that answer with errors, or not at all: a worker is told, and never waits."""

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest

from bender_worker_addon.system import disks as disks_module
from bender_worker_addon.system.disks import Disks, DisksSeen, free_gigabytes, why_unusable, why_unwritable
from bender_worker_addon.system.executor import Executor
from bender_worker_addon.system.platform import WINDOWS
from tests.unit.conftest import StartFarm
from tests.unit.support import DEADLINE, cut_off, event_from, message, plugged_in


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Hanging:
    """In the place of `why_unwritable`: one folder does not answer until it is `let_go`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.asked = 0
        self.reached = threading.Event()
        self.let_go = threading.Event()

    def __call__(self, folder: Path) -> str:
        if folder == self.folder:
            self.asked += 1
            self.reached.set()
            assert self.let_go.wait(DEADLINE)
        return why_unwritable(folder)


@pytest.fixture
def inbox() -> "SimpleQueue[Any]":
    return SimpleQueue()


@pytest.fixture
def executor(inbox: "SimpleQueue[Any]") -> Iterator[Executor]:
    executor = Executor("disk", inbox=inbox)
    yield executor
    executor.close(timeout=DEADLINE)


@pytest.fixture
def hanging(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hanging]:
    hanging = Hanging(tmp_path / "share")
    monkeypatch.setattr(disks_module, "why_unwritable", hanging)
    yield hanging
    hanging.let_go.set()


def test_room_is_that_of_the_disk_where_a_folder_will_be(tmp_path: Path) -> None:
    free = shutil.disk_usage(tmp_path).free / 1e9
    assert free_gigabytes(tmp_path / "not" / "yet") == pytest.approx(free, abs=0.5)


def test_where_there_is_no_disk_at_all_nobody_looks_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on Windows where a drive is gone."""
    monkeypatch.setattr(Path, "exists", lambda _: False)
    with pytest.raises(FileNotFoundError):
        free_gigabytes(Path("/gone") / "frames")


@pytest.mark.skipif(not WINDOWS, reason="only Windows has drives and shares as parts of names")
def test_a_drive_or_a_share_that_is_gone_is_told() -> None:
    gone = [Path(name) for name in ("Q:\\frames", "\\\\nas\\frames", "\\\\?\\Q:\\frames")]
    for folder in gone:
        assert "see whether its disk or share is there" in why_unwritable(folder)
        with pytest.raises(FileNotFoundError):
            free_gigabytes(folder)


def test_a_path_that_is_too_long_for_windows_is_told_as_that(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disks_module, "WINDOWS", True)
    (tmp_path / "file").touch()
    long = tmp_path / "file" / ("x" * 200)
    assert "too long for Windows" in why_unwritable(long)
    assert "too long" not in why_unwritable(tmp_path / "file" / "x")


def test_a_disk_that_answers_with_an_error_is_named(
    tmp_path: Path, executor: Executor, inbox: "SimpleQueue[Any]"
) -> None:
    share = tmp_path / "share"
    share.mkdir()
    disks = Disks((tmp_path, share / "frames"), executor=executor, inbox=inbox)
    cut_off(share)
    disks.look()
    seen = event_from(inbox, DisksSeen)
    disks.seen(seen)
    assert str(share) in disks.trouble
    assert seen.gigabytes > 0
    plugged_in(share)
    disks.look()
    disks.seen(event_from(inbox, DisksSeen))
    assert disks.trouble == ""


def test_a_disk_that_does_not_answer_is_told_and_looked_at_once(
    tmp_path: Path, executor: Executor, inbox: "SimpleQueue[Any]", hanging: Hanging
) -> None:
    clock = Clock()
    disks = Disks((tmp_path, hanging.folder), executor=executor, inbox=inbox, clock=clock)
    disks.look()
    for _ in range(5):
        disks.doubt()
        disks.look()
    assert hanging.reached.wait(DEADLINE)
    assert inbox.empty()
    clock.now += 10
    disks.look()
    disks.seen(event_from(inbox, DisksSeen))
    assert f"{hanging.folder} can't be reached" in disks.trouble
    assert disks.in_doubt
    hanging.let_go.set()
    for doubt in (True, False):
        disks.seen(event_from(inbox, DisksSeen))
        assert disks.in_doubt == doubt
    assert disks.trouble == ""
    executor.close(timeout=DEADLINE)
    assert inbox.empty()
    assert hanging.asked == 2


def test_a_doubt_is_over_when_all_was_looked_at_after_it(
    tmp_path: Path, executor: Executor, inbox: "SimpleQueue[Any]"
) -> None:
    disks = Disks((tmp_path,), executor=executor, inbox=inbox)
    disks.doubt()
    assert disks.in_doubt
    disks.seen(event_from(inbox, DisksSeen))
    assert not disks.in_doubt


def test_who_starts_a_worker_does_not_wait_for_a_disk_that_does_not_answer(hanging: Hanging) -> None:
    assert f"{hanging.folder} can't be reached" in why_unusable(hanging.folder, patience=0.05)
    hanging.let_go.set()
    assert why_unusable(hanging.folder, patience=DEADLINE) == ""


def test_a_share_s_hiccup_ends_no_worker(start_farm: StartFarm, tmp_path: Path) -> None:
    share = tmp_path / "share"
    farm = start_farm(outpath=share / "frames")
    farm.until(farm.children)  # else its folder may be made anew where the share was
    cut_off(share)
    farm.worker._disks.doubt()
    farm.until(lambda: str(share) in farm.worker.snapshot().detail)
    assert farm.broker.prefetch == 0
    plugged_in(share)
    farm.worker._disks.doubt()
    farm.until(lambda: farm.broker.prefetch > 0)
    farm.add()
    farm.broker.deliver(message())
    farm.until_settled()
    assert farm.broker.settled == [("ack", 1)]
    assert (share / "frames" / "job-1" / "000001.png").is_file()
