# SPDX-License-Identifier: GPL-3.0-or-later
"""What is told on a desktop is never taken for a command, and where there is nothing for it nothing is run."""

import subprocess
from pathlib import Path

import pytest

from bender_worker_addon.system import notice
from bender_worker_addon.system.platform import WINDOWS

WORDS = '--help"; $(touch x) `x` shot "010" is done'


@pytest.mark.skipif(WINDOWS, reason="there is no shell on Windows that quotes as others do")
def test_words_come_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "notify-send"
    program.write_text('#!/bin/sh\nwhile [ "$1" != -- ]; do shift; done; printf "%s|%s" "$2" "$3"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    command, more = notice.command("Bender", WORDS)
    assert command[0] == str(program)
    assert more == {}
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == f"Bender|{WORDS}"


def test_where_there_is_nothing_for_it_nothing_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert notice.command("Bender", WORDS) == ([], {})


@pytest.mark.parametrize(("system", "program"), [("WINDOWS", "powershell"), ("MACOS", "osascript")])
def test_elsewhere_they_stand_in_no_script_either(
    system: str, program: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / f"{program}{'.exe' if WINDOWS else ''}").touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    for other in ("LINUX", "MACOS", "WINDOWS"):
        monkeypatch.setattr(notice, other, other == system)
    command, more = notice.command("Bender", WORDS)
    assert Path(command[0]).stem == program
    assert [word for word in [*command, *more.values()] if "shot" in word] == [WORDS]
