# SPDX-License-Identifier: GPL-3.0-or-later
"""Durable: what a power cut leaves is tried in `tests/faults/test_power_cut.py`."""

import threading
from pathlib import Path

import pytest

from bender_worker_addon.system import durable


def test_what_is_being_written_goes_to_the_disk_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flushes = threading.Semaphore(0)
    monkeypatch.setattr(durable, "sync", lambda _: flushes.release())
    file = tmp_path / "file"
    file.write_bytes(b"x")
    with durable.on_its_way(file):
        assert all(flushes.acquire(timeout=60) for _ in range(3))
    assert not any(thread.name == "flush" for thread in threading.enumerate())
    file.unlink()
    with durable.on_its_way(file):  # whoever puts it in its place tells of that
        pass
