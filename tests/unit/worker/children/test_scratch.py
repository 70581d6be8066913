# SPDX-License-Identifier: GPL-3.0-or-later
"""The folder for frames in the making: cleared up behind each child, and no disk it is on holds up the worker."""

import os
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from bender_worker_addon.core.errors import WorkerError
from bender_worker_addon.worker.children.scratch import Scratch
from bender_worker_addon.worker.life.activity import Stop
from tests.unit.conftest import StartFarm
from tests.unit.support import DEADLINE, Farm, cut_off, message, plugged_in


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Nothing is made or removed on the disk of the frames, which does not answer, until this is set."""
    answers = threading.Event()

    def patient(do: str) -> None:
        now = getattr(Scratch, do)

        def later(self: Scratch, *where: Path) -> None:
            assert answers.wait(DEADLINE)
            now(self, *where)

        monkeypatch.setattr(Scratch, do, later)

    for do in ("make", "remove", "remove_leftovers", "close"):
        patient(do)
    yield answers
    answers.set()


def test_the_folder_of_a_child_that_has_died_is_removed_and_no_other(farm: Farm) -> None:
    def folders() -> list[str]:
        return sorted(path.name for path in (farm.folder / "frames").glob(".rendering/*/*/*") if path.is_dir())

    farm.add("job-1", die=[1], die_once=farm.folder / "died")
    farm.broker.deliver(message())
    farm.until_settled()
    farm.until(lambda: folders() == ["2"])
    assert farm.broker.settled == [("ack", 1)]


def test_no_child_gets_a_folder_when_the_worker_has_ended(tmp_path: Path) -> None:
    scratch = Scratch(tmp_path / "scratch")
    scratch.make(scratch.of_child(1))
    scratch.close()
    with pytest.raises(WorkerError, match="has ended"):
        scratch.make(scratch.of_child(2))
    scratch.close()
    assert not (tmp_path / "scratch").exists()


def test_what_a_killed_worker_left_is_removed_and_nothing_of_one_that_lives(tmp_path: Path) -> None:
    parent = tmp_path / ".rendering" / "w1"
    (parent / "of-a-killed-one" / "1").mkdir(parents=True)
    ours, others = Scratch(parent), Scratch(parent)
    for scratch in (ours, others):
        for number in (1, 2):
            scratch.make(scratch.of_child(number))
    ours.remove_leftovers()
    assert not (parent / "of-a-killed-one").exists()
    assert all(scratch.of_child(number).is_dir() for scratch in (ours, others) for number in (1, 2))
    ours.close()
    assert others.of_child(1).is_dir()
    others.close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name == "nt", reason="Windows knows no such modes")
def test_nobody_else_looks_into_a_child_s_folder(tmp_path: Path) -> None:
    scratch = Scratch(tmp_path / "scratch")
    folder = scratch.of_child(1)
    scratch.make(folder)
    assert [stat.S_IMODE(place.stat().st_mode) for place in (folder.parent, folder)] == [0o700, 0o700]
    with pytest.raises(WorkerError, match="can't be made: File exists"):
        scratch.make(folder)
    scratch.close()


def test_a_share_s_hiccup_at_a_child_s_start_is_no_task_s_fault(start_farm: StartFarm, tmp_path: Path) -> None:
    share = tmp_path / "share"
    farm = start_farm(outpath=share / "frames")
    farm.until(lambda: farm.children() and farm.worker.snapshot().free_disk is not None)
    farm.worker._dispatcher.end_all()
    cut_off(share)
    farm.add()
    farm.broker.deliver(message())
    farm.until_settled()
    assert farm.broker.settled == [("requeued", 1)]
    assert farm.broker.tasks("error") == []
    plugged_in(share)
    farm.worker._disks.look()
    farm.until(lambda: farm.broker.prefetch > 0)
    farm.broker.deliver(message(), redelivered=True)
    farm.until_settled(2)
    assert farm.broker.settled[-1] == ("ack", 2)


def test_a_worker_goes_on_while_the_disk_of_its_frames_does_not_answer(
    start_farm: StartFarm, answers: threading.Event
) -> None:
    farm = start_farm(heart_rate_seconds=0.05)
    farm.add()
    farm.broker.deliver(message())
    farm.until(lambda: farm.broker.tasks("blend"))
    before = farm.broker.reports.count(("heart.w1", b""))
    farm.until(lambda: farm.broker.reports.count(("heart.w1", b"")) >= before + 2)
    assert farm.children() == []
    answers.set()
    farm.until_settled()
    assert farm.broker.settled == [("ack", 1)]


def test_a_worker_can_be_stopped_and_closed_while_the_disk_of_its_frames_does_not_answer(
    start_farm: StartFarm, answers: threading.Event
) -> None:
    farm = start_farm()
    farm.add()
    farm.broker.deliver(message())
    farm.until(lambda: farm.broker.tasks("blend"))
    farm.worker.stop(Stop.NOW)
    farm.until_over()
    farm.worker.close()
    assert not answers.is_set()
