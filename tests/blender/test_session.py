# SPDX-License-Identifier: GPL-3.0-or-later
"""The session of a window, driven by hand in a real Blender: what is told of a worker that can't go on."""

import importlib
import time
from contextlib import closing
from pathlib import Path
from types import ModuleType

import pytest

DEADLINE = 60.0


def addons(name: str) -> ModuleType:
    return importlib.import_module(f"bl_ext.user_default.bender_worker_addon.{name}")


def test_an_error_that_nobody_foresaw_ends_the_worker_and_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> float:
        raise RuntimeError("hush")

    monkeypatch.setattr(addons("worker.worker").Worker, "tick", broken)
    config = addons("settings.resolve").resolve(data_dir=tmp_path, environment={}, options={"queue": "local"}).config
    session = addons("blender.worker.session").Session()
    try:
        session.start(config, child_command=addons("blender.versions").child_command())
        deadline = time.monotonic() + DEADLINE
        while session.running:
            assert time.monotonic() < deadline
            session.tick()
            time.sleep(0.01)
    finally:
        session.quit()
    assert session.snapshot.state.name == "PROBLEM"
    assert session.snapshot.detail == "an error in the add-on itself (RuntimeError); please report it, with its log"
    assert "RuntimeError: hush" in session.log_path.read_text(encoding="utf-8")
    with closing(addons("worker.state.journal").Journal(tmp_path / "journal.sqlite")):
        """Nobody has the folder any more."""
