# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames: a file is proven, hashed and moved into its place in one step, or nothing is there."""

import hashlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from bender_worker_addon.core.errors import FrameError, Remedy
from bender_worker_addon.core.frame import FORMATS
from bender_worker_addon.worker.frames.store import store, unchanged
from tests.unit.support import PNG, linked


@pytest.fixture
def rendered(tmp_path: Path) -> Path:
    path = tmp_path / "rendering" / "000007.png"
    path.parent.mkdir()
    path.write_bytes(PNG + b"pixels")
    return path


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "frames" / "job" / "000007.png"


def stored_error(rendered: Path, target: Path, image_format: str = "PNG") -> str:
    with pytest.raises(FrameError) as caught:
        store(rendered=rendered, target=target, number=7, image_format=image_format)
    assert not target.is_file()
    return str(caught.value)


def test_a_whole_frame_is_moved_into_its_place(rendered: Path, target: Path) -> None:
    frame = store(rendered=rendered, target=target, number=7, image_format="PNG")
    assert (frame.number, frame.path, frame.size) == (7, target, 14)
    assert target.read_bytes() == PNG + b"pixels"
    assert frame.hash == hashlib.blake2b(PNG + b"pixels").hexdigest()
    assert not rendered.exists()
    assert [path.name for path in target.parent.iterdir()] == ["000007.png"]


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Path]:
    """A folder on another disk."""
    shm = Path("/dev/shm")
    if not shm.is_dir() or shm.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is no other disk")
    with tempfile.TemporaryDirectory(dir=shm) as folder:
        yield Path(folder)


def test_a_frame_comes_whole_to_another_disk_too(rendered: Path, elsewhere: Path) -> None:
    target = elsewhere / "render" / "shot" / "000007.png"
    frame = store(rendered=rendered, target=target, number=7, image_format="PNG")
    assert (target.read_bytes(), frame.size, rendered.exists()) == (PNG + b"pixels", 14, False)
    assert [path.name for path in elsewhere.rglob("*")] == ["render", "shot", "000007.png"]


def test_the_hash_is_the_one_the_farm_knows(rendered: Path, target: Path) -> None:
    rendered.write_bytes(b"12345678")
    frame = store(rendered=rendered, target=target, number=7, image_format="TARGA")
    assert frame.hash.startswith("f5560c3296de4e0e")
    assert len(frame.hash) == 128


def test_a_frame_that_is_rendered_again_takes_the_place_of_the_old_one(rendered: Path, target: Path) -> None:
    target.parent.mkdir(parents=True)
    target.write_bytes(b"old")
    store(rendered=rendered, target=target, number=7, image_format="PNG")
    assert target.read_bytes() == PNG + b"pixels"


@pytest.mark.parametrize(
    ("image_format", "beginning"),
    [(name, signature) for name, known in FORMATS.items() for signature in known.signatures or (b"any",)],
)
def test_every_format_is_known_by_its_beginning(
    rendered: Path, target: Path, image_format: str, beginning: bytes
) -> None:
    rendered.write_bytes(beginning + b"pixels")
    assert store(rendered=rendered, target=target, number=7, image_format=image_format).size == len(beginning) + 6


def test_a_file_of_another_format_is_refused(rendered: Path, target: Path) -> None:
    assert "no JPEG" in stored_error(rendered, target, "JPEG")
    assert rendered.exists()


def test_an_empty_file_is_refused(rendered: Path, target: Path) -> None:
    rendered.write_bytes(b"")
    for image_format in ("PNG", "TARGA"):
        assert "empty" in stored_error(rendered, target, image_format)


def test_a_missing_file_is_told_with_its_frame(rendered: Path, target: Path) -> None:
    rendered.unlink()
    assert "frame 7" in stored_error(rendered, target)


def test_no_frame_goes_into_the_folder_of_a_job_of_almost_the_same_id(rendered: Path, target: Path) -> None:
    others = target.parent.with_name(target.parent.name.swapcase())
    others.mkdir(parents=True)
    (others / target.name).write_bytes(b"another's")
    if target.parent.exists():  # on a disk that takes both for one
        with pytest.raises(FrameError, match="another job") as caught:
            store(rendered=rendered, target=target, number=7, image_format="PNG")
        assert caught.value.remedy is Remedy.NONE
    else:
        store(rendered=rendered, target=target, number=7, image_format="PNG")
    assert (others / target.name).read_bytes() == b"another's"


def test_a_link_is_no_frame(rendered: Path, target: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere.png"
    rendered.rename(elsewhere)
    linked(rendered, elsewhere)
    assert "no plain file" in stored_error(rendered, target)
    assert elsewhere.exists()


def test_a_folder_is_no_frame(rendered: Path, target: Path) -> None:
    rendered.unlink()
    rendered.mkdir()
    assert "frame 7" in stored_error(rendered, target)


def test_a_place_that_cannot_be_written_is_named(rendered: Path, target: Path) -> None:
    target.parent.parent.write_text("a file where a folder should be")
    assert str(target) in stored_error(rendered, target)


def test_a_link_in_the_frames_place_is_replaced_not_followed(rendered: Path, target: Path, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("keep me")
    target.parent.mkdir(parents=True)
    linked(target, precious)
    store(rendered=rendered, target=target, number=7, image_format="PNG")
    assert precious.read_text() == "keep me"
    assert not target.is_symlink()


def test_a_stored_frame_is_unchanged_until_somebody_touches_it(rendered: Path, target: Path) -> None:
    frame = store(rendered=rendered, target=target, number=7, image_format="PNG")
    assert unchanged(frame)
    target.write_bytes(PNG + b"pixelz")
    assert not unchanged(frame)
    target.write_bytes(PNG + b"pixels and more")
    assert not unchanged(frame)
    target.unlink()
    assert not unchanged(frame)


def test_a_frame_is_not_led_elsewhere_by_a_link_in_the_place_of_its_folder(rendered: Path, target: Path) -> None:
    elsewhere = target.parents[2] / "elsewhere"
    elsewhere.mkdir()
    target.parent.parent.mkdir()
    linked(target.parent, elsewhere)
    assert "is a link to another folder" in stored_error(rendered, target)
    assert list(elsewhere.iterdir()) == []


def test_a_link_in_the_place_of_a_frame_is_replaced_and_not_followed(rendered: Path, target: Path) -> None:
    elsewhere = target.parents[2] / "elsewhere"
    elsewhere.write_bytes(b"precious")
    target.parent.mkdir(parents=True)
    linked(target, elsewhere)
    store(rendered=rendered, target=target, number=7, image_format="PNG")
    assert elsewhere.read_bytes() == b"precious"
    assert target.read_bytes() == PNG + b"pixels"
    assert not target.is_symlink()


def test_the_folder_of_all_frames_may_be_a_link(rendered: Path, target: Path) -> None:
    elsewhere = target.parents[2] / "elsewhere"
    elsewhere.mkdir()
    linked(target.parent.parent, elsewhere)
    store(rendered=rendered, target=target, number=7, image_format="PNG")
    assert (elsewhere / "job" / "000007.png").is_file()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such files")
def test_a_pipe_in_the_place_of_a_picture_is_not_waited_for(rendered: Path, target: Path) -> None:
    rendered.unlink()
    os.mkfifo(rendered)
    assert "is no plain file" in stored_error(rendered, target)
