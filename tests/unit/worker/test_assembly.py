# SPDX-License-Identifier: GPL-3.0-or-later
"""Assembly: whatever fails, what was opened is closed, and the folders are free for the next."""

import gc
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest

from bender_worker_addon.core.errors import WorkerError
from bender_worker_addon.settings.config import WorkerConfig
from bender_worker_addon.system.lock import Lock
from bender_worker_addon.worker.assembly import Assembly
from bender_worker_addon.worker.children.pool import Pool
from bender_worker_addon.worker.state.journal import Journal
from tests.unit.support import StandInBroker, child_command

Faults = Callable[[Path], AbstractContextManager[object]]


def assembly(folder: Path, *, sandbox: str = "off") -> Assembly:
    config = WorkerConfig(
        id="w1", data_dir=folder / "data", blendpath=folder / "blends", outpath=folder / "frames", sandbox=sandbox
    )
    return Assembly(config, child_command=child_command("renders"), max_tasks=None, inbox=SimpleQueue())


@pytest.fixture(autouse=True)
def queue(monkeypatch: pytest.MonkeyPatch) -> None:
    def stand_in(config: WorkerConfig, *, inbox: "SimpleQueue[Any]", blender: str) -> StandInBroker:
        return StandInBroker(url=config.amqp_url, worker_id=config.id, inbox=inbox)

    monkeypatch.setattr("bender_worker_addon.worker.assembly.task_queue", stand_in)


@pytest.fixture(autouse=True)
def no_garbage_is_collected() -> Iterator[None]:
    """Nothing is closed by chance."""
    gc.disable()
    yield
    gc.enable()


@contextmanager
def blends_taken(folder: Path) -> Iterator[None]:
    (folder / "blends").mkdir()
    with closing(Lock(folder / "blends" / ".bender-worker.lock")):
        yield


@contextmanager
def file_for_frames(folder: Path) -> Iterator[None]:
    (folder / "frames").touch()
    yield
    (folder / "frames").unlink()


@contextmanager
def folder_for_control(folder: Path) -> Iterator[None]:
    (folder / "data" / "control.json").mkdir(parents=True)
    yield
    (folder / "data" / "control.json").rmdir()


@pytest.mark.parametrize("fault", [blends_taken, file_for_frames, folder_for_control])
def test_a_start_that_failed_leaves_nothing_open(tmp_path: Path, fault: Faults) -> None:
    with fault(tmp_path), pytest.raises(WorkerError) as failure:
        assembly(tmp_path)
    assert failure.value.__traceback__ is not None  # which holds all that was made
    assembly(tmp_path).close()


def test_a_start_without_the_sandbox_that_must_be_leaves_nothing_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(WorkerError, match="sandbox") as failure:
        assembly(tmp_path, sandbox="on")
    assert failure.value.__traceback__ is not None
    assembly(tmp_path).close()


def test_all_is_closed_whatever_one_part_raises_and_the_first_error_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    close = Journal.close

    def close_pool(_: Pool, *, timeout: float) -> None:
        raise WorkerError(f"the pool did not close in {timeout:g} s")

    def close_journal(journal: Journal) -> None:
        close(journal)
        raise WorkerError("the journal did neither")

    with monkeypatch.context() as patch:
        patch.setattr(Pool, "close", close_pool)
        patch.setattr(Journal, "close", close_journal)
        made = assembly(tmp_path)
        with pytest.raises(WorkerError, match="the pool did not close"):
            made.close()
    assert "the journal did neither" in caplog.text
    assembly(tmp_path).close()


def test_what_was_never_started_can_be_closed_and_closed_again(tmp_path: Path) -> None:
    made = assembly(tmp_path)
    made.close()
    made.close()
    assembly(tmp_path).close()
