# SPDX-License-Identifier: GPL-3.0-or-later
"""The connection test of a window: each of its tests comes to an end, whatever happens in it."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bender_worker_addon.blender.worker.connection_test import ConnectionTest, Verdict
from bender_worker_addon.settings.resolve import resolve
from bender_worker_addon.worker import checkup
from tests.unit.support import DEADLINE

RUNNING = Verdict(True, "being tested...")


def test_an_error_that_nobody_foresaw_ends_a_test_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = threading.Event()

    def broken() -> str:
        raise KeyError("hush")

    def waiting() -> str:
        return "" if gate.wait(DEADLINE) else "nobody opened the gate"

    tests = {"RabbitMQ": broken, "Flaskbender": waiting, "Folder": lambda: "it is full"}
    monkeypatch.setattr(checkup, "of_settings", lambda _: tests)
    test = ConnectionTest()
    test.start(resolve(data_dir=tmp_path, environment={}, options={}).config)
    _until(lambda: [name for name, verdict in test.verdicts() if verdict == RUNNING] == ["Flaskbender"])
    assert test.running
    gate.set()
    _until(lambda: not test.running)
    *told, (room, verdict) = test.verdicts()
    assert (room, verdict.is_good) == ("Room", True)
    assert told == [
        ("RabbitMQ", Verdict(False, "an error in the add-on itself (KeyError); please report it, with its log")),
        ("Flaskbender", Verdict(True, "good")),
        ("Folder", Verdict(False, "it is full")),
    ]


def _until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.001)
