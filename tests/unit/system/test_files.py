# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that another program has open: Windows neither moves nor removes them until it lets go."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bender_worker_addon.system.durable import make_durable, write_private
from bender_worker_addon.system.files import discard_folder, move, patiently, remove, remove_folder
from bender_worker_addon.system.platform import WINDOWS

AWHILE = 0.4  # seconds


@contextmanager
def held_awhile(file: Path) -> Iterator[None]:
    """As by a virus scanner that has just seen it come."""
    opened = file.open("rb")
    letting_go = threading.Timer(AWHILE, opened.close)
    letting_go.start()
    yield
    letting_go.join()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "folder" / "file"
    file.parent.mkdir()
    file.write_text("old")
    return file


def replaced(file: Path) -> None:
    fresh = file.with_name("fresh")
    fresh.write_text("new")
    make_durable(fresh, file)


@pytest.mark.parametrize(
    "work",
    [
        remove,
        replaced,
        lambda file: write_private(file, "new"),
        lambda file: move(file, file.with_name("another")),
        lambda file: remove_folder(file.parent),
        lambda file: discard_folder(file.parent),
    ],
    ids=["removed", "replaced", "written", "moved", "its folder removed", "its folder discarded"],
)
def test_what_somebody_has_open_for_a_moment_is_waited_for(file: Path, work: Callable[[Path], None]) -> None:
    with held_awhile(file):
        work(file)
    assert not file.exists() or file.read_text() == "new"


def test_what_stays_open_is_told_and_all_else_is_removed(file: Path) -> None:
    other = file.with_name("z-other")
    other.touch()
    with file.open("rb"):
        if WINDOWS:
            with pytest.raises(PermissionError):
                remove_folder(file.parent)
        else:
            remove_folder(file.parent)
        discard_folder(file.parent)
        assert not other.exists()


def test_what_is_not_there_is_no_trouble(tmp_path: Path) -> None:
    remove(tmp_path / "none")
    remove_folder(tmp_path / "none")


def test_other_errors_are_told_at_once() -> None:
    tries = []

    def work() -> None:
        tries.append(1)
        raise FileNotFoundError

    with pytest.raises(FileNotFoundError):
        patiently(work)
    assert len(tries) == 1
