# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands by which a machine rests: those of its system, and none where they are not there."""

from pathlib import Path

import pytest

from bender_worker_addon.system import power
from bender_worker_addon.system.platform import LINUX
from bender_worker_addon.system.power import Rest


@pytest.mark.skipif(not LINUX, reason="the stand-in is systemctl")
def test_a_machine_is_told_by_its_own_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "systemctl"
    program.touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert power.command(Rest.SLEEP) == [str(program), "suspend"]
    assert power.command(Rest.SHUT_DOWN) == [str(program), "poweroff"]
    assert power.command(Rest.NOTHING) == []


def test_without_it_there_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert [power.command(rest) for rest in Rest] == [[], [], []]
