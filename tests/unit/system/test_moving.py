# SPDX-License-Identifier: GPL-3.0-or-later
"""Moving a folder of data: on one disk, to another, broken off, and by several at once."""

import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bender_worker_addon.system import moving
from tests.unit.support import DEADLINE

PROJECT = Path(__file__).resolve().parents[3]
SHM = Path("/dev/shm")


@pytest.fixture
def old(tmp_path: Path) -> Path:
    folder = tmp_path / "old"
    (folder / "frames" / "shot").mkdir(parents=True)
    for number in range(1, 4):
        (folder / "frames" / "shot" / f"00000{number}.png").write_bytes(bytes([number]) * 1000)
    (folder / "config.toml").write_text("id = 'me'")
    (folder / "link").symlink_to("config.toml")
    return folder


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Path]:
    """A folder on another disk."""
    if not SHM.is_dir() or SHM.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is no other disk")
    folder = Path(tempfile.mkdtemp(dir=SHM))
    yield folder
    shutil.rmtree(folder)


def held(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_on_one_disk(old: Path, tmp_path: Path) -> None:
    before, new = held(old), tmp_path / "data" / "new"
    assert not moving.needs_another_disk(old, new)
    moving.move(old, new)
    assert (held(new), old.exists()) == (before, False)


def test_to_another_disk(old: Path, elsewhere: Path) -> None:
    before, new = held(old), elsewhere / "data" / "new"
    assert moving.needs_another_disk(old, new)
    moving.move(old, new)
    assert (held(new), old.exists(), (new / "link").is_symlink()) == (before, False, True)
    assert [path.name for path in new.parent.iterdir()] == ["new"]


def test_what_a_copy_that_broke_off_has_left_is_not_taken_for_it(old: Path, elsewhere: Path) -> None:
    before, new = held(old), elsewhere / "new"
    (elsewhere / ".new.part" / "frames").mkdir(parents=True)
    (elsewhere / ".new.part" / "frames" / "half").write_bytes(b"ha")
    moving.move(old, new)
    assert (held(new), old.exists()) == (before, False)


def test_one_without_room_leaves_all_where_it_was(old: Path, elsewhere: Path) -> None:
    before, new = held(old), elsewhere / "new"
    (elsewhere / ".new.part").write_bytes(b"no folder: nothing can be copied into it")
    with pytest.raises(OSError, match=r"Not a directory"):
        moving.move(old, new)
    assert (held(old), new.exists()) == (before, False)


@pytest.mark.parametrize("after", [0.0, 0.05, 0.1, 0.2, 0.3, 0.5])
def test_one_that_is_killed_at_any_moment_loses_nothing(old: Path, elsewhere: Path, after: float) -> None:
    for number in range(400):
        (old / "frames" / f"more-{number}").write_bytes(bytes(20_000))
    before, new = held(old), elsewhere / "new"
    code = (
        "import sys; from pathlib import Path; from bender_worker_addon.system.moving import move;"
        " print('begins', flush=True); move(Path(sys.argv[1]), Path(sys.argv[2]))"
    )
    command = [sys.executable, "-c", code, str(old), str(new)]
    with subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE) as mover:
        assert mover.stdout is not None
        assert mover.stdout.readline()
        time.sleep(after)
        mover.send_signal(signal.SIGKILL)
        mover.wait(DEADLINE)
    whole = held(new) if new.exists() else held(old)
    whole.pop(".moved-from", None)
    assert whole == before
    if new.exists():
        moving.finish(old, new)
    else:
        moving.move(old, new)
    assert (held(new), old.exists()) == (before, False)


def test_what_is_emptied_is_only_what_was_moved(old: Path, tmp_path: Path) -> None:
    """As when an earlier version was installed again and has made the old folder anew."""
    new = tmp_path / "new"
    new.mkdir()
    before = held(old)
    moving.finish(old, new)
    assert held(old) == before
