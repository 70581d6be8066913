# SPDX-License-Identifier: GPL-3.0-or-later
"""On a disk that keeps Windows' rules for names, and takes capitals and small letters for the same, as those of Windows
and macOS do: whatever jobs, frames and their other files are called, each gets its own place there, or is refused."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bender_worker_addon.farm import frames_folder
from bender_worker_addon.system.platform import WINDOWS
from bender_worker_addon.worker.frames.store import store
from tests import disks
from tests.unit.conftest import StartFarm
from tests.unit.support import PNG, message

BAD_NAMES = [
    *(
        "con",
        "AUX",
        "aux.png",
        "nul.",
        "LPT1",
        "com1.shot",
        "a:b",
        'say "hi"?',
        "x. ",
        " x",
        "a\\b/c",
        "<|>*",
        "tab\there",
    ),
    *("x" * 99 + ". y", "..", "~$lock", "desktop.ini", "Straße"),
]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    if WINDOWS:
        yield tmp_path
        return
    with disks.of_windows(tmp_path / "disk") as made:
        yield made


def test_whatever_a_job_is_called_it_gets_a_folder_of_its_own(disk: Path) -> None:
    for name in BAD_NAMES:
        with frames_folder.made(disk, name) as first, frames_folder.made(disk, name.swapcase()) as second:
            assert not first.samefile(second)
            (first / "000001.png").write_bytes(PNG)
            assert not list(second.iterdir())


def test_whatever_other_files_are_called_each_has_a_name_there(disk: Path, tmp_path: Path) -> None:
    if WINDOWS:
        pytest.skip("no child can make these there")
    rendered = tmp_path / "rendering" / "child" / "000007.png"
    made = rendered.with_suffix(".files")
    for number, name in enumerate(BAD_NAMES):
        folder = made / name.replace("/", "_") if name != ".." else made / "dots"
        folder.mkdir(parents=True)
        (folder / f"{number} {name.replace('/', '_')[:80]}.png").write_bytes(PNG)
    for name in ("Beauty", "beauty"):
        (made / "passes").mkdir(exist_ok=True)
        (made / "passes" / f"{name}0007.png").write_bytes(PNG)
    rendered.write_bytes(PNG)
    frame = store(rendered=rendered, target=disk / "job" / "000007.png", number=7, image_format="PNG")
    assert len(frame.others) == len(BAD_NAMES) + 1  # of two that differ in capitals only one
    assert all(other.path(disk / "job").read_bytes() == PNG for other in frame.others)
    assert len({other.path(disk / "job").stat().st_ino for other in frame.others}) == len(frame.others)


def test_a_worker_renders_there_and_a_job_called_almost_as_another_takes_nothing_of_it(
    disk: Path, start_farm: StartFarm
) -> None:
    farm = start_farm(data_dir=disk / "data", blendpath=disk / "blends", outpath=disk / "frames")
    farm.add("shot-a")
    farm.broker.deliver(message("t1", job="shot-a"))
    farm.until_settled(1)
    frame = disk / "frames" / "shot-a" / "000001.png"
    first = frame.read_bytes()
    farm.add("SHOT-A")
    farm.broker.deliver(message("t2", job="SHOT-A"))
    farm.until_settled(2)
    assert [how for how, _ in farm.broker.settled] == ["ack", "rejected"]
    assert "capital letters only" in farm.broker.tasks("error")[-1]["data"]["error"]
    assert frame.read_bytes() == first
