# SPDX-License-Identifier: GPL-3.0-or-later
"""Task logs: the last ones are kept, and those of failed tasks longer."""

import os
from pathlib import Path

import pytest

from bender_worker_addon.worker.state import task_logs
from bender_worker_addon.worker.state.task_logs import TaskLogs
from tests.unit.conftest import StartFarm
from tests.unit.support import Farm, linked, message


def test_the_last_are_kept_and_as_many_failed_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(task_logs, "_KEPT", 2)
    logs = TaskLogs(tmp_path)
    for number, task in enumerate("abcdefgh"):
        logs.path(task).write_text(task)
        os.utime(logs.path(task), (number, number))
    for task in "abd":
        logs.failed(task)
    (tmp_path / "notes.log").write_text("somebody's")
    logs.prune()
    assert [task for task in "abcdefgh" if logs.path(task).exists()] == ["b", "d", "g", "h"]
    assert sorted(path.name for path in tmp_path.glob("*.failed")) == ["task-b.failed", "task-d.failed"]
    assert (tmp_path / "notes.log").exists()


def test_what_is_gone_or_held_open_keeps_no_other_from_being_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(task_logs, "_KEPT", 1)
    logs = TaskLogs(tmp_path)
    for number, task in enumerate("abc"):
        logs.path(task).write_text(task)
        os.utime(logs.path(task), (number, number))
    linked(logs.path("gone"), tmp_path / "nowhere")  # as if it was deleted since the folder was listed
    logs.path("held").mkdir()  # can't be deleted, as on Windows a file that is open
    os.utime(logs.path("held"), (0, 0))
    logs.prune()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["task-c.log", "task-held.log"]


def test_no_disk_of_logs_ends_the_worker(start_farm: StartFarm, tmp_path: Path) -> None:
    linked(tmp_path / "logs", "x" * 300)  # whoever looks into it gets an error
    farm = start_farm()
    farm.add(no_camera=[1])
    for number in (1, 2):
        farm.broker.deliver(message(f"t{number}", frames=[number]))
    farm.worker._pool.prune_logs()
    farm.until_settled(2)
    assert sorted(farm.broker.settled) == [("ack", 2), ("rejected", 1)]


def test_a_failed_task_is_marked_and_one_that_went_well_is_not(farm: Farm) -> None:
    farm.add(die=[1])
    farm.broker.deliver(message("bad", frames=[1]))
    farm.broker.deliver(message("good", frames=[2]))
    farm.until_settled(2)
    farm.until(lambda: list((farm.folder / "logs").glob("*.failed")))
    farm.worker.close()
    assert [path.name for path in (farm.folder / "logs").glob("*.failed")] == ["task-bad.failed"]
