# SPDX-License-Identifier: GPL-3.0-or-later
"""Places: where a Linux desktop says that data and videos are, and what holds where it says nothing useful."""

from pathlib import Path

import pytest

from bender_worker_addon.system import places
from bender_worker_addon.system.platform import LINUX

pytestmark = pytest.mark.skipif(not LINUX, reason="the others have no such files")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(
    ("told", "found"), [(None, ".local/share/bender"), ("relative", ".local/share/bender"), ("/data", "/data/bender")]
)
def test_data_is_where_xdg_says(home: Path, told: str | None, found: str) -> None:
    assert places.data_folder("bender", {"XDG_DATA_HOME": told} if told else {}) == home / found


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ('XDG_VIDEOS_DIR="$HOME/Filme ✓"', "Filme ✓"),
        ('XDG_VIDEOS_DIR="/disk/films"', "/disk/films"),
        ('XDG_VIDEOS_DIR="$HOME/"', "Videos"),
        ('XDG_VIDEOS_DIR="films"', "Videos"),
        ('XDG_MUSIC_DIR="$HOME/Music"', "Videos"),
    ],
)
def test_videos_are_where_the_desktop_says(home: Path, line: str, found: str) -> None:
    (home / "config").mkdir()
    (home / "config" / "user-dirs.dirs").write_text(f"# made by xdg-user-dirs-update\n{line}\n", encoding="utf-8")
    assert places.videos_folder({"XDG_CONFIG_HOME": str(home / "config")}) == home / found


def test_videos_have_a_place_without_a_desktop(home: Path) -> None:
    assert places.videos_folder({}) == home / "Videos"
