# SPDX-License-Identifier: GPL-3.0-or-later
"""The session of a window, driven by hand in a real Blender: what is told of a worker that can't go on."""

import gc
import importlib
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

DEADLINE = 60.0


def addons(name: str) -> ModuleType:
    return importlib.import_module(f"bl_ext.user_default.bender_worker_addon.{name}")


@pytest.fixture
def session() -> Iterator[Any]:
    made = addons("blender.worker.session").Session()
    yield made
    made.quit()


def start(session: Any, folder: Path, **settings: str) -> None:
    """Starts a worker that keeps all it has in this folder."""
    config = addons("settings.resolve").resolve(data_dir=folder, environment={}, options=settings).config
    session.start(config, child_command=addons("blender.versions").child_command())


def wait_for(session: Any, state: str) -> None:
    """Lets the worker work until it is in this state; with a problem, until it is closed."""
    deadline = time.monotonic() + DEADLINE
    while session.snapshot.state.name != state or (state == "PROBLEM" and session.running):
        assert time.monotonic() < deadline, session.snapshot
        session.tick()
        time.sleep(0.01)


def nobody_has(folder: Path) -> bool:
    """Whether another worker could use the folder."""
    with closing(addons("worker.state.journal").Journal(folder / "journal.sqlite")):
        return True


def test_an_error_that_nobody_foresaw_ends_the_worker_and_is_told(
    session: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> float:
        raise RuntimeError("hush")

    monkeypatch.setattr(addons("worker.worker").Worker, "tick", broken)
    start(session, tmp_path, queue="local")
    wait_for(session, "PROBLEM")
    assert session.snapshot.detail == "an error in the add-on itself (RuntimeError); please report it, with its log"
    session.quit()
    assert "RuntimeError: hush" in session.log_path.read_text(encoding="utf-8")
    assert nobody_has(tmp_path)


def test_of_a_start_that_failed_nothing_lives_on_and_it_can_be_pressed_again(session: Any, tmp_path: Path) -> None:
    """What is half built may have the folder locked; nothing waits for Python's garbage collector."""
    worker = addons("worker.worker").Worker
    (tmp_path / "file").touch()
    gc.collect()
    gc.disable()
    try:
        start(session, tmp_path, queue="local", outpath=str(tmp_path / "file" / "frames"))
        wait_for(session, "PROBLEM")
        left = [found for found in gc.get_objects() if type(found) is worker]
    finally:
        gc.enable()
    assert "can't be written" in session.snapshot.detail
    assert left == []
    start(session, tmp_path, queue="local")
    wait_for(session, "WAITING")


def test_a_start_that_failed_after_its_folder_was_taken_leaves_it_to_the_next(session: Any, tmp_path: Path) -> None:
    """The address is one only for who doesn't look closely."""
    start(session, tmp_path, queue="rabbitmq", amqp_url="amqp://127.0.0.1:9/%2F?heartbeat=none")
    wait_for(session, "PROBLEM")
    assert "amqp_url can't be understood" in session.snapshot.detail
    assert nobody_has(tmp_path)
    start(session, tmp_path, queue="local")
    wait_for(session, "WAITING")


def test_what_goes_wrong_while_a_worker_is_closed_is_told(
    session: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(worker: Any) -> None:
        close(worker)
        raise OSError(28, "No space left on device", "journal.sqlite")

    worker = addons("worker.worker").Worker
    close = worker.close
    monkeypatch.setattr(worker, "close", broken)
    start(session, tmp_path, queue="local")
    wait_for(session, "WAITING")
    session.stop_now()
    wait_for(session, "PROBLEM")
    assert session.snapshot.detail == "journal.sqlite can't be used: No space left on device"


def test_a_worker_that_runs_is_not_started_with_blender(
    session: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """She may have been faster."""
    loop = addons("blender.worker.loop")
    monkeypatch.setattr(loop, "session", session)
    start(session, tmp_path, queue="local")
    wait_for(session, "WAITING")
    loop.start()
    assert session.snapshot.state.name == "WAITING"
