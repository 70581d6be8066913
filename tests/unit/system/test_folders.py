# SPDX-License-Identifier: GPL-3.0-or-later
"""Folders that are not what they are called."""

from pathlib import Path

import pytest

from bender_worker_addon.system.folders import goes_by_another_name


@pytest.fixture
def takes_both_for_one(tmp_path: Path) -> bool:
    """Whether the disk here takes capitals and small letters for the same, as those of Windows and macOS do."""
    (tmp_path / "probe").touch()
    return (tmp_path / "PROBE").exists()


def test_what_another_has_made_under_other_capitals_is_known(tmp_path: Path, takes_both_for_one: bool) -> None:
    (tmp_path / "Film").mkdir()
    assert not goes_by_another_name(tmp_path / "Film")
    assert goes_by_another_name(tmp_path / "film") == takes_both_for_one
    assert goes_by_another_name(tmp_path / "fILM") == takes_both_for_one


def test_what_is_not_there_or_has_no_letters_is_nobody_elses(tmp_path: Path) -> None:
    (tmp_path / "123").mkdir()
    assert not goes_by_another_name(tmp_path / "none")
    assert not goes_by_another_name(tmp_path / "123")
