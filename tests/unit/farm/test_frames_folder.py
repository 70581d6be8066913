# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the frames of a job on this machine go."""

from pathlib import Path

import pytest

from bender_worker_addon.core.errors import FarmError
from bender_worker_addon.farm import frames_folder
from bender_worker_addon.system.platform import WINDOWS


@pytest.mark.skipif(WINDOWS, reason="there the registry says where videos are")
def test_beside_the_blend_among_videos_or_where_somebody_chose(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    blend = tmp_path / "shot.blend"
    assert frames_folder.base(blend, tmp_path / "mine") == tmp_path / "mine"
    assert frames_folder.base(blend, None) == tmp_path / "render"
    videos = tmp_path / "home" / "Videos" / "Bender"
    assert frames_folder.base(None, None) == videos
    assert frames_folder.base(tmp_path / "gone" / "shot.blend", None) == videos  # nobody can write there


def test_each_job_has_one_of_its_own_that_goes_if_the_job_is_not_sent(tmp_path: Path) -> None:
    assert frames_folder.next_free(tmp_path, "shot") == tmp_path / "shot"
    with frames_folder.made(tmp_path, "shot") as first, frames_folder.made(tmp_path, "shot") as second:
        assert [first.name, second.name] == ["shot", "shot_2"]
        assert frames_folder.next_free(tmp_path, "shot") == tmp_path / "shot_3"
    with pytest.raises(FarmError), frames_folder.made(tmp_path, "shot") as third:
        raise FarmError("not sent")
    assert third.name == "shot_3"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["shot", "shot_2"]


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("Straße ✓ 010", "Straße ✓ 010"),
        ("a/b\\c:d", "a_b_c_d"),
        ("two\nlines", "two_lines"),
        ("../..", "_"),
        (" . ", "untitled"),
        ("con", "_con"),
        ("aux.png", "_aux.png"),
        ("nul .x", "_nul .x"),
        ("LPT¹", "_LPT¹"),
        ("x" * 98 + ". y", "x" * 98),
        ("x" * 300, "x" * 100),
    ],
)
def test_its_name_is_one_that_every_system_takes(tmp_path: Path, name: str, folder: str) -> None:
    found = frames_folder.next_free(tmp_path, name)
    assert (found.parent, found.name) == (tmp_path, folder)


def test_where_none_can_be_made_that_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FarmError, match=r"no folder for the frames can be made in .*file.render: .*choose another"):
        frames_folder.made(tmp_path / "file" / "render", "shot").__enter__()
