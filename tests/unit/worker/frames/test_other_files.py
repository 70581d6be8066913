# SPDX-License-Identifier: GPL-3.0-or-later
"""What a child leaves beside a frame: pictures go into the job's folder with it, all else nowhere."""

import hashlib
import os
from pathlib import Path

import pytest

from bender_worker_addon.core.errors import FrameError
from bender_worker_addon.core.frame import StoredFrame
from bender_worker_addon.worker.frames.store import delete, store, unchanged
from tests.unit.support import PNG, linked


@pytest.fixture
def rendered(tmp_path: Path) -> Path:
    path = tmp_path / "rendering" / "child" / "000007.png"
    (path.parent / "000007.files" / "passes").mkdir(parents=True)
    path.write_bytes(PNG)
    return path


@pytest.fixture
def made(rendered: Path) -> Path:
    return rendered.with_suffix(".files")


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "frames" / "job" / "000007.png"


def stored(rendered: Path, target: Path) -> StoredFrame:
    return store(rendered=rendered, target=target, number=7, image_format="PNG")


def there(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}


def test_they_go_with_their_frame_and_are_proven_and_deleted_with_it(rendered: Path, made: Path, target: Path) -> None:
    (made / "passes" / "z0007.exr").write_bytes(b"deep")
    (made / "passes" / "sub").mkdir()
    (made / "passes" / "sub" / "a0007.png").write_bytes(b"far")
    frame = stored(rendered, target)
    assert [(file.name, file.size) for file in frame.others] == [("passes/sub/a0007.png", 3), ("passes/z0007.exr", 4)]
    assert frame.others[1].hash == hashlib.blake2b(b"deep").hexdigest()
    assert there(target.parent) == {"000007.png", "passes/z0007.exr", "passes/sub/a0007.png"}
    assert there(rendered.parent.parent) == set()
    assert unchanged(frame)
    (target.parent / "passes" / "z0007.exr").write_bytes(b"flat")
    assert not unchanged(frame)
    (target.parent / "passes" / "somebody's.txt").write_text("mine")
    delete(frame)
    assert there(target.parent) == {"passes/somebody's.txt"}
    assert not (target.parent / "passes" / "sub").exists()


def test_no_link_is_followed_and_nothing_but_pictures_is_kept(
    rendered: Path, made: Path, target: Path, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "secret.png").write_bytes(b"secret")
    linked(made / "passes" / "link.png", home / "secret.png")
    linked(made / "folder", home)
    (made / "passes" / "script.py").write_text("import os")
    (made / "alone.png").write_bytes(b"would be among the frames")
    os.mkfifo(made / "passes" / "pipe.png")
    assert stored(rendered, target).others == ()
    assert there(target.parent) == {"000007.png"}
    assert there(home) == {"secret.png"}


def test_a_link_in_the_place_of_them_all_is_none(rendered: Path, made: Path, target: Path, tmp_path: Path) -> None:
    (tmp_path / "home" / "pictures").mkdir(parents=True)
    (tmp_path / "home" / "pictures" / "mine.png").write_bytes(b"mine")
    (made / "passes").rmdir()
    made.rmdir()
    linked(made, tmp_path / "home")
    assert stored(rendered, target).others == ()
    assert there(tmp_path / "home") == {"pictures/mine.png"}


def test_a_link_among_the_frames_leads_none_of_them_elsewhere(
    rendered: Path, made: Path, target: Path, tmp_path: Path
) -> None:
    (made / "passes" / "z0007.exr").write_bytes(b"deep")
    target.parent.mkdir(parents=True)
    (tmp_path / "home").mkdir()
    linked(target.parent / "passes", tmp_path / "home")
    with pytest.raises(FrameError, match=r"passes/z0007\.exr was not stored: .*passes is a link"):
        stored(rendered, target)
    assert there(tmp_path / "home") == set()
    assert not target.exists()
