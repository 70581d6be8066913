# SPDX-License-Identifier: GPL-3.0-or-later
"""Cleaning: only what this worker has stored, and is as it was, is found or deleted."""

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from bender_worker_addon.core.errors import WorkerError
from bender_worker_addon.settings.config import WorkerConfig
from bender_worker_addon.worker.cleaning import Cleaning
from tests.unit.conftest import StartFarm
from tests.unit.support import Farm, message


def cleaning(farm: Farm, **settings: Any) -> Cleaning:
    folders = {"data_dir": farm.folder, "blendpath": farm.folder / "blends", "outpath": farm.folder / "frames"}
    return Cleaning(WorkerConfig(**{"queue": "rabbitmq", "id": "w1", **folders, **settings}))


@pytest.fixture
def used(start_farm: StartFarm) -> Farm:
    """What a worker has left that has uploaded frames 1 and 2 but kept them, and then frame 3 without uploading it."""
    for upload, task, frames in (("copy", "a", [1, 2]), ("off", "b", [3])):
        farm = start_farm(upload=upload)
        farm.add()
        farm.broker.deliver(message(task, frames=frames))
        farm.until_settled()
        farm.worker.close()
    return farm


def numbers(frames: Any) -> list[int]:
    return sorted(frame.number for frame in frames)


def test_what_is_safe_elsewhere_is_told_from_what_is_not(used: Farm) -> None:
    with closing(cleaning(used)) as found:
        assert list(found.find().blends) == ["job-1"]
        assert numbers(found.find().uploaded) == [1, 2]
        assert numbers(found.find().only_here) == [3]


def test_what_is_somebody_elses_is_neither_found_nor_deleted(used: Farm) -> None:
    blend = used.folder / "blends" / "robot.blend"
    blend.write_bytes(b"BLENDER")
    stranger = used.frame(9)
    stranger.write_bytes(b"picture")
    film = used.folder / "frames" / "job-1.mp4"
    film.write_bytes(b"film")
    retouched = used.frame(2)
    retouched.write_bytes(bytes(reversed(retouched.read_bytes())))
    with closing(cleaning(used)) as found:
        all_of_it = found.find()
        found.delete_blends(all_of_it.blends)
        assert found.delete_frames([*all_of_it.uploaded, *all_of_it.only_here]) == 2
    assert blend.exists()
    assert film.exists()
    assert sorted(path.name for path in used.frame(1).parent.iterdir()) == [retouched.name, stranger.name]


def test_an_emptied_folder_goes_and_nothing_is_found_any_more(used: Farm) -> None:
    with closing(cleaning(used)) as found:
        all_of_it = found.find()
        found.delete_blends(all_of_it.blends)
        found.delete_frames([*all_of_it.uploaded, *all_of_it.only_here])
        again = found.find()
    assert (again.blends, again.uploaded, again.only_here) == ({}, (), ())
    assert not used.frame(1).parent.exists()


def test_frames_in_another_folder_than_the_one_that_is_set_are_left_alone(used: Farm, tmp_path: Path) -> None:
    with closing(cleaning(used, outpath=tmp_path / "else")) as found:
        assert found.find().uploaded == ()


def test_a_folder_that_can_not_even_be_looked_at_holds_nothing(used: Farm, tmp_path: Path) -> None:
    """The system refuses a name so long."""
    with closing(cleaning(used, blendpath=tmp_path / ("x" * 300))) as found:
        assert found.find().blends == {}


def test_no_worker_may_run_meanwhile(farm: Farm) -> None:
    with pytest.raises(WorkerError, match="stop it first"):
        cleaning(farm)


@pytest.mark.parametrize("settings", [{"mode": "Server"}, {"queue": "local"}], ids=str)
def test_what_the_farm_shares_is_the_farms(used: Farm, settings: dict[str, str]) -> None:
    """Its films too, which are made there only."""
    with pytest.raises(WorkerError, match="the farm's"):
        cleaning(used, **settings)
